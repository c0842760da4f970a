package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// change is an incompatible change of a CRD.
type change struct {
	crd     string // its metadata.name
	version string // "" if the change is not of one version, and "v1 stored as v2" if it is of two
	field   string // "spec.emails[].value", "" if the change is not of one field
	what    string
}

// String returns the change as one line: "cloudssousers.cloudsso.dev v1alpha1 spec.userName: maxLength went from 256 to 128".
func (c change) String() string {
	place := c.crd
	for _, part := range []string{c.version, c.field} {
		if part != "" {
			place += " " + part
		}
	}
	return place + ": " + c.what
}

// compare returns the incompatible changes from one set of CRDs to another, in the order of their lines.
func compare(before, after []apiextensionsv1.CustomResourceDefinition) []change {
	var changes []change
	for i := range before {
		name := before[i].Name
		j := slices.IndexFunc(after, func(crd apiextensionsv1.CustomResourceDefinition) bool { return crd.Name == name })
		if j < 0 {
			changes = append(changes, change{crd: name, what: "the CRD was removed"})
			continue
		}
		changes = append(changes, compareCRD(&before[i], &after[j])...)
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.String(), b.String()) })
	return changes
}

// crdCheck compares something of two CRDs, and returns what is incompatible.
type crdCheck struct {
	covers  []string // fields of CustomResourceDefinitionSpec and CustomResourceDefinitionNames
	compare func(before, after *apiextensionsv1.CustomResourceDefinitionSpec) []string
}

var crdChecks = []crdCheck{
	{covers: []string{"Group"}, compare: func(before, after *apiextensionsv1.CustomResourceDefinitionSpec) []string {
		return changed("group", before.Group, after.Group)
	}},
	{covers: []string{"Scope"}, compare: func(before, after *apiextensionsv1.CustomResourceDefinitionSpec) []string {
		return changed("scope", before.Scope, after.Scope)
	}},
	{covers: []string{"Names", "Kind", "ListKind", "Plural", "Singular"}, compare: func(before, after *apiextensionsv1.CustomResourceDefinitionSpec) []string {
		return slices.Concat(
			changed("kind", before.Names.Kind, after.Names.Kind), changed("listKind", before.Names.ListKind, after.Names.ListKind),
			changed("plural", before.Names.Plural, after.Names.Plural), changed("singular", before.Names.Singular, after.Names.Singular))
	}},
	{covers: []string{"ShortNames", "Categories"}, compare: func(before, after *apiextensionsv1.CustomResourceDefinitionSpec) []string {
		return append(removed("short name", before.Names.ShortNames, after.Names.ShortNames),
			removed("category", before.Names.Categories, after.Names.Categories)...)
	}},
	{covers: []string{"Conversion"}, compare: func(before, after *apiextensionsv1.CustomResourceDefinitionSpec) []string {
		return changed("conversion strategy", strategy(before), strategy(after))
	}},
	{covers: []string{"PreserveUnknownFields"}, compare: func(before, after *apiextensionsv1.CustomResourceDefinitionSpec) []string {
		return lost("preserveUnknownFields", before.PreserveUnknownFields, after.PreserveUnknownFields)
	}},
}

func strategy(crd *apiextensionsv1.CustomResourceDefinitionSpec) apiextensionsv1.ConversionStrategyType {
	if crd.Conversion == nil {
		return apiextensionsv1.NoneConverter
	}
	return crd.Conversion.Strategy
}

func compareCRD(before, after *apiextensionsv1.CustomResourceDefinition) []change {
	var changes []change
	for _, check := range crdChecks {
		for _, what := range check.compare(&before.Spec, &after.Spec) {
			changes = append(changes, change{crd: before.Name, what: what})
		}
	}
	for i := range before.Spec.Versions {
		old := &before.Spec.Versions[i]
		j := slices.IndexFunc(after.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == old.Name })
		if j < 0 {
			changes = append(changes, change{crd: before.Name, version: old.Name, what: "the version was removed" + ofStorage(old)})
			continue
		}
		for _, c := range compareVersion(old, &after.Spec.Versions[j]) {
			c.crd, c.version = before.Name, old.Name
			changes = append(changes, c)
		}
	}
	return append(changes, compareStorage(before, after)...)
}

