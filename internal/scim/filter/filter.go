// Package filter parses and evaluates SCIM filters and attribute paths (RFC 7644 sections 3.4.2.2, 3.10).
package filter

import (
	"fmt"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Filter is a parsed filter, its attribute names resolved against a schema.
type Filter interface {
	// Match reports whether the filter selects the resource.
	Match(Source) bool
	// String is the filter in canonical form; parsing it again yields an equal filter.
	String() string

	appendTo(dst []byte) []byte
}

// Source is what a filter looks into: a resource, or one value of a multi-valued attribute.
type Source interface {
	// Get is the attribute's value as described at schema.Object, or nil when it is unassigned.
	Get(*schema.Attribute) any
}

// SyntaxError says where a filter or a path cannot be read.
type SyntaxError struct {
	Position int // in bytes, from 1
	Problem  string
}

// Error is the detail for the client.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("at position %d: %s", e.Position, e.Problem)
}

// Equal reports whether every resource that f selects has value at the path, and which value that is: a
// Directory looks it up in an index. A path of one attribute finds a top-level one.
func Equal(f Filter, path ...*schema.Attribute) (value string, ok bool) {
	switch f := f.(type) {
	case *comparison:
		if text, isText := f.literal.(string); isText && f.operator == eq && slices.Equal(f.path, path) {
			return text, true
		}
	case *logical:
		if f.or {
			return "", false
		}
		if value, ok = Equal(f.left, path...); ok {
			return value, true
		}
		return Equal(f.right, path...)
	}
	return "", false
}

// Mentions reports whether what f selects depends on one of the attributes, which are top-level ones.
func Mentions(f Filter, attributes ...*schema.Attribute) bool {
	switch f := f.(type) {
	case *comparison:
		return slices.Contains(attributes, f.path[0])
	case *valuePath:
		return slices.Contains(attributes, f.path[0])
	case *negation:
		return Mentions(f.of, attributes...)
	case *logical:
		return Mentions(f.left, attributes...) || Mentions(f.right, attributes...)
	}
	return false
}

// Implied are the sub-attributes that a value filter demands to be equal to something: what a value must
// have to be created where a filter matches none.
func Implied(f Filter) schema.Object {
	switch f := f.(type) {
	case *comparison:
		if f.operator == eq && len(f.path) == 1 {
			switch f.literal.(type) {
			case string, bool:
				if f.literal != "" { // that is no value (RFC 7643 section 2.5)
					return schema.Object{{Attribute: f.path[0], Value: f.literal}}
				}
			}
		}
	case *logical:
		if f.or {
			return nil
		}
		o := Implied(f.left)
		for _, field := range Implied(f.right) {
			o = o.With(field.Attribute, field.Value)
		}
		return o
	}
	return nil
}

// Alternatives are the values one of which the attribute must have, where that is all that the filter
// says: value eq "a" or value eq "b".
func Alternatives(f Filter, a *schema.Attribute) (values []string, ok bool) {
	if l, isLogical := f.(*logical); isLogical && l.or {
		left, leftOK := Alternatives(l.left, a)
		right, rightOK := Alternatives(l.right, a)
		return append(left, right...), leftOK && rightOK
	}
	c, isComparison := f.(*comparison)
	if !isComparison || c.operator != eq || !slices.Equal(c.path, []*schema.Attribute{a}) {
		return nil, false
	}
	text, isText := c.literal.(string)
	return []string{text}, isText
}
