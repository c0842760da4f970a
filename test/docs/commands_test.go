package docs

import (
	"io/fs"
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
	"release":  "the files of a published release",
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

// kubectlFile matches the files and folders that kubectl is given. One of the repository is named by the tests.
var kubectlFile = regexp.MustCompile(` (?:-f|-k) ([a-zA-Z][\w./-]*)`)

// kubectlKinds matches the kinds of what kubectl is asked for.
var kubectlKinds = regexp.MustCompile(`\bkubectl (?:-n \S+ )?(?:get|create|delete|patch|label|annotate|logs|scale|rollout \w+) (?:-n \S+ |--\S+ )*([a-z][a-z,]*)`)

// untested returns the commands of a block that the tests of a folder do not name. They run them with arguments of their own,
// or do the same through the API: then they name the kind.
func untested(t *testing.T, block, folder string) (all []string) {
	t.Helper()
	tests := sources(t, folder)
	for _, match := range command.FindAllStringSubmatch(block, -1) {
		if !strings.Contains(tests, `"`+match[1]+`"`) && !strings.Contains(tests, "make "+match[1]) {
			all = append(all, strings.TrimSpace(match[0]))
		}
	}
	for _, match := range filesOfKubectl(block) {
		if _, err := os.Stat(filepath.Join(root, match[1])); err == nil && !strings.Contains(tests, match[1]) {
			all = append(all, match[0])
		}
	}
	lower := strings.ToLower(tests)
	for _, match := range kubectlKinds.FindAllStringSubmatch(block, -1) {
		for kind := range strings.SplitSeq(match[1], ",") {
			if kind != "cloudsso" && !strings.Contains(lower, strings.TrimSuffix(strings.TrimSuffix(kind, "s"), "ie")) {
				all = append(all, match[0])
			}
		}
	}
	return all
}

// filesOfKubectl returns the matches of kubectlFile in the lines that call kubectl.
func filesOfKubectl(block string) (matches [][]string) {
	for line := range strings.Lines(block) {
		if strings.Contains(line, "kubectl ") {
			matches = append(matches, kubectlFile.FindAllStringSubmatch(line, -1)...)
		}
	}
	return matches
}

// sources returns the tests of a folder.
func sources(t *testing.T, folder string) string {
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
	return tests.String()
}

// applied matches a text that tells to apply a folder of config.
var applied = regexp.MustCompile(`(?i)\bappl(?:y|ies|ied|ying)\b[^.;|]{0,60}?\bconfig/([a-z-]+)`)

// applicable are the folders that can be applied as they are. The others have the image latest, an example of a public URL and the
// default names, or cannot be built alone.
var applicable = map[string]bool{"argocd": true, "crd": true, "demo": true, "samples": true}

// harmful returns what a text tells to apply, and must not.
func harmful(text string) (all []string) {
	for _, match := range applied.FindAllStringSubmatch(strings.Join(strings.Fields(text), " "), -1) {
		if !applicable[match[1]] {
			all = append(all, match[0])
		}
	}
	return all
}

// On a running installation, kubectl apply -k config/default starts another image with another URL, and takes fields from Helm.
func TestNoPageTellsToApplyManifestsThatDoHarm(t *testing.T) {
	for page, d := range documents(t) {
		for _, text := range harmful(string(d.source)) {
			t.Errorf("%s: %q: link to docs/install.md#repair instead", page, text)
		}
	}
}

func TestNoMessageTellsToApplyManifestsThatDoHarm(t *testing.T) {
	for _, folder := range []string{"cmd", "controllers", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(file string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			source, err := os.ReadFile(file)
			for _, text := range harmful(string(source)) {
				t.Errorf("%s: %q: name docs/install.md, \"Repair\" instead", file, text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestManifestsThatDoHarmAreFound(t *testing.T) {
	for text, found := range map[string]bool{
		"Run `kubectl apply -k config/default` with your values.":            true,
		"If the log says so, apply `config/rbac` and\n`config/policy` again": true,
		"kubectl apply --server-side --force-conflicts -k config/crd":        false,
		"Apply the CRDs. They are in config/default.":                        false,
	} {
		if all := harmful(text); len(all) > 0 != found {
			t.Errorf("%s: %q", text, all)
		}
	}
}

func TestACommandThatNoTestNamesIsFound(t *testing.T) {
	for command, found := range map[string]bool{
		"helm install a":                                                   false,
		"helm registry login":                                              true,
		"kubectl -n acme create secret tls a":                              false,
		"kubectl -n acme delete job,podtemplate a":                         true,
		"kubectl apply -k config/samples":                                  false,
		"kubectl apply -k config/gateway":                                  true,
		"kubectl -n acme apply -f - <<EOF":                                 false,
		"kubectl -n acme apply -f another/a.yaml":                          false,
		"kubectl version":                                                  false,
		"kubectl get -n acme podtemplates":                                 true,
		"kubectl apply -k config/gateway\nkubectl apply -k config/samples": true,
		"kubectl apply -k config/gateway -f another/a.yaml":                true,
	} {
		if all := untested(t, command+"\n", "test/install"); len(all) > 0 != found {
			t.Errorf("%s: %q", command, all)
		}
	}
}