// compareStorage returns the changes from the version in which objects were stored to another one in which they are stored
// now. Without a conversion, the API server serves each stored object as one of the new version, and drops the fields that
// the new version does not have.
func compareStorage(before, after *apiextensionsv1.CustomResourceDefinition) []change {
	old, current := storage(before), storage(after)
	if old.Name == current.Name || strategy(&after.Spec) != apiextensionsv1.NoneConverter {
		return nil
	}
	changes := compareSchema("", old.Schema.OpenAPIV3Schema, current.Schema.OpenAPIV3Schema)
	for i := range changes {
		changes[i].crd, changes[i].version = before.Name, old.Name+" stored as "+current.Name
	}
	return changes
}

// storage returns the version in which objects are stored, of which a CRD has one.
func storage(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinitionVersion {
	i := slices.IndexFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Storage })
	return &crd.Spec.Versions[max(i, 0)]
}

func ofStorage(v *apiextensionsv1.CustomResourceDefinitionVersion) string {
	if v.Storage {
		return ", in which objects are stored"
	}
	return ""
}

// compareVersion returns the changes of one version. They do not name CRD and version.
func compareVersion(before, after *apiextensionsv1.CustomResourceDefinitionVersion) []change {
	var whats []string
	whats = append(whats, lost("served", before.Served, after.Served)...)
	whats = append(whats, compareSubresources(before.Subresources, after.Subresources)...)
	whats = append(whats, removed("selectable field", paths(before.SelectableFields), paths(after.SelectableFields))...)
	var changes []change
	for _, what := range whats {
		changes = append(changes, change{what: what})
	}
	return append(changes, compareSchema("", before.Schema.OpenAPIV3Schema, after.Schema.OpenAPIV3Schema)...)
}

func paths(fields []apiextensionsv1.SelectableField) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.JSONPath
	}
	return all
}

// compareSubresources returns a changed subresource status too if it was added: a client that writes status with the object
// writes nothing then.
func compareSubresources(before, after *apiextensionsv1.CustomResourceSubresources) []string {
	if before == nil {
		before = &apiextensionsv1.CustomResourceSubresources{}
	}
	if after == nil {
		after = &apiextensionsv1.CustomResourceSubresources{}
	}
	whats := changed("subresource status", before.Status != nil, after.Status != nil)
	if before.Scale != nil && !jsonEqual(before.Scale, after.Scale) {
		whats = append(whats, "subresource scale was changed or removed")
	}
	return whats
}

// changed returns what is to be said if a value is another one.
func changed[T comparable](name string, before, after T) []string {
	if before == after {
		return nil
	}
	return []string{fmt.Sprintf("%s went from %s to %s", name, shown(before), shown(after))}
}

func shown(value any) string {
	if text := fmt.Sprint(value); text != "" {
		return text
	}
	return "none"
}

// lost returns what is to be said if a flag that was set is not set any more.
func lost(name string, before, after bool) []string {
	if before && !after {
		return []string{name + " went from true to false"}
	}
	return nil
}

// gained returns what is to be said if a flag that was not set is set.
func gained(name string, before, after bool) []string {
	if !before && after {
		return []string{name + " went from false to true"}
	}
	return nil
}

// removed returns what is to be said of values that are gone.
func removed(name string, before, after []string) []string {
	var whats []string
	for _, value := range before {
		if !slices.Contains(after, value) {
			whats = append(whats, fmt.Sprintf("%s %s was removed", name, strings.TrimSpace(value)))
		}
	}
	return whats
}
