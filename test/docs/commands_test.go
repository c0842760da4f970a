package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
)

// needs are what a block of commands can need that no test of this repository has.
var needs = map[string]string{
	"provider": "a live identity provider, or a person's token of it",
	"registry": "a registry for images",
	"cloud":    "an account of a cloud",
	"cluster":  "a cluster with nodes, in which the operator is installed",
	"fault":    "something that has failed",
	"time":     "many minutes",
}

// commands is a block of shell commands in a page.
type commands struct {
	place string // such as docs/switch.md:28
	mark  string // what follows the language: run, test=FOLDER or needs=THING
	lines []string
}

// shells are the languages of blocks that people copy into a terminal.
var shells = []string{"sh", "shell", "bash"}

// blockLine returns the line of the first line in a fenced block.
func (d document) blockLine(n *ast.FencedCodeBlock) int {
	switch {
	case n.Lines().Len() > 0:
		return d.line(n.Lines().At(0).Start)
	case n.Info != nil:
		return d.line(n.Info.Segment.Start)
	}
	return 0
}

func (d document) commands(page string) (all []commands) {
	for n := range d.nodes() {
		block, ok := n.(*ast.FencedCodeBlock)
		if !ok || !slices.Contains(shells, string(block.Language(d.source))) {
			continue
		}
		_, mark, _ := strings.Cut(string(block.Info.Segment.Value(d.source)), " ")
		c := commands{place: fmt.Sprintf("%s:%d", page, d.blockLine(block)), mark: mark}
		for i := range block.Lines().Len() {
			segment := block.Lines().At(i)
			c.lines = append(c.lines, strings.TrimSuffix(string(segment.Value(d.source)), "\n"))
		}
		all = append(all, c)
	}
	return all
}

// A reader must be able to tell a command that was tried from one that was not. docs/contributing.md explains the marks.
func TestEveryBlockOfCommandsSaysWhetherATestRunsIt(t *testing.T) {
	for page, d := range documents(t) {
		for _, c := range d.commands(page) {
			kind, value, _ := strings.Cut(c.mark, "=")
			switch {
			case c.mark == "run":
			case kind == "test":
				checkTested(t, c, value)
			case kind == "needs" && needs[value] != "":
			default:
				t.Errorf("%s: the block is marked %q, and not as run, test=FOLDER or needs=THING", c.place, c.mark)
			}
		}
	}
}

// verb matches what make, helm or the plugin of kubectl is asked to do.
var verb = regexp.MustCompile(`^ *(?:make|helm|kubectl cloudsso(?: credential)?) ([a-z-]+)`)

// checkTested checks that the tests of a folder know each verb of the block. They run it with arguments of their own.
func checkTested(t *testing.T, c commands, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s: %s has no tests", c.place, folder)
		return
	}
	var sources strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(source)
	}
	for _, line := range c.lines {
		match := verb.FindStringSubmatch(line)
		if match == nil || strings.Contains(sources.String(), `"`+match[1]+`"`) || strings.Contains(sources.String(), "make "+match[1]) {
			continue
		}
		t.Errorf("%s: no test in %s runs %q", c.place, folder, strings.TrimSpace(match[0]))
	}
}
