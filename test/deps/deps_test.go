// Package deps tests the import rules: which package of the operator must not reach which other package.
// The linter checks what a file imports itself (depguard in .golangci.yml). This test also follows imports through other
// packages, and shows the whole chain.
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

// rule says what a package must not reach. Packages are given by import path.
type rule struct {
	name    string
	applies func(pkg string) bool
	forbids func(pkg, imported string) bool
	// directOnly leaves out what is reached through other packages.
	directOnly bool
	// stopsAt names a package behind which this rule does not look, because that package has a rule of its own.
	stopsAt string
}

var rules = []rule{
	{
		name:    "the API imports apimachinery only",
		applies: packagesUnder(our("api")),
		forbids: func(_, imported string) bool {
			return !isStandard(imported) && !isIn(imported, our("api"), "k8s.io/apimachinery")
		},
		directOnly: true, // apimachinery has imports of its own
	},
	{
		name:    "the SCIM core needs the standard library and golang.org/x/text only",
		applies: packagesUnder(our("internal/scim")),
		forbids: func(_, imported string) bool {
			return !isStandard(imported) && !isIn(imported, our("internal/scim"), "golang.org/x/text")
		},
	},
	{
		name:    "controllers reach neither the SCIM core nor the store",
		applies: packagesUnder(our("controllers")),
		forbids: func(_, imported string) bool {
			return isIn(imported, our("internal/scim"), our("internal/store"))
		},
		stopsAt: our("internal/nameclaim"),
	},
	{
		name:    "name claims need of the SCIM side only how names compare",
		applies: packagesUnder(our("internal/nameclaim")),
		forbids: func(_, imported string) bool {
			return isIn(imported, our("internal/store"), our("controllers")) ||
				isIn(imported, our("internal/scim")) && imported != our("internal/scim/fold")
		},
	},
	{
		name:    "controllers do not reach each other",
		applies: func(pkg string) bool { return controllerOf(pkg) != "" },
		forbids: func(pkg, imported string) bool {
			return isIn(imported, our("controllers")) && controllerOf(imported) != controllerOf(pkg)
		},
	},
	{
		name:    "the store reaches neither the SCIM server nor controllers",
		applies: packagesUnder(our("internal/store")),
		forbids: func(_, imported string) bool {
			return isIn(imported, our("internal/scim/server"), our("controllers"))
		},
	},
	{
		name:    "the parts of the store do not reach the store",
		applies: packagesUnder(our("internal/store")),
		forbids: func(pkg, imported string) bool {
			return pkg != imported && isIn(imported, our("internal/store")) && isIn(pkg, imported)
		},
	},
	{
		name:    "decisions do not reach the API server or the SCIM server",
		applies: isDecision,
		forbids: func(_, imported string) bool {
			return isIn(imported, "k8s.io/client-go", our("internal/scim/server"))
		},
	},
	{
		name:    "programs do not reach what only tests need",
		applies: packagesUnder(our("cmd")),
		forbids: func(_, imported string) bool {
			return isIn(imported, our("test"), "github.com/chromedp/chromedp", "github.com/yuin/gopher-lua", "sigs.k8s.io/cli-utils")
		},
	},
	{
		name: "internal/tracing alone traces",
		applies: func(pkg string) bool {
			return isIn(pkg, our("api"), our("controllers"), our("internal"), our("cmd")) && !isIn(pkg, our("internal/tracing"), our("cmd/manager"))
		},
		forbids:    func(_, imported string) bool { return strings.HasPrefix(imported, "go.opentelemetry.io/") },
		directOnly: true, // Kubernetes' own packages lead there too
	},
	{
		name:       "decisions do not import HTTP",
		applies:    isDecision,
		forbids:    func(_, imported string) bool { return imported == "net/http" },
		directOnly: true, // apimachinery's own imports lead there too
	},
}

