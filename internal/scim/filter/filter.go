// Package filter parses and evaluates SCIM filters and attribute paths (RFC 7644 sections 3.4.2.2, 3.10).
package filter

import (
	"fmt"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Filter is a parsed filter whose attribute names are resolved against a schema.
type Filter interface {
	// Match reports whether the filter selects the resource. It charges its comparisons to the meter, and stops once
	// that has ended.
	Match(Source, *Meter) bool
	// String returns the filter in canonical form. Parse reads it as an equal filter.
	String() string

	appendTo(dst []byte) []byte
}

// Source has the attributes that a filter reads: a resource, or one value of a multi-valued attribute.
type Source interface {
	// Get returns the attribute's value as described at schema.Object, or nil if it is unassigned.
	Get(*schema.Attribute) any
}

// SyntaxError says at which position a filter or a path is malformed.
type SyntaxError struct {
	Position int // in bytes, from 1
	Problem  string
	// IsUnknownAttribute says that the text up to the position is well-formed, and that no schema has the
	// attribute there.
	IsUnknownAttribute bool
}

// Error returns the detail for the client.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("at position %d: %s", e.Position, e.Problem)
}

// RequiredValue reports whether every resource that f selects has one particular value at the path, and
// returns that value. A Store looks it up in an index. A path of one element is a top-level attribute.
func RequiredValue(f Filter, path ...*schema.Attribute) (value string, ok bool) {
	switch f := f.(type) {
	case *comparison:
		if text, isText := f.literal.(string); isText && f.operator == eq && slices.Equal(f.path, path) {
			return text, true
		}
	case *logical:
		if f.or {
			return "", false
		}
		if value, ok = RequiredValue(f.left, path...); ok {
			return value, true
		}
		return RequiredValue(f.right, path...)
	}
	return "", false
}

// Mentions reports whether the result of f depends on one of the top-level attributes given.
func Mentions(f Filter, attributes ...*schema.Attribute) bool {
	switch f := f.(type) {
	case *comparison:
		return slices.Contains(attributes, f.path[0])
	case *valuePath:
		return slices.Contains(attributes, f.path[0])
	case *negation:
		return Mentions(f.operand, attributes...)
	case *logical:
		return Mentions(f.left, attributes...) || Mentions(f.right, attributes...)
	}
	return false
}

// Terms returns the number of comparisons in f, which is what one evaluation may cost.
func Terms(f Filter) int {
	switch f := f.(type) {
	case *logical:
		return Terms(f.left) + Terms(f.right)
	case *negation:
		return Terms(f.operand)
	case *valuePath:
		return 1 + Terms(f.filter)
	}
	return 1
}

// Or returns the filter that selects what either of two filters selects.
func Or(a, b Filter) Filter { return &logical{or: true, left: a, right: b} }

// Implied returns the sub-attributes that a value filter requires to be equal to something. If no value
// matches the filter, a PATCH can create one that has them.
func Implied(f Filter) schema.Object {
	switch f := f.(type) {
	case *comparison:
		if f.operator == eq && len(f.path) == 1 {
			switch f.literal.(type) {
			case string, bool:
				if f.literal != "" { // an empty string is unassigned (RFC 7643 section 2.5)
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

// Alternatives returns the values of which the attribute must have one, if the filter is a list of such
// alternatives: value eq "a" or value eq "b".
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
