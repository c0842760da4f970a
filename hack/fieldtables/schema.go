package main

import (
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// field is what the schema says of one field.
type field struct {
	kind     string // "string, required", as in the column type; of a status, which the operator writes, never required
	bound    string // "1 to 256 characters", as in the column bound
	isObject bool   // its own fields have rows; it needs none
}

// fieldsOf returns the fields of spec and status by their paths, such as "spec.emails[].value". The fields of conditions, which
// Kubernetes defines, are left out.
func fieldsOf(schema *apiextensionsv1.JSONSchemaProps) map[string]field {
	fields := map[string]field{}
	for _, part := range []string{"spec", "status"} {
		collect(schema.Properties[part], part, fields)
	}
	return fields
}

// collect adds the fields of an object.
func collect(schema apiextensionsv1.JSONSchemaProps, path string, fields map[string]field) {
	for name, child := range schema.Properties {
		childPath := path + "." + name
		kind := kindOf(child)
		if slices.Contains(schema.Required, name) && strings.HasPrefix(path, "spec") {
			kind += ", required"
		}
		fields[childPath] = field{kind: kind, bound: boundOf(child), isObject: len(child.Properties) > 0}
		if name == "conditions" {
			continue
		}
		collect(child, childPath, fields)
		if child.Items != nil {
			collect(*child.Items.Schema, childPath+"[]", fields)
		}
	}
}

// kindOf returns the type of a field in words.
func kindOf(schema apiextensionsv1.JSONSchemaProps) string {
	switch {
	case len(schema.Enum) > 0:
		var values []string
		for _, value := range schema.Enum {
			values = append(values, code(value))
		}
		last := len(values) - 1
		if last == 0 {
			return values[0]
		}
		return strings.Join(values[:last], ", ") + " or " + values[last]
	case schema.Format == "date-time":
		return "time"
	case schema.Type == "array":
		return "list of " + kindOf(*schema.Items.Schema) + "s"
	case schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil:
		return "map of " + kindOf(*schema.AdditionalProperties.Schema) + "s"
	}
	return schema.Type
}

// boundOf returns the default and the limits of a field in words. An integer that is only not negative has no bound that a person
// has to know.
func boundOf(schema apiextensionsv1.JSONSchemaProps) string {
	var parts []string
	if schema.Default != nil {
		parts = append(parts, "default "+code(*schema.Default))
	}
	if schema.Maximum != nil {
		parts = append(parts, span(schema.Minimum, *schema.Maximum, ""))
	}
	if schema.MaxLength != nil {
		parts = append(parts, span(schema.MinLength, *schema.MaxLength, " characters"))
	}
	if schema.MaxItems != nil {
		parts = append(parts, span(schema.MinItems, *schema.MaxItems, " values"))
	}
	if schema.MaxProperties != nil {
		parts = append(parts, span(schema.MinProperties, *schema.MaxProperties, " entries"))
	}
	if schema.Items != nil && schema.Items.Schema.MaxLength != nil {
		parts = append(parts, span(schema.Items.Schema.MinLength, *schema.Items.Schema.MaxLength, " characters")+" each")
	}
	return strings.Join(parts, "; ")
}

// span returns a range in words: "1 to 256 characters", "at most 256 characters".
func span[T int64 | float64](from *T, to T, unit string) string {
	switch {
	case from != nil && *from == to:
		return grouped(to) + unit
	case from != nil && *from > 0:
		return grouped(*from) + " to " + grouped(to) + unit
	}
	return "at most " + grouped(to) + unit
}

// grouped returns a number with a comma before each three digits: "65,536".
func grouped[T int64 | float64](number T) string {
	digits := fmt.Sprint(int64(number))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// code returns a value of a schema as code: `Enforce`.
func code(value apiextensionsv1.JSON) string { return "`" + strings.Trim(string(value.Raw), `"`) + "`" }
