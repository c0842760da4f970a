package schema

import (
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim/dialect"
)

// Path leads to an attribute. It has one element for a top-level attribute or an extension, and one more for
// each level below it: a sub-attribute, or an extension's attribute and that attribute's sub-attribute.
type Path []*Attribute

// Last returns the attribute that the path leads to.
func (p Path) Last() *Attribute { return p[len(p)-1] }

// String returns the path as RFC 7644 section 3.10 writes it: "name.givenName", or
// "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value".
func (p Path) String() string {
	var b strings.Builder
	for i, a := range p {
		if i > 0 {
			b.WriteString(p[i-1].separator())
		}
		b.WriteString(a.Name)
	}
	return b.String()
}

// separator returns what stands between an attribute and its sub-attribute: a colon after the URN of an
// extension, a dot otherwise.
func (a *Attribute) separator() string {
	if strings.HasPrefix(a.Name, "urn:") {
		return ":"
	}
	return "."
}

// Resolve finds the attribute of a name, in any letter case, with or without the URN of its schema (RFC 7644
// section 3.10). It looks in this type's core schema, then in its extensions, then in the other types. It
// returns nil if there is no such attribute.
func (rt *ResourceType) Resolve(name string, others ...*ResourceType) Path {
	if p := rt.resolve(name); p != nil {
		return p
	}
	for _, other := range others {
		if p := other.resolve(name); p != nil {
			return p
		}
	}
	return nil
}

func (rt *ResourceType) resolve(name string) Path {
	if rest, ok := dialect.CutURN(name, rt.Schema.ID); ok {
		return resolveIn(nil, rt.Attributes, rest) // the common attributes are part of every schema (RFC 7643 section 3.1)
	}
	for _, e := range rt.Extensions {
		if strings.EqualFold(name, e.Schema.ID) {
			return Path{e.Attribute}
		}
		if rest, ok := dialect.CutURN(name, e.Schema.ID); ok {
			return resolveIn(Path{e.Attribute}, e.Schema.Attributes, rest)
		}
	}
	if p := resolveIn(nil, rt.Attributes, name); p != nil {
		return p
	}
	for _, e := range rt.Extensions { // Entra ID's documentation has a manager without the URN
		if p := resolveIn(Path{e.Attribute}, e.Schema.Attributes, name); p != nil {
			return p
		}
	}
	return nil
}

// HasForeignURN reports whether a name begins with the URN of a schema that the type does not have. Such an
// extension may have a URN that begins with that of a known one.
func (rt *ResourceType) HasForeignURN(name string) bool {
	const scheme = "urn:"
	if len(name) < len(scheme) || !strings.EqualFold(name[:len(scheme)], scheme) || isWithin(name, rt.Schema.ID) {
		return false
	}
	return !slices.ContainsFunc(rt.Extensions, func(e Extension) bool { return isWithin(name, e.Schema.ID) })
}

func isWithin(name, urn string) bool {
	_, ok := dialect.CutURN(name, urn)
	return ok || strings.EqualFold(name, urn)
}

func resolveIn(to Path, attributes []*Attribute, name string) Path {
	name, rest, deeper := strings.Cut(name, ".")
	a := findAttribute(attributes, name)
	if a == nil {
		return nil
	}
	to = append(to, a)
	if deeper {
		return resolveIn(to, a.SubAttributes, rest)
	}
	return to
}
