package deps

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// rightRow matches a row of docs/rbac.md: a resource with its group, and verbs.
var rightRow = regexp.MustCompile("(?m)^\\| `([a-z0-9./]+)` \\| `([a-z ]+)` \\|")

func TestDocumentedRightsAreThoseOfTheManifests(t *testing.T) {
	root := filepath.Join("..", "..")
	document, err := os.ReadFile(filepath.Join(root, "docs", "rbac.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range rightRow.FindAllStringSubmatch(string(document), -1) {
		documented = append(documented, row[1]+": "+row[2])
	}
	var granted []string
	for _, name := range []string{"rbac/role.yaml", "rbac/cluster_reader.yaml", "rbac/leader_election.yaml", "access/role.yaml"} {
		manifest, err := os.ReadFile(filepath.Join(root, "config", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		granted = append(granted, rightsIn(t, manifest)...)
	}
	slices.Sort(documented)
	slices.Sort(granted)
	if !slices.Equal(documented, granted) {
		t.Errorf("docs/rbac.md has\n%s\nthe manifests grant\n%s", strings.Join(documented, "\n"), strings.Join(granted, "\n"))
	}
}

// rightsIn returns the rights of the roles in a manifest, as rows of docs/rbac.md name them.
func rightsIn(t *testing.T, manifest []byte) (rights []string) {
	t.Helper()
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), len(manifest)+1); ; {
		var role rbacv1.ClusterRole // a Role has the same rules
		err := decoder.Decode(&role)
		if errors.Is(err, io.EOF) {
			return rights
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			slices.Sort(rule.Verbs)
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					rights = append(rights, strings.TrimSuffix(resource+"."+group, ".")+": "+strings.Join(rule.Verbs, " "))
				}
			}
		}
	}
}
