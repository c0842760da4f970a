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

// Every bound is in the documentation, with its value and no other.
func TestTheDocumentationHasEveryLimit(t *testing.T) {
	page, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\|[^|]*\\| ([\\d,]+)[^|]*\\| `(\\w+)`").FindAllStringSubmatch(string(page), -1) {
		told[row[2]] = strings.ReplaceAll(row[1], ",", "")
	}
	for name, value := range declared(t) {
		if told[name] != value {
			t.Errorf("%s is %s, the documentation says %q", name, value, told[name])
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("the documentation tells of %s, which there is not", name)
	}
}

// declared are the constants of limits.go and their values.
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
		t.Fatal("there are none")
	}
	return values
}
