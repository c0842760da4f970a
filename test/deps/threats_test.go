package deps

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// heldBy matches a test in a row of docs/threat-model.md: its folder, and its name or the beginning of the text of its
// Ginkgo node.
var heldBy = regexp.MustCompile("^`([a-z0-9/-]+)`: (.+)$")

// A namedTest is a test that a row of docs/threat-model.md names.
type namedTest struct{ folder, name string }

// testsOf returns the tests that a document names in the third column of its tables of threats. Any other row of such a table
// is an error.
func testsOf(document string) (tests []namedTest, err error) {
	isThreat := false
	for line := range strings.Lines(document) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 {
			isThreat = false
			continue
		}
		cells = cells[1 : len(cells)-1]
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "tries to":
			isThreat = true
			continue
		case !isThreat, strings.HasPrefix(cells[0], "---"):
			continue
		case len(cells) != 4:
			return nil, fmt.Errorf("the row %q has %d columns instead of 4", cells[0], len(cells))
		}
		for _, text := range strings.Split(cells[2], "; `") {
			named := heldBy.FindStringSubmatch("`" + strings.TrimPrefix(text, "`"))
			if named == nil {
				return nil, fmt.Errorf("the row %q has %q in the place of a test: name its folder in backquotes, a colon, and its name", cells[0], text)
			}
			tests = append(tests, namedTest{named[1], named[2]})
		}
	}
	return tests, nil
}

func TestThreatModelNamesTestsThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	document, err := os.ReadFile(filepath.Join(root, "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := testsOf(string(document))
	if err != nil || len(tests) < 70 {
		t.Fatalf("%d tests: %v", len(tests), err)
	}
	for _, test := range tests {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(test.folder), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || declares(string(content), test.name)
		}
		if !found {
			t.Errorf("%s has no test %q", test.folder, test.name)
		}
	}
}

func TestARowOfTheThreatModelWithoutATestIsRefused(t *testing.T) {
	const head = "| tries to | what stops it | test | what is left |\n|---|---|---|---|\n"
	for what, row := range map[string]string{
		"none":       "| a | b | none | |\n",
		"empty":      "| a | b | | |\n",
		"no name":    "| a | b | `test/deps` | |\n",
		"no quotes":  "| a | b | test/deps: TestA | |\n",
		"one of two": "| a | b | `test/deps`: TestA; `test/deps` | |\n",
		"no column":  "| a | b | `test/deps`: TestA |\n",
	} {
		if tests, err := testsOf(head + "| x | y | `test/deps`: TestA | |\n" + row); err == nil {
			t.Errorf("%s: %v", what, tests)
		}
	}
	tests, err := testsOf("| boundary | side |\n|---|---|\n| a | b |\n\n" + head + "| a | b | `test/deps`: does a; b; and c; `test/crd`: does d | |\n")
	if want := []namedTest{{"test/deps", "does a; b; and c"}, {"test/crd", "does d"}}; err != nil || !slices.Equal(tests, want) {
		t.Errorf("%v, %v, want %v", tests, err, want)
	}
}

// declares reports whether a file declares the test or fuzz test of that name, or a Ginkgo node whose text begins
// with it.
func declares(content, name string) bool {
	quoted := regexp.QuoteMeta(name)
	node := `\b(Describe|DescribeTable|Context|When|It|Entry)\("` + quoted
	return regexp.MustCompile(`(?m)^func ` + quoted + `\(|` + node).MatchString(content)
}

func TestOnlyADeclarationIsATest(t *testing.T) {
	for content, want := range map[string]bool{
		"func TestX(t *testing.T) {":          true,
		"func TestXY(t *testing.T) {":         false,
		"// TestX shows it.":                  false,
		"\tIt(\"TestX is refused\", func() {": true,
		"\tExpect(\"TestX\")":                 false,
	} {
		if declares(content, "TestX") != want {
			t.Errorf("%s: %t", content, !want)
		}
	}
}
