package main

import (
	"reflect"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// schemaChange is a change of the field f; want has the lines of one that is incompatible.
type schemaChange struct {
	name, before, after string
	want                []string
}

var schemaChanges = []schemaChange{
	{"nothing", "{type: string, maxLength: 5}", "{type: string, maxLength: 5}", nil},
	{"words only", "{type: string, description: a, title: b}", "{type: string, description: c, externalDocs: {url: u}}", nil},

	{"type", "{type: string}", "{type: integer}", []string{"f: type went from string to integer"}},
	{"format is new", "{type: string}", "{type: string, format: date-time}", []string{"f: format went from none to date-time"}},
	{"format is another", "{type: integer, format: int32}", "{type: integer, format: int64}", []string{"f: format went from int32 to int64"}},

	{"enum is new", "{type: string}", "{type: string, enum: [A]}", []string{"f: an enum was added"}},
	{"enum value removed", "{type: string, enum: [A, B]}", "{type: string, enum: [A]}", []string{`f: enum value "B" was removed`}},
	{"enum value added", "{type: string, enum: [A]}", "{type: string, enum: [A, B]}", nil},
	{"enum removed", "{type: string, enum: [A]}", "{type: string}", nil},

	{"maxLength is new", "{type: string}", "{type: string, maxLength: 9}", []string{"f: maxLength went from none to 9"}},
	{"maxLength is lower", "{type: string, maxLength: 256}", "{type: string, maxLength: 128}", []string{"f: maxLength went from 256 to 128"}},
	{"maxLength is higher", "{type: string, maxLength: 128}", "{type: string, maxLength: 256}", nil},
	{"maxLength removed", "{type: string, maxLength: 128}", "{type: string}", nil},
	{"minLength is new", "{type: string}", "{type: string, minLength: 1}", []string{"f: minLength went from none to 1"}},
	{"minLength is higher", "{type: string, minLength: 1}", "{type: string, minLength: 2}", []string{"f: minLength went from 1 to 2"}},
	{"minLength is lower", "{type: string, minLength: 2}", "{type: string, minLength: 1}", nil},
	{"maxItems is lower", "{type: array, maxItems: 5}", "{type: array, maxItems: 4}", []string{"f: maxItems went from 5 to 4"}},
	{"minItems is higher", "{type: array, minItems: 1}", "{type: array, minItems: 2}", []string{"f: minItems went from 1 to 2"}},
	{"maxProperties is lower", "{type: object, maxProperties: 5}", "{type: object, maxProperties: 4}", []string{"f: maxProperties went from 5 to 4"}},
	{"minProperties is new", "{type: object}", "{type: object, minProperties: 2}", []string{"f: minProperties went from none to 2"}},
	{"maximum is lower", "{type: integer, maximum: 5}", "{type: integer, maximum: 4}", []string{"f: maximum went from 5 to 4"}},
	{"maximum excludes itself", "{type: number, maximum: 5}", "{type: number, maximum: 5, exclusiveMaximum: true}", []string{"f: exclusiveMaximum went from false to true"}},
	{"maximum includes itself", "{type: number, maximum: 5, exclusiveMaximum: true}", "{type: number, maximum: 5}", nil},
	{"minimum is higher", "{type: integer, minimum: -1}", "{type: integer, minimum: 0}", []string{"f: minimum went from -1 to 0"}},
	{"minimum is lower", "{type: integer, minimum: 0}", "{type: integer, minimum: -1}", nil},
	{"minimum excludes itself", "{type: number, minimum: 5}", "{type: number, minimum: 5, exclusiveMinimum: true}", []string{"f: exclusiveMinimum went from false to true"}},
	{"multipleOf is new", "{type: integer}", "{type: integer, multipleOf: 5}", []string{"f: multipleOf went from none to 5"}},
	{"multipleOf removed", "{type: integer, multipleOf: 5}", "{type: integer}", nil},
	{"pattern is new", "{type: string}", "{type: string, pattern: '^a$'}", []string{"f: pattern went from none to ^a$"}},
	{"pattern is another", "{type: string, pattern: '^a$'}", "{type: string, pattern: '^b$'}", []string{"f: pattern went from ^a$ to ^b$"}},
	{"pattern removed", "{type: string, pattern: '^a$'}", "{type: string}", nil},

	{"default is new", "{type: string}", "{type: string, default: a}", []string{`f: default went from none to "a"`}},
	{"default is another", "{type: string, default: a}", "{type: string, default: b}", []string{`f: default went from "a" to "b"`}},
	{"default removed", "{type: string, default: a}", "{type: string}", []string{`f: default went from "a" to none`}},
	{"default in another order", "{type: object, default: {a: 1, b: 2}}", "{type: object, default: {b: 2, a: 1}}", nil},

	{"nullable removed", "{type: string, nullable: true}", "{type: string}", []string{"f: nullable went from true to false"}},
	{"nullable added", "{type: string}", "{type: string, nullable: true}", nil},

	{"list type is new", "{type: array}", "{type: array, x-kubernetes-list-type: set}", []string{"f: x-kubernetes-list-type went from atomic to set"}},
	{"list type written out", "{type: array}", "{type: array, x-kubernetes-list-type: atomic}", nil},
	{
		"list map keys", "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a]}", "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a, b]}",
		[]string{"f: x-kubernetes-list-map-keys went from a to a, b"},
	},
	{"map type", "{type: object}", "{type: object, x-kubernetes-map-type: atomic}", []string{"f: x-kubernetes-map-type went from granular to atomic"}},
	{"map type written out", "{type: object}", "{type: object, x-kubernetes-map-type: granular}", nil},

	{
		"unknown fields are pruned", "{type: object, x-kubernetes-preserve-unknown-fields: true}", "{type: object}",
		[]string{"f: x-kubernetes-preserve-unknown-fields went from true to false"},
	},
	{"unknown fields are kept", "{type: object}", "{type: object, x-kubernetes-preserve-unknown-fields: true}", nil},
	{
		"embedded resource", "{type: object, x-kubernetes-embedded-resource: true}", "{type: object}",
		[]string{"f: x-kubernetes-embedded-resource went from true to false"},
	},
	{"int or string", "{x-kubernetes-int-or-string: true}", "{}", []string{"f: x-kubernetes-int-or-string went from true to false"}},

	{"rule added", "{type: string}", "{type: string, x-kubernetes-validations: [{rule: self != ''}]}", []string{"f: a CEL rule was added: self != ''"}},
	{
		"rule rewritten", "{type: string, x-kubernetes-validations: [{rule: self != ''}]}", "{type: string, x-kubernetes-validations: [{rule: self != 'a'}]}",
		[]string{"f: a CEL rule was added: self != 'a'"},
	},
	{
		"rule also without an old value", "{type: string, x-kubernetes-validations: [{rule: self == oldSelf}]}",
		"{type: string, x-kubernetes-validations: [{rule: self == oldSelf, optionalOldSelf: true}]}",
		[]string{"f: a CEL rule was added: self == oldSelf"},
	},
	{
		"rule with another message", "{type: string, x-kubernetes-validations: [{rule: self != '', message: a}]}",
		"{type: string, x-kubernetes-validations: [{rule: self != '', message: b, reason: FieldValueForbidden}]}", nil,
	},
	{"rule removed", "{type: string, x-kubernetes-validations: [{rule: self != ''}]}", "{type: string}", nil},

	{"combination added", "{type: string}", "{type: string, not: {maxLength: 1}}", []string{"f: not was changed"}},
	{"combination is another", "{type: string, anyOf: [{minLength: 1}]}", "{type: string, anyOf: [{minLength: 2}]}", []string{"f: anyOf was changed"}},
	{"combination is the same", "{type: string, allOf: [{minLength: 1}]}", "{type: string, allOf: [{minLength: 1}]}", nil},

	{"field removed", "{type: object, properties: {a: {type: string}}}", "{type: object}", []string{"f.a: the field was removed"}},
	{"field added", "{type: object}", "{type: object, properties: {a: {type: string, maxLength: 1}}}", nil},
	{"field added with a default", "{type: object}", "{type: object, properties: {a: {type: string, default: x}}}", nil},
	{"required field added", "{type: object}", "{type: object, required: [a], properties: {a: {type: string}}}", []string{"f.a: the field became required"}},
	{"required field added with a default", "{type: object}", "{type: object, required: [a], properties: {a: {type: string, default: x}}}", nil},
	{
		"field became required", "{type: object, properties: {a: {type: string}}}", "{type: object, required: [a], properties: {a: {type: string}}}",
		[]string{"f.a: the field became required"},
	},
	{
		"field became optional", "{type: object, required: [a], properties: {a: {type: string}}}", "{type: object, properties: {a: {type: string}}}", nil,
	},
	{
		"deep", "{type: object, properties: {a: {type: array, items: {type: object, properties: {b: {type: string}}}}}}",
		"{type: object, properties: {a: {type: array, items: {type: object, properties: {b: {type: string, maxLength: 1}}}}}}",
		[]string{"f.a[].b: maxLength went from none to 1"},
	},
	{"values of a list", "{type: array, items: {type: string}}", "{type: array, items: {type: integer}}", []string{"f[]: type went from string to integer"}},
	{
		"values of a map", "{type: object, additionalProperties: {type: string}}", "{type: object, additionalProperties: {type: string, maxLength: 63}}",
		[]string{"f.*: maxLength went from none to 63"},
	},
	{"other keys refused", "{type: object, additionalProperties: {type: string}}", "{type: object}", []string{"f.*: the field takes no other keys any more"}},
	{
		"other keys got a schema", "{type: object, additionalProperties: true}", "{type: object, additionalProperties: {type: string}}",
		[]string{"f.*: values of other keys got a schema"},
	},
	{"other keys permitted", "{type: object}", "{type: object, additionalProperties: {type: string}}", nil},
	{"schema of other keys removed", "{type: object, additionalProperties: {type: string}}", "{type: object, additionalProperties: true}", nil},
}

func TestIncompatibleChangesOfAFieldAreListed(t *testing.T) {
	for _, test := range schemaChanges {
		t.Run(test.name, func(t *testing.T) {
			before, after := schemaOf(t, test.before), schemaOf(t, test.after)
			var got []string
			for _, c := range compareSchema("f", before, after) {
				got = append(got, c.field+": "+c.what)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func schemaOf(t *testing.T, text string) *props {
	t.Helper()
	var schema props
	if err := yaml.UnmarshalStrict([]byte(text), &schema); err != nil {
		t.Fatal(err)
	}
	return &schema
}

func TestTheTableHasAChangeForEachCheck(t *testing.T) {
	for _, check := range schemaChecks {
		if !slices.ContainsFunc(schemaChanges, func(test schemaChange) bool {
			return len(check.compare(schemaOf(t, test.before), schemaOf(t, test.after))) > 0
		}) {
			t.Errorf("no change of the table is one of %v", check.covers)
		}
	}
}

// notCompared are the fields of a schema that need no check, each with the reason.
var notCompared = map[string]string{
	"Properties": "compareFields", "Required": "compareRequired", "Items": "compareItems", "AdditionalProperties": "compareOtherKeys",
	"Description": "for people", "Title": "for people", "Example": "for people", "ExternalDocs": "for people",
	"ID": "for people", "Schema": "for people",
	"Ref": "refused by the API server", "Definitions": "refused by the API server", "Dependencies": "refused by the API server",
	"PatternProperties": "refused by the API server", "AdditionalItems": "refused by the API server", "UniqueItems": "refused by the API server",
}

// A later version of Kubernetes may bring a keyword that restricts values.
func TestEveryKeywordOfASchemaIsCompared(t *testing.T) {
	var covered []string
	for _, check := range schemaChecks {
		covered = append(covered, check.covers...)
	}
	for _, name := range fieldsOf[apiextensionsv1.JSONSchemaProps]() {
		if slices.Contains(covered, name) == (notCompared[name] != "") {
			t.Errorf("%s must be covered by a check, or be listed with the reason why not", name)
		}
	}
}

// fieldsOf returns the names of the fields of a struct.
func fieldsOf[T any]() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		names = append(names, f.Name)
	}
	return names
}