// isDecision reports whether a package decides without I/O. internal/auth/authcache feeds internal/auth from informers.
func isDecision(pkg string) bool {
	return isIn(pkg, our("internal/policy"), our("internal/auth"), our("internal/membership"), our("internal/access")) &&
		!isIn(pkg, our("internal/auth/authcache"))
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
			if !r.directOnly && imported != r.stopsAt {
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

// TestRulesRefuse tests the rules themselves with imports that they must refuse, and with others.
func TestRulesRefuse(t *testing.T) {
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
		{pkg: our("controllers/user"), imports: our("internal/scim/fold"), refused: true},
		{pkg: our("controllers/user"), imports: our("internal/scim/fold"), through: our("internal/nameclaim")},
		{pkg: our("controllers/user"), imports: our("internal/store"), refused: true},
		{pkg: our("controllers/user"), imports: our("internal/policy")},
		{pkg: our("controllers/user"), imports: our("controllers/group"), refused: true},
		{pkg: our("controllers/user"), imports: our("controllers"), refused: true},
		{pkg: our("controllers/user/steps"), imports: our("controllers/user")},
		{pkg: our("controllers"), imports: our("controllers/user")},
		{pkg: our("internal/nameclaim"), imports: our("internal/scim/fold")},
		{pkg: our("internal/nameclaim"), imports: our("internal/scim"), refused: true},
		{pkg: our("internal/nameclaim"), imports: our("internal/store/index"), through: our("internal/policy"), refused: true},
		{pkg: our("internal/store"), imports: our("internal/scim/server"), refused: true},
		{pkg: our("internal/store"), imports: our("internal/scim")},
		{pkg: our("internal/store"), imports: our("internal/store/index")},
		{pkg: our("internal/store/index"), imports: our("internal/store"), refused: true},
		{pkg: our("internal/store/index"), imports: our("internal/store/convert")},
		{pkg: our("internal/store/index"), imports: our("controllers/user"), refused: true},
		{pkg: our("internal/policy"), imports: "k8s.io/client-go/rest", through: our("internal/clock"), refused: true},
		{pkg: our("internal/membership"), imports: "k8s.io/client-go/rest", refused: true},
		{pkg: our("internal/membership"), imports: "net/http", refused: true},
		{pkg: our("internal/auth"), imports: "net/http", refused: true},
		{pkg: our("internal/auth"), imports: "net/http", through: "k8s.io/apimachinery/pkg/util/net"},
		{pkg: our("internal/auth"), imports: "k8s.io/client-go/tools/cache", through: our("internal/auth/authcache"), refused: true},
		{pkg: our("cmd/manager"), imports: "github.com/yuin/gopher-lua", through: our("test/gitops"), refused: true},
		{pkg: our("cmd/manager"), imports: our("test/provider"), refused: true},
		{pkg: our("cmd/manager"), imports: our("internal/store")},
		{pkg: our("cmd/manager"), imports: "go.opentelemetry.io/otel"},
		{pkg: our("internal/tracing"), imports: "go.opentelemetry.io/otel/trace"},
		{pkg: our("internal/store"), imports: "go.opentelemetry.io/otel/trace", refused: true},
		{pkg: our("internal/httpserver"), imports: "go.opentelemetry.io/otel/trace", through: our("internal/tracing")},
		{pkg: our("internal/auth/authcache"), imports: "k8s.io/client-go/tools/cache"},
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
		if !isStandard(pkg.ImportPath) { // those import none of the module's
			imports[pkg.ImportPath] = pkg.Imports
		}
	}
}

// our returns the import path of a folder of the module.
func our(folder string) string { return module + "/" + folder }

// isIn reports whether pkg is one of the folders or below one.
func isIn(pkg string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	})
}

func packagesUnder(folders ...string) func(string) bool {
	return func(pkg string) bool { return isIn(pkg, folders...) }
}

// isStandard reports whether a package is the standard library's: its path begins with no host name.
func isStandard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return !strings.Contains(first, ".")
}

// controllerOf returns the noun of a package under controllers, such as user of controllers/user/steps.
func controllerOf(pkg string) string {
	below, found := strings.CutPrefix(pkg, our("controllers")+"/")
	if !found {
		return ""
	}
	noun, _, _ := strings.Cut(below, "/")
	return noun
}
