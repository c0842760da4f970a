// Package docs checks the documents of the repository.
package docs

import (
	"bytes"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark/ast"

	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
)

// root is the repository.
const root = "../.."

// document is one page.
type document struct {
	source  []byte
	page    ast.Node
	anchors map[string]bool
	links   []string
}

func parse(t *testing.T, file string) document {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parseSource(source)
}

func parseSource(source []byte) document {
	d := document{source: source, page: markdown.Parse(source), anchors: map[string]bool{"": true}}
	seen := map[string]int{}
	for n := range d.nodes() {
		switch n := n.(type) {
		case *ast.Heading:
			a := anchor(plain(n, source))
			d.anchors[a] = true
			if seen[a] > 0 { // a heading that stands there already
				d.anchors[a+"-"+strconv.Itoa(seen[a])] = true
			}
			seen[a]++
		case *ast.Link:
			d.links = append(d.links, string(n.Destination))
		case *ast.Image:
			d.links = append(d.links, string(n.Destination))
		}
	}
	return d
}

// nodes returns every node of the page, in its order.
func (d document) nodes() iter.Seq[ast.Node] {
	return func(yield func(ast.Node) bool) {
		// A walk fails only if its function does.
		_ = ast.Walk(d.page, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if entering && !yield(n) {
				return ast.WalkStop, nil
			}
			return ast.WalkContinue, nil
		})
	}
}

// plain returns the text of a node without its markup.
func plain(n ast.Node, source []byte) string {
	var all bytes.Buffer
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if leaf, ok := c.(*ast.Text); ok {
			all.Write(leaf.Value(source))
		} else {
			all.WriteString(plain(c, source))
		}
	}
	return all.String()
}

// anchor returns the anchor of a heading as GitHub makes it.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// documents returns the Markdown files of the repository, by path from its root.
func documents(t *testing.T) map[string]document {
	t.Helper()
	all := map[string]document{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == ".git" || name == "bin" || name == "testdata" || name == ".run") {
			return filepath.SkipDir
		}
		if filepath.Ext(file) == ".md" {
			from, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			all[filepath.ToSlash(from)] = parse(t, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	all := documents(t)
	for from, d := range all {
		for _, link := range d.links {
			to, err := url.Parse(link)
			if err != nil {
				t.Errorf("%s: %s: %v", from, link, err)
				continue
			}
			if to.Scheme != "" { // a page of another site, which a test without a network cannot ask for
				continue
			}
			target := from
			if to.Path != "" {
				target = path.Join(path.Dir(from), to.Path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", from, link)
				continue
			}
			if page, isPage := all[target]; isPage && !page.anchors[to.Fragment] {
				t.Errorf("%s links to %s, and %s has no such heading", from, link, target)
			}
		}
	}
}

// A page that no other one links to is not found.
func TestEveryDocumentIsReachedFromTheReadme(t *testing.T) {
	all := documents(t)
	reached, next := map[string]bool{}, []string{"README.md"}
	for len(next) > 0 {
		from := next[0]
		next = next[1:]
		if reached[from] {
			continue
		}
		reached[from] = true
		for _, link := range all[from].links {
			to, _, _ := strings.Cut(link, "#")
			target := path.Join(path.Dir(from), to)
			if _, isPage := all[target]; isPage {
				next = append(next, target)
			}
			for page := range all { // a link to a folder shows its pages
				if path.Dir(page) == target {
					next = append(next, page)
				}
			}
		}
	}
	for page := range all {
		if strings.HasPrefix(page, "docs/") && !reached[page] {
			t.Errorf("%s is not reached from README.md", page)
		}
	}
}
