package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

type props = apiextensionsv1.JSONSchemaProps

// schemaCheck compares something of two schemas of one field, and returns what is incompatible.
type schemaCheck struct {
	covers  []string // fields of JSONSchemaProps
	compare func(before, after *props) []string
}

// schemaChecks are the incompatible changes of a schema that OLM refuses too (CRD Upgrade Safety), and those of the keywords
// that it does not look at: CEL rules, patterns, formats and the types of lists and maps.
var schemaChecks = []schemaCheck{
	{covers: []string{"Type"}, compare: func(before, after *props) []string { return changed("type", before.Type, after.Type) }},
	// A client that reads an int32 may not read what an int64 holds.
	{covers: []string{"Format"}, compare: func(before, after *props) []string { return changed("format", before.Format, after.Format) }},
	{covers: []string{"Enum"}, compare: compareEnum},
	{covers: []string{"Maximum", "MaxLength", "MaxItems", "MaxProperties"}, compare: compareUpperBounds},
	{covers: []string{"Minimum", "MinLength", "MinItems", "MinProperties"}, compare: compareLowerBounds},
	{covers: []string{"ExclusiveMaximum", "ExclusiveMinimum"}, compare: func(before, after *props) []string {
		return append(gained("exclusiveMaximum", before.ExclusiveMaximum, after.ExclusiveMaximum),
			gained("exclusiveMinimum", before.ExclusiveMinimum, after.ExclusiveMinimum)...)
	}},
	{covers: []string{"MultipleOf"}, compare: func(before, after *props) []string {
		return restricted("multipleOf", value(before.MultipleOf), value(after.MultipleOf))
	}},
	{covers: []string{"Pattern"}, compare: func(before, after *props) []string { return restricted("pattern", before.Pattern, after.Pattern) }},
	{covers: []string{"Default"}, compare: compareDefault},
	{covers: []string{"Nullable"}, compare: func(before, after *props) []string {
		return lost("nullable", before.Nullable, after.Nullable)
	}},
	{covers: []string{"XListType"}, compare: func(before, after *props) []string {
		return changed("x-kubernetes-list-type", or(before.XListType, "atomic"), or(after.XListType, "atomic"))
	}},
	{covers: []string{"XListMapKeys"}, compare: func(before, after *props) []string {
		return changed("x-kubernetes-list-map-keys", keys(before), keys(after))
	}},
	{covers: []string{"XMapType"}, compare: func(before, after *props) []string {
		return changed("x-kubernetes-map-type", or(before.XMapType, "granular"), or(after.XMapType, "granular"))
	}},
	{covers: []string{"XPreserveUnknownFields"}, compare: func(before, after *props) []string {
		return lost("x-kubernetes-preserve-unknown-fields", or(before.XPreserveUnknownFields, false), or(after.XPreserveUnknownFields, false))
	}},
	{covers: []string{"XEmbeddedResource", "XIntOrString"}, compare: func(before, after *props) []string {
		return append(changed("x-kubernetes-embedded-resource", before.XEmbeddedResource, after.XEmbeddedResource),
			changed("x-kubernetes-int-or-string", before.XIntOrString, after.XIntOrString)...)
	}},
	{covers: []string{"XValidations"}, compare: compareRules},
	// Whether one condition of these implies another is not decided here.
	{covers: []string{"AllOf", "AnyOf", "OneOf", "Not"}, compare: compareCombinations},
}

// compareSchema returns the changes of a field and of all fields below it.
func compareSchema(field string, before, after *props) []change {
	var changes []change
	for _, check := range schemaChecks {
		for _, what := range check.compare(before, after) {
			changes = append(changes, change{field: field, what: what})
		}
	}
	changes = append(changes, compareRequired(field, before, after)...)
	changes = append(changes, compareFields(field, before, after)...)
	changes = append(changes, compareItems(field, before, after)...)
	return append(changes, compareOtherKeys(field, before, after)...)
}

func compareFields(field string, before, after *props) []change {
	var changes []change
	for _, name := range slices.Sorted(maps.Keys(before.Properties)) {
		old, path := before.Properties[name], child(field, name)
		if current, stays := after.Properties[name]; stays {
			changes = append(changes, compareSchema(path, &old, &current)...)
			continue
		}
		changes = append(changes, change{field: path, what: "the field was removed"})
	}
	return changes
}

// compareRequired returns the fields that became required. A field with a default is never absent.
func compareRequired(field string, before, after *props) []change {
	var changes []change
	for _, name := range after.Required {
		if !slices.Contains(before.Required, name) && after.Properties[name].Default == nil {
			changes = append(changes, change{field: child(field, name), what: "the field became required"})
		}
	}
	return changes
}

// compareItems compares the schemas of a list's values. If one of the two is no list, its type says so.
func compareItems(field string, before, after *props) []change {
	if before.Items == nil || after.Items == nil || before.Items.Schema == nil || after.Items.Schema == nil {
		return nil
	}
	return compareSchema(field+"[]", before.Items.Schema, after.Items.Schema)
}

