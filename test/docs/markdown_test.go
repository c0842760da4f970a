package docs

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"

	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
)

// generated are the pages that programs write. What they copy from elsewhere need not follow the rules of form.
var generated = []string{"docs/plugin/", "docs/dialects.md"}

func isGenerated(page string) bool {
	return slices.ContainsFunc(generated, func(prefix string) bool { return strings.HasPrefix(page, prefix) })
}

// rule is one rule of markdownlint, which needs Node.js.
type rule struct {
	name  string
	check func(document) []problem
}

// problem is one place at which a page breaks a rule.
type problem struct {
	line int
	what string
}

var rules = []rule{
	{"MD001, MD025, MD041: headings", checkHeadings},
	{"MD009, MD010, MD012, MD047: white space", checkWhiteSpace},
	{"MD034: bare URLs", checkURLs},
	{"MD040, MD046: blocks of code", checkBlocks},
}

func TestDocumentsFollowTheRulesOfMarkdownlint(t *testing.T) {
	for page, d := range documents(t) {
		if isGenerated(page) {
			continue
		}
		for _, r := range rules {
			for _, p := range r.check(d) {
				t.Errorf("%s:%d: %s (%s)", page, p.line, p.what, r.name)
			}
		}
	}
}

func TestRulesOfMarkdownlint(t *testing.T) {
	for name, page := range map[string]struct {
		source   string
		problems int
	}{
		"a good page":           {"# A\n\nText <https://example.com>.\n\n## B\n\n```sh\nls\n```\n", 0},
		"no title":              {"Text\n", 1},
		"two titles":            {"# A\n\n# B\n", 1},
		"a level is left out":   {"# A\n\n### B\n", 1},
		"a space at the end":    {"# A\n\nText \n", 1},
		"a tab":                 {"# A\n\nText\twith a tab\n", 1},
		"two empty lines":       {"# A\n\n\nText\n", 1},
		"no line break at last": {"# A\n\nText", 1},
		"a bare URL":            {"# A\n\nSee https://example.com here.\n", 1},
		"no language":           {"# A\n\n```\nls\n```\n", 1},
		"an indented block":     {"# A\n\n    ls\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var found []problem
			for _, r := range rules {
				found = append(found, r.check(parseSource([]byte(page.source)))...)
			}
			if len(found) != page.problems {
				t.Errorf("found %v, expected %d", found, page.problems)
			}
		})
	}
}

func checkHeadings(d document) (all []problem) {
	level := 0
	for n := range d.nodes() {
		h, ok := n.(*ast.Heading)
		if !ok {
			continue
		}
		line := d.line(h.Lines().At(0).Start)
		switch {
		case level == 0 && h.Level != 1:
			all = append(all, problem{line, "the first heading is not of level 1"})
		case level > 0 && h.Level == 1:
			all = append(all, problem{line, "a second heading of level 1"})
		case h.Level > level+1:
			all = append(all, problem{line, "a level of headings is left out"})
		}
		level = h.Level
	}
	if level == 0 {
		all = append(all, problem{1, "no heading"})
	}
	return all
}

func checkWhiteSpace(d document) (all []problem) {
	lines := strings.Split(string(d.source), "\n")
	for i, line := range lines {
		switch {
		case strings.TrimRight(line, " ") != line:
			all = append(all, problem{i + 1, "spaces at the end of a line"})
		case strings.Contains(line, "\t"):
			all = append(all, problem{i + 1, "a tab"})
		case i > 0 && i < len(lines)-1 && line == "" && lines[i-1] == "":
			all = append(all, problem{i + 1, "two empty lines"})
		}
	}
	if !bytes.HasSuffix(d.source, []byte("\n")) || bytes.HasSuffix(d.source, []byte("\n\n")) {
		all = append(all, problem{len(lines), "the page does not end with one line break"})
	}
	return all
}

// checkURLs compares how often a URL is a link with how often it is in angle brackets, because the parser makes a link of both.
func checkURLs(d document) (all []problem) {
	links := map[string]int{}
	for n := range d.nodes() {
		if link, ok := n.(*ast.AutoLink); ok {
			links[string(link.Label(d.source))]++
		}
	}
	for _, url := range slices.Sorted(maps.Keys(links)) {
		if bytes.Count(d.source, []byte("<"+url+">")) < links[url] {
			all = append(all, problem{d.line(bytes.Index(d.source, []byte(url))), url + " is not in angle brackets"})
		}
	}
	return all
}

func checkBlocks(d document) (all []problem) {
	for n := range d.nodes() {
		if block, ok := n.(*ast.CodeBlock); ok {
			all = append(all, problem{d.line(block.Lines().At(0).Start), "a block of code without a fence"})
		}
	}
	for _, block := range markdown.Blocks(d.source) {
		if block.Language == "" {
			all = append(all, problem{block.Line, "a block of code without a language"})
		}
	}
	return all
}
