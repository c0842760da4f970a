package deps

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// heldBy matches a test in a row of docs/threat-model.md: its folder and a part of its name.
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
			found = found || strings.Contains(string(content), name)
		}
		if !found {
			t.Errorf("%s has no test %q", folder, name)
		}
	}
}