// compareOtherKeys compares the schemas of a map's values.
func compareOtherKeys(field string, before, after *props) []change {
	old, current := before.AdditionalProperties, after.AdditionalProperties
	switch path := child(field, "*"); {
	case !allowsOtherKeys(old):
		return nil
	case !allowsOtherKeys(current):
		return []change{{field: path, what: "the field takes no other keys any more"}}
	case current.Schema == nil:
		return nil
	case old.Schema == nil:
		return []change{{field: path, what: "values of other keys got a schema"}}
	default:
		return compareSchema(path, old.Schema, current.Schema)
	}
}

func allowsOtherKeys(s *apiextensionsv1.JSONSchemaPropsOrBool) bool {
	return s != nil && (s.Allows || s.Schema != nil)
}

func compareEnum(before, after *props) []string {
	if len(after.Enum) == 0 {
		return nil
	}
	if len(before.Enum) == 0 {
		return []string{"an enum was added"}
	}
	return removed("enum value", values(before.Enum), values(after.Enum))
}

func values(enum []apiextensionsv1.JSON) []string {
	all := make([]string, len(enum))
	for i := range enum {
		all[i] = string(enum[i].Raw)
	}
	return all
}

func compareUpperBounds(before, after *props) []string {
	return slices.Concat(
		bound("maximum", before.Maximum, after.Maximum, false), bound("maxLength", before.MaxLength, after.MaxLength, false),
		bound("maxItems", before.MaxItems, after.MaxItems, false), bound("maxProperties", before.MaxProperties, after.MaxProperties, false))
}

func compareLowerBounds(before, after *props) []string {
	return slices.Concat(
		bound("minimum", before.Minimum, after.Minimum, true), bound("minLength", before.MinLength, after.MinLength, true),
		bound("minItems", before.MinItems, after.MinItems, true), bound("minProperties", before.MinProperties, after.MinProperties, true))
}

// bound returns what is to be said if a bound is new or permits less.
func bound[T int64 | float64](name string, before, after *T, isLower bool) []string {
	if after == nil || before != nil && (*after == *before || (*after < *before) == isLower) {
		return nil
	}
	return restricted(name, value(before), value(after))
}

// restricted returns what is to be said if a restriction is new or another one. "" is none.
func restricted(name, before, after string) []string {
	if after == "" {
		return nil
	}
	return changed(name, before, after)
}

func compareDefault(before, after *props) []string {
	return changed("default", raw(before.Default), raw(after.Default))
}

// raw returns a value as JSON with sorted keys; "" for none.
func raw(j *apiextensionsv1.JSON) string {
	if j == nil {
		return ""
	}
	var content any
	if err := json.Unmarshal(j.Raw, &content); err != nil {
		return string(j.Raw)
	}
	sorted, err := json.Marshal(content)
	if err != nil {
		return string(j.Raw)
	}
	return string(sorted)
}

// compareRules returns the CEL rules that were added. A rule that was removed permits more. A rule that was rewritten is
// another one, because whether one implies the other is not decided here.
func compareRules(before, after *props) []string {
	var whats []string
	for _, rule := range after.XValidations {
		if !slices.ContainsFunc(before.XValidations, func(old apiextensionsv1.ValidationRule) bool {
			return old.Rule == rule.Rule && or(old.OptionalOldSelf, false) == or(rule.OptionalOldSelf, false)
		}) {
			whats = append(whats, "a CEL rule was added: "+rule.Rule)
		}
	}
	return whats
}

func compareCombinations(before, after *props) []string {
	var whats []string
	for name, pair := range map[string][2]any{
		"allOf": {before.AllOf, after.AllOf}, "anyOf": {before.AnyOf, after.AnyOf}, "oneOf": {before.OneOf, after.OneOf}, "not": {before.Not, after.Not},
	} {
		if !jsonEqual(pair[0], pair[1]) {
			whats = append(whats, name+" was changed")
		}
	}
	return whats
}

func child(field, name string) string { return strings.TrimPrefix(field+"."+name, ".") }

func keys(p *props) string {
	return strings.Join(slices.Sorted(slices.Values(p.XListMapKeys)), ", ")
}

// or returns the value of a pointer, or another value for nil.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// value returns a number as text; "" for none.
func value[T int64 | float64](p *T) string {
	if p == nil {
		return ""
	}
	return fmt.Sprint(*p)
}

// jsonEqual reports whether two values are the same JSON. An empty list is the same as none.
func jsonEqual(a, b any) bool {
	normalize := func(v any) any {
		content, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if text := string(content); text == "[]" || text == "null" {
			return nil
		}
		var out any
		if err := json.Unmarshal(content, &out); err != nil {
			return err
		}
		return out
	}
	return reflect.DeepEqual(normalize(a), normalize(b))
}
