package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// thing returns a CRD with all that an upgrade must keep.
func thing() *crd {
	return &crd{
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: "Thing", ListKind: "ThingList", Plural: "things", Singular: "thing", ShortNames: []string{"th"}, Categories: []string{"all"},
			},
			Versions: []version{
				{
					Name: "v1", Served: true, Storage: true,
					Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
						Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {Type: "object"}},
					}},
					Subresources: &apiextensionsv1.CustomResourceSubresources{
						Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
						Scale:  &apiextensionsv1.CustomResourceSubresourceScale{SpecReplicasPath: ".spec.replicas", StatusReplicasPath: ".status.replicas"},
					},
					SelectableFields:         []apiextensionsv1.SelectableField{{JSONPath: ".spec.name"}},
					AdditionalPrinterColumns: []apiextensionsv1.CustomResourceColumnDefinition{{Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp"}},
				},
			},
		},
	}
}

type (
	crd     = apiextensionsv1.CustomResourceDefinition
	version = apiextensionsv1.CustomResourceDefinitionVersion
)

// crdChange is a change of a CRD; want has the lines of one that is incompatible. covers names what was changed.
type crdChange struct {
	name, covers string
	change       func(*crd, *version)
	want         []string
}

var crdChanges = []crdChange{
	{"nothing", "", func(*crd, *version) {}, nil},
	{"group", "Group", func(c *crd, _ *version) {
		c.Spec.Group = "example.org"
	}, []string{"things.example.com: group went from example.com to example.org"}},
	{"scope", "Scope", func(c *crd, _ *version) {
		c.Spec.Scope = apiextensionsv1.ClusterScoped
	}, []string{"things.example.com: scope went from Namespaced to Cluster"}},
	{"kind and plural", "Names", func(c *crd, _ *version) {
		c.Spec.Names.Kind, c.Spec.Names.Plural = "Item", "items"
	}, []string{"things.example.com: kind went from Thing to Item", "things.example.com: plural went from things to items"}},
	{"short name and category removed", "Names", func(c *crd, _ *version) {
		c.Spec.Names.ShortNames, c.Spec.Names.Categories = nil, []string{"more"}
	}, []string{"things.example.com: category all was removed", "things.example.com: short name th was removed"}},
	{"short name added", "Names", func(c *crd, _ *version) {
		c.Spec.Names.ShortNames = append(c.Spec.Names.ShortNames, "t")
	}, nil},
	{"conversion", "Conversion", func(c *crd, _ *version) {
		c.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter}
	}, []string{"things.example.com: conversion strategy went from None to Webhook"}},
	{"conversion written out", "Conversion", func(c *crd, _ *version) {
		c.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
	}, nil},
	{"version removed", "Versions", func(c *crd, v *version) {
		v.Name = "v2"
	}, []string{"things.example.com v1: the version was removed, in which objects are stored"}},
	{"version added, and objects stored in it", "Storage", func(c *crd, v *version) {
		added := *v.DeepCopy()
		added.Name, v.Storage = "v2", false
		c.Spec.Versions = append(c.Spec.Versions, added)
	}, nil},
	{"version added without a field, and objects stored in it", "Storage", func(c *crd, v *version) {
		storeInSmallerVersion(c, v)
	}, []string{"things.example.com v1 stored as v2 spec: the field was removed"}},
	{"version added without a field, and objects stored in the old one", "Storage", func(c *crd, v *version) {
		storeInSmallerVersion(c, v)
		v.Storage, c.Spec.Versions[1].Storage = true, false
	}, nil},
	{"version added without a field, and objects converted to it", "Storage", func(c *crd, v *version) {
		storeInSmallerVersion(c, v)
		c.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter}
	}, []string{"things.example.com: conversion strategy went from None to Webhook"}},
	{"version not served", "Served", func(_ *crd, v *version) {
		v.Served = false
	}, []string{"things.example.com v1: served went from true to false"}},
	{"version deprecated", "Deprecated", func(_ *crd, v *version) {
		v.Deprecated, v.DeprecationWarning = true, new("use v2")
	}, nil},
	{"subresources removed", "Subresources", func(_ *crd, v *version) {
		v.Subresources = nil
	}, []string{"things.example.com v1: subresource scale was changed or removed", "things.example.com v1: subresource status went from true to false"}},
	{"selectable field removed", "SelectableFields", func(_ *crd, v *version) {
		v.SelectableFields = nil
	}, []string{"things.example.com v1: selectable field .spec.name was removed"}},
	{"columns", "AdditionalPrinterColumns", func(_ *crd, v *version) {
		v.AdditionalPrinterColumns = nil
	}, nil},
	{"schema", "Schema", func(_ *crd, v *version) {
		v.Schema.OpenAPIV3Schema.XValidations = apiextensionsv1.ValidationRules{{Rule: "self.metadata.name != ''"}}
	}, []string{"things.example.com v1: a CEL rule was added: self.metadata.name != ''"}},
	{"unknown fields", "PreserveUnknownFields", func(c *crd, _ *version) {
		c.Spec.PreserveUnknownFields = true
	}, nil},
}

