package schema

import "strings"

// Path leads to an attribute: a top-level one, its sub-attribute, or an extension, its attribute and
// that attribute's sub-attribute.
type Path []*Attribute

// Last is the attribute that the path leads to.
func (p Path) Last() *Attribute { return p[len(p)-1] }

// String is the path as RFC 7644 section 3.10 writes it: "name.givenName", or
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

// separator stands between an attribute and its sub-attribute: a colon behind the URN of an extension.
func (a *Attribute) separator() string {
	if strings.HasPrefix(a.Name, "urn:") {
		return ":"
	}
	return "."
}

// Resolve finds the attribute that a name stands for, in any letter case, with or without the URN of
// its schema (RFC 7644 section 3.10): one of this type's core schema, of its extensions, or else of one of
// the others. It is nil when there is none.
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
	if rest, ok := cutURN(name, rt.Schema.ID); ok {
		return descend(nil, rt.Attributes, rest) // the common attributes are part of every schema (RFC 7643 section 3.1)
	}
	for _, e := range rt.Extensions {
		if strings.EqualFold(name, e.Schema.ID) {
			return Path{e.Attribute}
		}
		if rest, ok := cutURN(name, e.Schema.ID); ok {
			return descend(Path{e.Attribute}, e.Schema.Attributes, rest)
		}
	}
	if p := descend(nil, rt.Attributes, name); p != nil {
		return p
	}
	for _, e := range rt.Extensions { // Entra ID's documentation has a manager without the URN
		if p := descend(Path{e.Attribute}, e.Schema.Attributes, name); p != nil {
			return p
		}
	}
	return nil
}

func cutURN(name, urn string) (rest string, ok bool) {
	if len(name) > len(urn) && name[len(urn)] == ':' && strings.EqualFold(name[:len(urn)], urn) {
		return name[len(urn)+1:], true
	}
	return "", false
}

func descend(to Path, attributes []*Attribute, name string) Path {
	name, rest, deeper := strings.Cut(name, ".")
	a := find(attributes, name)
	if a == nil {
		return nil
	}
	to = append(to, a)
	if deeper {
		return descend(to, a.SubAttributes, rest)
	}
	return to
}
