package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
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

// A reader must be able to tell a command that was tried from one that was not. docs/contributing.md explains the marks.
// test/commands runs the blocks that are marked run.
func TestEveryBlockOfCommandsSaysWhetherATestRunsIt(t *testing.T) {
	for page, d := range documents(t) {
		for _, block := range markdown.Blocks(d.source) {
			if !block.IsCommands() || block.Mark == "run" && strings.HasPrefix(page, "docs/") {
				continue
			}
			kind, value, _ := strings.Cut(block.Mark, "=")
			switch {
			case kind == "test":
				for _, command := range untested(t, block.Text, value) {
					t.Errorf("%s:%d: no test in %s runs %q", page, block.Line, value, command)
				}
			case kind != "needs" || needs[value] == "":
				t.Errorf("%s:%d: the block is marked %q, and not run, test=FOLDER or needs=THING", page, block.Line, block.Mark)
			}
		}
	}
}

// command matches what make, helm or the plugin of kubectl is asked to do.
var command = regexp.MustCompile(`(?m)^ *(?:make|helm|kubectl cloudsso(?: credential)?) ([a-z-]+)`)

// untested returns the commands of a block that the tests of a folder do not name. They run them with arguments of their own.
func untested(t *testing.T, block, folder string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests", folder)
	}
	var tests strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(source)
	}
	for _, match := range command.FindAllStringSubmatch(block, -1) {
		if !strings.Contains(tests.String(), `"`+match[1]+`"`) && !strings.Contains(tests.String(), "make "+match[1]) {
			all = append(all, strings.TrimSpace(match[0]))
		}
	}
	return all
}

func TestACommandThatNoTestNamesIsFound(t *testing.T) {
	if all := untested(t, "make undeploy\nmake chaos\nkubectl get pods\n", "test/uninstall"); len(all) != 1 || all[0] != "make chaos" {
		t.Error(all)
	}
}
