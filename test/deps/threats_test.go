package deps

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// heldBy matches a test in a row of docs/threat-model.md: its folder, and its name or the beginning of the text of its
// Ginkgo node.
var heldBy = regexp.MustCompile("\\| `([a-z0-9/]+)`: ([^|]+) \\|")

func TestThreatModelNamesTestsThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	document, err := os.ReadFile(filepath.Join(root, "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := heldBy.FindAllStringSubmatch(string(document), -1)
	if len(rows) < 20 {
		t.Fatalf("%d rows name a test", len(rows))
	}
	for _, row := range rows {
		folder, name := row[1], row[2]
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || declares(string(content), name)
		}
		if !found {
			t.Errorf("%s has no test %q", folder, name)
		}
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
