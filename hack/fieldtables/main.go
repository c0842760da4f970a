// Command fieldtables writes the columns type and bound of the tables of fields in docs/reference from the CRDs. The other columns
// and the order of the rows are written by hand. It fails if a field has no row, or a row no field. It is run from the root of the
// repository:
//
//	go run ./hack/fieldtables
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const (
	crdFolder  = "config/crd/bases"
	pageFolder = "docs/reference"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "fieldtables:", err)
		os.Exit(1)
	}
}

// run writes the tables of the repository at root.
func run(root string) error {
	paths, err := filepath.Glob(filepath.Join(root, crdFolder, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(content, &definition); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		page := filepath.Join(root, pageFolder, strings.ToLower(definition.Spec.Names.Kind)+".md")
		if err := update(page, fieldsOf(definition.Spec.Versions[0].Schema.OpenAPIV3Schema)); err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
	}
	return nil
}

// update writes the tables of one page.
func update(page string, fields map[string]field) error {
	before, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	after, err := rewrite(string(before), fields)
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(after), 0o644)
}
