package server

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// usualSize is room for most users and for small groups, in bytes.
const usualSize = 2 << 10

// show is the answer that is one resource, which Content-Location names: what a PUT or a PATCH shows is how
// the resource is now (RFC 9110 section 8.7).
func (s *server) show(status int, r *scim.Resource, selected schema.Selection) *answer {
	v := version(r)
	a := &answer{status: status, body: s.appendResource(make([]byte, 0, usualSize), r, v, selected)}
	if v != "" {
		a.set("ETag", v)
	}
	location := s.location(r.Type, r.ID)
	a.set("Content-Location", location)
	if status == http.StatusCreated {
		a.set("Location", location)
	}
	return a
}

// appendResource appends the representation of a resource (RFC 7643 section 3), what is selected of it.
// Members come last, written one by one: there can be a great many.
func (s *server) appendResource(dst []byte, r *scim.Resource, version string, selected schema.Selection) []byte {
	dst = append(dst, '{')
	dst = schema.AppendFields(dst, r.Type.Attributes, selected.Apply(s.object(r, version)))
	if r.Members == nil {
		return append(dst, '}')
	}
	if wanted := subAttributes(selected, schema.Members); len(wanted) > 0 {
		dst = append(dst, `,"members":[`...)
		first := true
		for member := range r.Members {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = s.appendMember(dst, wanted, member)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// object is the whole resource but for its members.
func (s *server) object(r *scim.Resource, version string) schema.Object {
	o := append(make(schema.Object, 0, len(r.Attributes)+4), r.Attributes...)
	return append(o,
		schema.Field{Attribute: schema.Schemas, Value: r.Schemas()},
		schema.Field{Attribute: schema.ID, Value: r.ID},
		schema.Field{Attribute: schema.Meta, Value: s.meta(r, version)},
	).With(schema.Groups, s.groups(r))
}

func (s *server) meta(r *scim.Resource, version string) schema.Object {
	return fields(schema.Meta,
		"resourceType", r.Type.Name,
		"created", r.Created.UTC().Format(scim.Instant),
		"lastModified", r.LastModified.UTC().Format(scim.Instant),
		"location", s.location(r.Type, r.ID),
		"version", version)
}

// groups are a user's, each one that the user is a direct member of: nesting is not supported.
func (s *server) groups(r *scim.Resource) []any {
	if r.Groups == nil {
		return nil
	}
	var groups []any
	for g := range r.Groups {
		groups = append(groups, fields(schema.Groups,
			"value", g.Value,
			"$ref", s.location(schema.Group, g.Value),
			"display", g.Display,
			"type", "direct"))
	}
	return groups
}

// fields is a complex value of sub-attributes and their values in turn; what is "" is unassigned.
func fields(a *schema.Attribute, pairs ...string) schema.Object {
	o := make(schema.Object, 0, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		if name, v := pair[0], pair[1]; v != "" {
			o = append(o, schema.Field{Attribute: a.Sub(name), Value: v})
		}
	}
	return o
}

func (s *server) appendMember(dst []byte, wanted []*schema.Attribute, member scim.Reference) []byte {
	opening := byte('{')
	for _, a := range wanted {
		v := s.memberField(a.Name, member)
		if v == "" {
			continue
		}
		dst = append(dst, opening)
		dst = schema.AppendString(append(schema.AppendString(dst, a.Name), ':'), v)
		opening = ','
	}
	if opening == '{' {
		dst = append(dst, opening)
	}
	return append(dst, '}')
}

func (s *server) memberField(name string, member scim.Reference) string {
	switch name {
	case "value":
		return member.Value
	case "$ref":
		return s.location(schema.User, member.Value)
	case "display":
		return member.Display
	case "type":
		return schema.User.Name
	}
	return ""
}

// subAttributes are those of an attribute that are selected.
func subAttributes(selected schema.Selection, a *schema.Attribute) []*schema.Attribute {
	var sample schema.Object
	for _, sub := range a.SubAttributes {
		sample = append(sample, schema.Field{Attribute: sub, Value: sub.Name})
	}
	some, _ := selected.Apply(schema.Object{{Attribute: a, Value: sample}}).Get(a).(schema.Object)
	var wanted []*schema.Attribute
	for _, f := range some {
		wanted = append(wanted, f.Attribute)
	}
	return wanted
}

// location is the URL of a resource.
func (s *server) location(rt *schema.ResourceType, id string) string {
	return s.BaseURL + rt.Endpoint + "/" + url.PathEscape(id)
}
