package upgrade_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type crd = apiextensionsv1.CustomResourceDefinition

// crdFolder has the CRDs of the working tree.
const crdFolder = "../../config/crd/bases"

// kept returns a folder of the last release, the only one that testdata has.
func kept(name string) string {
	GinkgoHelper()
	folders, err := filepath.Glob("testdata/v*/" + name)
	Expect(err).NotTo(HaveOccurred())
	Expect(folders).To(HaveLen(1))
	return folders[0]
}

// documents returns the YAML documents of the files of a folder. A repeated key is an error.
func documents(folder string) (all [][]byte) {
	GinkgoHelper()
	files, err := filepath.Glob(folder + "/*.yaml")
	Expect(err).NotTo(HaveOccurred())
	Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		decoder := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(content)))
		buffer := make([]byte, len(content)+1)
		for {
			n, err := decoder.Read(buffer)
			if errors.Is(err, io.EOF) {
				break
			}
			Expect(err).NotTo(HaveOccurred())
			all = append(all, slices.Clone(buffer[:n]))
		}
	}
	return all
}

func readCRDs(folder string) (crds []crd) {
	GinkgoHelper()
	for _, document := range documents(folder) {
		var c crd
		Expect(yaml.UnmarshalStrict(document, &c)).To(Succeed())
		crds = append(crds, c)
	}
	return crds
}

// readObjects returns the objects of the last release.
func readObjects() (objects []*unstructured.Unstructured) {
	GinkgoHelper()
	for _, document := range documents(kept("objects")) {
		content, err := yaml.YAMLToJSONStrict(document)
		Expect(err).NotTo(HaveOccurred())
		object := &unstructured.Unstructured{}
		Expect(object.UnmarshalJSON(content)).To(Succeed())
		objects = append(objects, object)
	}
	return objects
}

// unset returns the fields, and the values of enumerations, that none of the values of a schema has.
func unset(path string, schema apiextensionsv1.JSONSchemaProps, values []any) (paths []string) {
	if len(values) == 0 {
		return []string{path}
	}
	for _, allowed := range schema.Enum {
		if !slices.ContainsFunc(values, func(value any) bool { return fmt.Sprintf("%q", value) == string(allowed.Raw) }) {
			paths = append(paths, fmt.Sprintf("%s: %s", path, allowed.Raw))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		paths = append(paths, unset(path+"."+name, schema.Properties[name], valuesOf(values, name))...)
	}
	if schema.Items != nil {
		paths = append(paths, unset(path+"[]", *schema.Items.Schema, elements(values))...)
	}
	return paths
}

// valuesOf returns what objects have in a field.
func valuesOf(objects []any, name string) (values []any) {
	for _, object := range objects {
		if fields, isObject := object.(map[string]any); isObject && fields[name] != nil {
			values = append(values, fields[name])
		}
	}
	return values
}

// elements returns the values of lists.
func elements(lists []any) (values []any) {
	for _, list := range lists {
		if contents, isList := list.([]any); isList {
			values = append(values, contents...)
		}
	}
	return values
}

var _ = Describe("The objects of the last release", func() {
	It("have every field of every kind, and every value of an enumeration", func() {
		byKind := map[string][]any{}
		for _, object := range readObjects() {
			byKind[object.GetKind()] = append(byKind[object.GetKind()], object.Object)
		}
		var missing []string
		for _, c := range readCRDs(kept("crds")) {
			for _, v := range c.Spec.Versions {
				for name, schema := range v.Schema.OpenAPIV3Schema.Properties {
					if name != "apiVersion" && name != "kind" && name != "metadata" {
						missing = append(missing, unset(c.Spec.Names.Kind+"."+name, schema, valuesOf(byKind[c.Spec.Names.Kind], name))...)
					}
				}
			}
		}
		Expect(missing).To(BeEmpty(), "add them to an object, in test/upgrade/"+kept("objects"))
	})
})
