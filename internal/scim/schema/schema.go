// Package schema describes SCIM resources as data (RFC 7643 section 7): schemas, resource types and
// their attributes, and the values that resources are made of.
//
// Everything else in the protocol core works on these descriptions, so that a new schema is a new
// description and no new code.
package schema

import "strings"

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type string

// The data types. Values of dateTime, binary and reference are kept as the strings that were sent.
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

// The ways of being returned.
const (
	ReturnedAlways  Returned = "always"
	ReturnedNever   Returned = "never"
	ReturnedDefault Returned = "default"
	ReturnedRequest Returned = "request"
)

// Attribute describes one attribute (RFC 7643 section 7). Attributes are compared by pointer: there is
// one for each place in a schema, and a value carries the pointer of its own.
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

	shown bool // always or by default, and so is all that is in it; set when it is loaded
}

// settle works out what does not change any more.
func (a *Attribute) settle() {
	a.shown = a.Returned == ReturnedAlways || a.Returned == ReturnedDefault
	for _, sub := range a.SubAttributes {
		sub.settle()
		a.shown = a.shown && sub.shown
	}
}

// Sub is the sub-attribute of that name, in any letter case (RFC 7643 section 2.1), or nil.
func (a *Attribute) Sub(name string) *Attribute { return find(a.SubAttributes, name) }

// Schema describes one schema (RFC 7643 section 7).
type Schema struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Attributes  []*Attribute `json:"attributes"`
}

// Attribute is the attribute of that name, in any letter case, or nil.
func (s *Schema) Attribute(name string) *Attribute { return find(s.Attributes, name) }

// Extension attaches a schema to a resource type (RFC 7643 section 6).
type Extension struct {
	Schema   *Schema
	Required bool
	// Attribute is the extension as its resources hold it: one complex attribute named by the URN.
	Attribute *Attribute
}

// ResourceType describes one kind of resource (RFC 7643 section 6).
type ResourceType struct {
	Name        string // "User"; also its id
	Endpoint    string // "/Users"
	Description string
	Schema      *Schema
	Extensions  []Extension

	// Attributes are all top-level attributes in the order in which they are returned: the common ones
	// (schemas, id, externalId, meta; RFC 7643 section 3.1), the core schema's, one for each extension.
	Attributes []*Attribute
}

// Attribute is the top-level attribute of that name, in any letter case, or nil. Extensions are found
// by their URN.
func (rt *ResourceType) Attribute(name string) *Attribute { return find(rt.Attributes, name) }

func find(attributes []*Attribute, name string) *Attribute {
	for _, a := range attributes {
		if len(a.Name) == len(name) && strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}
