package limits_test

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strings"
	"testing"
)

const documentation = "../../../docs/limits.md"

// The documentation must list every limit with its value, and no other.
func TestTheDocumentationHasEveryLimit(t *testing.T) {
	page, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\|[^|]*\\| ([\\d,]+)[^|]*\\| `(\\w+)`").FindAllStringSubmatch(string(page), -1) {
		documented[row[2]] = strings.ReplaceAll(row[1], ",", "")
	}
	for name, value := range declared(t) {
		if documented[name] != value {
			t.Errorf("%s is %s, the documentation says %q", name, value, documented[name])
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("the documentation lists %s, which is not a limit", name)
	}
}

// declared returns the constants of limits.go and their values.
func declared(t *testing.T) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "limits.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.Default()}
	pkg, err := config.Check("limits", files, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok {
			values[name] = constant.ToInt(c.Val()).ExactString()
		}
	}
	if len(values) == 0 {
		t.Fatal("limits.go declares no constants")
	}
	return values
}
