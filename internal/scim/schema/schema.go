// Package schema describes SCIM resources as data (RFC 7643 section 7): schemas, resource types,
// attributes, and the values of attributes.
//
// The other packages of the protocol core work on these descriptions. A new schema needs a new
// description, and no new code.
package schema

import (
	"slices"
	"strings"
)

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type string

// The data types. Values of dateTime, binary and reference are stored as the strings that the client sent.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// Mutability says when an attribute may be written (RFC 7643 section 7).
type Mutability string

// The mutabilities.
const (
	ReadWrite Mutability = "readWrite"
	ReadOnly  Mutability = "readOnly"
	Immutable Mutability = "immutable"
	WriteOnly Mutability = "writeOnly"
)

// Returned says when an attribute is part of a response (RFC 7643 section 7).
type Returned string

// The values of "returned".
const (
	ReturnedAlways  Returned = "always"
	ReturnedNever   Returned = "never"
	ReturnedDefault Returned = "default"
	ReturnedRequest Returned = "request"
)

// Attribute describes one attribute (RFC 7643 section 7). Attributes are compared by pointer: each place in a
// schema has an Attribute of its own.
type Attribute struct {
	Name            string       `json:"name"`
	Type            Type         `json:"type"`
	SubAttributes   []*Attribute `json:"subAttributes,omitempty"`
	MultiValued     bool         `json:"multiValued"`
	Description     string       `json:"description,omitempty"`
	Required        bool         `json:"required"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      Mutability   `json:"mutability"`
	Returned        Returned     `json:"returned"`
	Uniqueness      string       `json:"uniqueness,omitempty"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`

	// AbsentMeans is the value that a filter sees if the attribute is unassigned; nil if none. Of primary it is
	// false (RFC 7643 section 2.4).
	AbsentMeans any `json:"-"`

	returnedByDefault bool // returned "always" or "default", and so is every sub-attribute
}

// complete sets the fields that follow from the others, in the attribute and its sub-attributes. It is called
// once, after a schema is loaded.
func (a *Attribute) complete() {
	a.returnedByDefault = a.Returned == ReturnedAlways || a.Returned == ReturnedDefault
	for _, sub := range a.SubAttributes {
		sub.complete()
		a.returnedByDefault = a.returnedByDefault && sub.returnedByDefault
	}
	if primary := a.Sub("primary"); a.MultiValued && primary != nil {
		primary.AbsentMeans = false
	}
}

// Sub returns the sub-attribute of that name, in any letter case (RFC 7643 section 2.1), or nil.
func (a *Attribute) Sub(name string) *Attribute { return findAttribute(a.SubAttributes, name) }

// IsCanonical reports whether text is one of the attribute's canonical values, in any letter case. All values are if
// the schema lists none, or has no such attribute, and so is no value.
func (a *Attribute) IsCanonical(text string) bool {
	if a == nil || text == "" || len(a.CanonicalValues) == 0 {
		return true
	}
	return slices.ContainsFunc(a.CanonicalValues, func(value string) bool { return strings.EqualFold(value, text) })
}

// Schema describes one schema (RFC 7643 section 7).
type Schema struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Attributes  []*Attribute `json:"attributes"`
}

// Attribute returns the attribute of that name, in any letter case, or nil.
func (s *Schema) Attribute(name string) *Attribute { return findAttribute(s.Attributes, name) }

// Extension attaches a schema to a resource type (RFC 7643 section 6).
type Extension struct {
	Schema   *Schema
	Required bool
	// Attribute is the extension in a resource: one complex attribute whose name is the URN.
	Attribute *Attribute
}

// ResourceType describes one kind of resource (RFC 7643 section 6).
type ResourceType struct {
	Name        string // "User"; also its id
	Endpoint    string // "/Users"
	Description string
	Schema      *Schema
	Extensions  []Extension

	// Attributes are all top-level attributes in the order in which they are returned: schemas, id and
	// externalId (RFC 7643 section 3.1), those of the core schema, one for each extension, and meta.
	Attributes []*Attribute
}

// Attribute returns the top-level attribute of that name, in any letter case, or nil. The name of an extension
// is its URN.
func (rt *ResourceType) Attribute(name string) *Attribute { return findAttribute(rt.Attributes, name) }

func findAttribute(attributes []*Attribute, name string) *Attribute {
	for _, a := range attributes {
		if isSameName(a.Name, name) {
			return a
		}
	}
	return nil
}

// isSameName reports whether two names are the same in any letter case. A name has ASCII letters only (RFC 7643
// section 2.1), so that no other letter is taken for one of its letters.
func isSameName(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }
