package main

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const schema = `
properties:
  metadata: {type: object}
  spec:
    type: object
    required: [kind]
    properties:
      kind: {type: string, enum: [User, Group, Team]}
      only: {type: string, enum: [One], default: One}
      since: {type: string, format: date-time}
      first: {type: string, maxLength: 1024}
      last: {type: string, maxLength: 1024}
      code: {type: string, minLength: 8, maxLength: 8}
      rate: {type: integer, format: int32, minimum: 1, maximum: 1000000, default: 200}
      count: {type: integer, format: int32, minimum: 0}
      names: {type: array, minItems: 1, maxItems: 16, items: {type: string, minLength: 1, maxLength: 63}}
      labels: {type: object, maxProperties: 16, additionalProperties: {type: string}}
      emails:
        type: array
        maxItems: 100
        items: {type: object, required: [value], properties: {value: {type: string, maxLength: 8192}}}
      name: {type: object, properties: {formatted: {type: string, maxLength: 256}}}
  status:
    type: object
    required: [total]
    properties:
      total: {type: integer, minimum: 0}
      conditions: {type: array, maxItems: 16, items: {type: object, properties: {type: {type: string}}}}
`

const page = "# Kind\n\n## Example\n\n| field | type |\n|---|---|\n" + `
## Spec

| field | type | bound | meaning |
|---|---|---|---|
| ¬kind¬ | wrong | wrong | Which one: ¬a \| b¬. |
| ¬only¬ | | | |
| ¬since¬ | | | |
| ¬first¬, ¬last¬ | | | Both. |
| ¬code¬ | | | |
| ¬rate¬ | | | |
| ¬count¬ | | | |
| ¬names¬ | | | |
| ¬labels¬ | | | |

### More

| field | bound | meaning |
|---|---|---|
| ¬emails¬ | | |
| ¬emails[].value¬ | | |
| ¬name.formatted¬ | | |

## Status

| field | type | meaning |
|---|---|---|
| ¬total¬ | | |
| ¬conditions¬ | | |

## Printed columns

| column | type |
|---|---|
| ¬kind¬ | as it is |
`

// fields returns those of the schema of the tests.
func fields(t *testing.T) map[string]field {
	t.Helper()
	var s apiextensionsv1.JSONSchemaProps
	NewWithT(t).Expect(yaml.Unmarshal([]byte(schema), &s)).To(Succeed())
	return fieldsOf(&s)
}

// asPage returns a page with backticks.
func asPage(text string) string { return strings.ReplaceAll(text, "¬", "`") }

func TestTypesAndBoundsAreThoseOfTheSchema(t *testing.T) {
	g := NewWithT(t)
	written, err := rewrite(asPage(page), fields(t))
	g.Expect(err).NotTo(HaveOccurred())
	for _, row := range []string{
		`| ¬kind¬ | ¬User¬, ¬Group¬ or ¬Team¬, required | | Which one: ¬a \| b¬. |`,
		`| ¬only¬ | ¬One¬ | default ¬One¬ | |`,
		`| ¬since¬ | time | | |`,
		`| ¬first¬, ¬last¬ | string | at most 1,024 characters | Both. |`,
		`| ¬code¬ | string | 8 characters | |`,
		`| ¬rate¬ | integer | default ¬200¬; 1 to 1,000,000 | |`,
		`| ¬count¬ | integer | | |`,
		`| ¬names¬ | list of strings | 1 to 16 values; 1 to 63 characters each | |`,
		`| ¬labels¬ | map of strings | at most 16 entries | |`,
		`| ¬emails¬ | at most 100 values | |`,
		`| ¬emails[].value¬ | at most 8,192 characters | |`,
		`| ¬total¬ | integer | |`,
		`| ¬conditions¬ | list of objects | |`,
		`| ¬kind¬ | as it is |`,
	} {
		g.Expect(strings.Split(written, "\n")).To(ContainElement(asPage(row)))
	}
	again, err := rewrite(written, fields(t))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(written))
}

func TestTablesThatDoNotFitTheSchemaAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ old, new, message string }{
		"a field without a row":               {"| ¬count¬ | | | |\n", "", "spec.count has no row"},
		"a field of a value without a row":    {"| ¬emails[].value¬ | | |\n", "", "spec.emails[].value has no row"},
		"a row of no field":                   {"¬count¬", "count", "line 18: the row names no field"},
		"a row of a field that is not there":  {"¬count¬", "¬number¬", "the schema has no field spec.number"},
		"a row of the other part":             {"¬total¬", "¬count¬", "the schema has no field status.count"},
		"fields of one row that differ":       {"¬first¬, ¬last¬", "¬first¬, ¬code¬", `the bound of spec.first is "at most 1,024 characters" and that of spec.code is "8 characters"`},
		"a row that has no cell for the type": {"| ¬total¬ | | |", "| ¬total¬ |", "the row of status.total has no column type"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(page, test.old, test.new, 1)
			NewWithT(t).Expect(changed).NotTo(Equal(page))
			_, err := rewrite(asPage(changed), fields(t))
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(test.message)))
		})
	}
}