// storeInSmallerVersion adds the version v2, which lacks the field spec, and stores objects in it.
func storeInSmallerVersion(c *crd, v *version) {
	added := *v.DeepCopy()
	added.Name, v.Storage = "v2", false
	added.Schema.OpenAPIV3Schema.Properties = nil
	c.Spec.Versions = append(c.Spec.Versions, added)
}

func TestIncompatibleChangesOfACRDAreListed(t *testing.T) {
	for _, test := range crdChanges {
		t.Run(test.name, func(t *testing.T) {
			before, after := thing(), thing()
			before.Name, after.Name = "things.example.com", "things.example.com"
			test.change(after, &after.Spec.Versions[0])
			if got := lines(*before, *after); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestARemovedCRDIsListed(t *testing.T) {
	gone, other := thing(), thing()
	gone.Name, other.Name = "things.example.com", "others.example.com"
	if got := lines(*gone, *other); !slices.Equal(got, []string{"things.example.com: the CRD was removed"}) {
		t.Errorf("got %q", got)
	}
}

func lines(before, after crd) []string {
	var all []string
	for _, c := range compare([]crd{before}, []crd{after}) {
		all = append(all, c.String())
	}
	return all
}

// A later version of Kubernetes may bring a field that an upgrade must keep.
func TestTheTableHasAChangeForEachFieldOfACRD(t *testing.T) {
	ofNames := fieldsOf[apiextensionsv1.CustomResourceDefinitionNames]()
	fields := slices.Concat(fieldsOf[apiextensionsv1.CustomResourceDefinitionSpec](), fieldsOf[version]())
	for _, name := range fields {
		if name == "Name" || name == "DeprecationWarning" {
			continue // the name is compared as a removed version, the warning is for people
		}
		if !slices.ContainsFunc(crdChanges, func(test crdChange) bool { return test.covers == name }) {
			t.Errorf("no change of the table is one of %s", name)
		}
	}
	for _, name := range ofNames {
		if !slices.ContainsFunc(crdChecks, func(check crdCheck) bool { return slices.Contains(check.covers, name) }) {
			t.Errorf("no check covers %s", name)
		}
	}
}

const root = "../.."

func TestThePresentCRDsAreCompatibleWithThoseOfTheLastRelease(t *testing.T) {
	var out strings.Builder
	ok, err := run(root, &out)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Error(out.String())
	}
}

// repository returns a folder with the kept CRD of users of this repository, the same CRD with another type of spec.active,
// and accepted changes.
func repository(t *testing.T, activeType, accepted string) string {
	t.Helper()
	kept, err := keptVersion(filepath.Join(root, keptFolder))
	if err != nil {
		t.Fatal(err)
	}
	crds, err := readCRDs(filepath.Join(kept, "crds"))
	if err != nil {
		t.Fatal(err)
	}
	users := crds[slices.IndexFunc(crds, func(c crd) bool { return c.Spec.Names.Kind == "CloudSSOUser" })]
	dir := t.TempDir()
	write(t, filepath.Join(dir, keptFolder, "v1.0.0/accepted.yaml"), []byte(accepted))
	writeCRD(t, filepath.Join(dir, keptFolder, "v1.0.0/crds/users.yaml"), users)
	spec := users.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	active := spec.Properties["active"]
	active.Type = activeType
	spec.Properties["active"] = active
	writeCRD(t, filepath.Join(dir, crdFolder, "users.yaml"), users)
	return dir
}

func writeCRD(t *testing.T, path string, c crd) {
	t.Helper()
	content, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, content)
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnIncompatibleChangeIsRefusedUntilItIsAccepted(t *testing.T) {
	const line = `cloudssousers.cloudsso.dev v1alpha1 spec.active: type went from boolean to string`
	for _, test := range []struct {
		name, changed, accepted string
		want                    []string // in what is printed; nothing if it is accepted
	}{
		{"refused", "string", "", []string{line, "test/upgrade/testdata/v1.0.0/accepted.yaml"}},
		{"accepted", "string", `"` + line + `": no version before this one could read the field`, nil},
		{"accepted without a reason", "string", `"` + line + `": ""`, []string{"These changes", line, "gives no reason"}},
		{"accepted and undone", "boolean", `"` + line + `": no version before this one could read the field`, []string{"that the CRDs do not have", line}},
		{"compatible", "boolean", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := repository(t, test.changed, test.accepted)
			var out strings.Builder
			ok, err := run(dir, &out)
			if err != nil {
				t.Fatal(err)
			}
			if ok != (test.want == nil) || ok && out.Len() > 0 {
				t.Errorf("ok is %v, and printed is %q", ok, out.String())
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q does not contain %q", out.String(), want)
				}
			}
		})
	}
}

func TestExactlyOneVersionIsKept(t *testing.T) {
	dir := t.TempDir()
	if _, err := keptVersion(dir); err == nil || !strings.Contains(err.Error(), "has 0 versions") {
		t.Errorf("none: %v", err)
	}
	for _, version := range []string{"v1.0.0", "v1.1.0"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := keptVersion(dir); err == nil || !strings.Contains(err.Error(), "has 2 versions") {
		t.Errorf("two: %v", err)
	}
}
