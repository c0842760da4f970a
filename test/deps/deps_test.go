// Package deps holds the import rules: which package of the operator may know which.
// The linter holds them too, for the file that is being written; this test follows
// the imports through other packages and names the whole chain.
package deps

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cloudsso/cloudsso-operator"

// A rule says what a package must not reach. Packages are given by import path.
type rule struct {
	name    string
	applies func(pkg string) bool
	forbids func(pkg, imported string) bool
	// directOnly leaves out what is reached through other packages.
	directOnly bool
}

var rules = []rule{
	{
		name:    "the API imports apimachinery only",
		applies: under(our("api")),
		forbids: func(_, imported string) bool {
			return !standard(imported) && !in(imported, our("api"), "k8s.io/apimachinery")
		},
		directOnly: true, // apimachinery has imports of its own
	},
	{
		name:    "the SCIM core stands on the standard library and golang.org/x/text",
		applies: under(our("internal/scim")),
		forbids: func(_, imported string) bool {
			return !standard(imported) && !in(imported, our("internal/scim"), "golang.org/x/text")
		},
	},
	{
		name:    "controllers know nothing of the SCIM side",
		applies: under(our("controllers")),
		forbids: func(_, imported string) bool {
			// How names compare is one function for everybody (docs/adr/0005-one-fold.md).
			return in(imported, our("internal/scim"), our("internal/store")) && imported != our("internal/scim/fold")
		},
	},
	{
		name:    "controllers do not know each other",
		applies: func(pkg string) bool { return controllerOf(pkg) != "" },
		forbids: func(pkg, imported string) bool {
			return in(imported, our("controllers")) && controllerOf(imported) != controllerOf(pkg)
		},
	},
	{
		name:    "the store knows neither HTTP nor controllers",
		applies: under(our("internal/store")),
		forbids: func(_, imported string) bool {
			return in(imported, our("internal/scim/server"), our("controllers"))
		},
	},
	{
		name:    "decisions are free of I/O",
		applies: under(our("internal/policy"), our("internal/auth")),
		forbids: func(_, imported string) bool {
			return in(imported, "k8s.io/client-go", our("internal/scim/server"))
		},
	},
	{
		name:       "decisions do not serve HTTP",
		applies:    under(our("internal/policy"), our("internal/auth")),
		forbids:    func(_, imported string) bool { return imported == "net/http" },
		directOnly: true, // apimachinery's own imports lead there too
	},
}

func TestImportRules(t *testing.T) {
	imports := listImports(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for pkg := range imports {
				if !r.applies(pkg) {
					continue
				}
				if chain := r.violation(pkg, imports); chain != nil {
					t.Errorf("%s must not reach %s: %s", chain[0], chain[len(chain)-1], strings.Join(chain, " -> "))
				}
			}
		})
	}
}

// violation returns the shortest chain of imports from pkg to one that the rule forbids it, or nil.
func (r rule) violation(pkg string, imports map[string][]string) []string {
	reachedFrom := map[string]string{pkg: ""}
	for queue := []string{pkg}; len(queue) > 0; queue = queue[1:] {
		for _, imported := range imports[queue[0]] {
			if _, seen := reachedFrom[imported]; seen {
				continue
			}
			reachedFrom[imported] = queue[0]
			if r.forbids(pkg, imported) {
				return chainTo(imported, reachedFrom)
			}
			if !r.directOnly {
				queue = append(queue, imported)
			}
		}
	}
	return nil
}

func chainTo(last string, reachedFrom map[string]string) []string {
	var chain []string
	for pkg := last; pkg != ""; pkg = reachedFrom[pkg] {
		chain = append(chain, strings.TrimPrefix(pkg, module+"/"))
	}
	slices.Reverse(chain)
	return chain
}

// TestRulesAreHeld keeps the rules themselves honest: each refuses what it is there to refuse.
func TestRulesAreHeld(t *testing.T) {
	for _, test := range []struct {
		pkg, imports, through string
		refused               bool
	}{
		{pkg: our("api/v1alpha1"), imports: "sigs.k8s.io/controller-runtime/pkg/scheme", refused: true},
		{pkg: our("api/v1alpha1"), imports: "k8s.io/apimachinery/pkg/runtime"},
		{pkg: our("internal/scim/server"), imports: "k8s.io/apimachinery/pkg/types", refused: true},
		{pkg: our("internal/scim/server"), imports: our("api/v1alpha1"), refused: true},
		{pkg: our("internal/scim/server"), imports: our("internal/scim/filter")},
		{pkg: our("internal/scim/server"), imports: "net/http"},
		{pkg: our("internal/scim/schema"), imports: "golang.org/x/text/cases"},
		{pkg: our("controllers/user"), imports: our("internal/scim/schema"), through: our("internal/membership"), refused: true},
		{pkg: our("controllers/user"), imports: our("internal/store"), refused: true},
		{pkg: our("controllers/user"), imports: our("internal/policy")},
		{pkg: our("controllers/user"), imports: our("controllers/group"), refused: true},
		{pkg: our("controllers/user"), imports: our("controllers"), refused: true},
		{pkg: our("controllers/user/steps"), imports: our("controllers/user")},
		{pkg: our("controllers"), imports: our("controllers/user")},
		{pkg: our("internal/store"), imports: our("internal/scim/server"), refused: true},
		{pkg: our("internal/store"), imports: our("internal/scim")},
		{pkg: our("internal/store/index"), imports: our("controllers/user"), refused: true},
		{pkg: our("internal/policy"), imports: "k8s.io/client-go/rest", through: our("internal/clock"), refused: true},
		{pkg: our("internal/auth"), imports: "net/http", refused: true},
		{pkg: our("internal/auth"), imports: "net/http", through: "k8s.io/apimachinery/pkg/util/net"},
	} {
		imports := map[string][]string{test.pkg: {test.imports}}
		if test.through != "" {
			imports = map[string][]string{test.pkg: {test.through}, test.through: {test.imports}}
		}
		refused := slices.ContainsFunc(rules, func(r rule) bool {
			return r.applies(test.pkg) && r.violation(test.pkg, imports) != nil
		})
		if refused != test.refused {
			t.Errorf("%s importing %s (through %q): refused is %v, want %v", test.pkg, test.imports, test.through, refused, test.refused)
		}
	}
}

// listImports returns what each package imports: the module's, and all that they need.
func listImports(t *testing.T) map[string][]string {
	t.Helper()
	var stderr bytes.Buffer
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports", module+"/...")
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	imports := map[string][]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return imports
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if !standard(pkg.ImportPath) { // nothing of ours behind those
			imports[pkg.ImportPath] = pkg.Imports
		}
	}
}

// our returns the import path of a folder of the module.
func our(folder string) string { return module + "/" + folder }

// in tells whether pkg is one of the folders or below one.
func in(pkg string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	})
}

func under(folders ...string) func(string) bool {
	return func(pkg string) bool { return in(pkg, folders...) }
}

// standard tells whether a package is the standard library's: its path begins with no host name.
func standard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return !strings.Contains(first, ".")
}

// controllerOf returns the noun of a package under controllers: user of controllers/user/steps.
func controllerOf(pkg string) string {
	below, found := strings.CutPrefix(pkg, our("controllers")+"/")
	if !found {
		return ""
	}
	noun, _, _ := strings.Cut(below, "/")
	return noun
}
