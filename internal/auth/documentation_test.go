package auth_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	sourcetoken "go/token"
	"os"
	"testing"
)

// A person who reads a reason in the provisioning log finds in the documentation what to do.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons := declaredReasons(t)
	if len(reasons) == 0 {
		t.Fatal("authenticator.go declares no Reason")
	}
	for _, reason := range reasons {
		if !bytes.Contains(page, []byte("`"+reason+"`")) {
			t.Errorf("docs/troubleshooting.md does not say what to do about `%s`", reason)
		}
	}
}

// declaredReasons returns the values of the constants of type Reason.
func declaredReasons(t *testing.T) (reasons []string) {
	t.Helper()
	file, err := parser.ParseFile(sourcetoken.NewFileSet(), "authenticator.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		for _, value := range spec.Values {
			if literal, ok := value.(*ast.BasicLit); ok {
				reasons = append(reasons, literal.Value[1:len(literal.Value)-1])
			}
		}
		return true
	})
	return reasons
}
