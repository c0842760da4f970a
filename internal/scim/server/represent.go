package server

import (
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// view is a resource as clients see it.
type view struct {
	*scim.Resource
	version, location string
}

func (s *server) view(r *scim.Resource) view { return view{r, version(r), s.location(r.Type, r.ID)} }

// show is the answer that is one resource, which Content-Location names: what a PUT or a PATCH shows is how
// the resource is now (RFC 9110 section 8.7).
func (s *server) show(status int, r *scim.Resource, selected schema.Selection) *answer {
	v := s.view(r)
	a := s.representation(status, v, selected)
	if v.version != "" {
		a.set("Etag", v.version)
	}
	a.set("Content-Location", v.location)
	if status == http.StatusCreated {
		a.set("Location", v.location)
	}
	return a
}

func (s *server) representation(status int, v view, selected schema.Selection) *answer {
	if inParts(v, selected) {
		return &answer{status: status, body: []byte{}, rest: func(yield func([]byte) bool) {
			b := newBuffer()
			if s.writeResource(b, v, selected, yield) && yield(b.text) {
				b.free()
			}
		}}
	}
	b := newBuffer()
	b.text = s.appendResource(b.text, v, selected)
	return b.answer(status)
}

// inParts reports whether a representation is written as its members are read: there can be a great many.
func inParts(v view, selected schema.Selection) bool {
	return selected.Has(schema.Members) && large(v.Resource)
}

// partSize is how long a part of an answer is, in bytes: what an http.Server writes at once is not much more.
const partSize = 32 << 10

// writeResource appends a representation to a buffer. What is long it hands over in parts, each good until the next,
// and reports whether they were taken; the last one is left in the buffer.
func (s *server) writeResource(b *buffer, v view, selected schema.Selection, yield func([]byte) bool) bool {
	if !inParts(v, selected) {
		b.text = s.appendResource(b.text, v, selected)
		return true
	}
	at := len(b.text)
	b.text = schema.Enclose(s.appendAttributes(b.text, v, selected), at, "{}")
	b.text = append(schema.AppendName(b.text[:len(b.text)-len("}")], schema.Members), '[')
	wanted, separator := selected.Within(schema.Members), ""
	for member := range v.Members {
		b.text = s.appendReference(append(b.text, separator...), wanted, member, schema.User, schema.User.Name)
		separator = ","
		if len(b.text) >= partSize {
			if !yield(b.text) {
				return false
			}
			b.text = b.text[:0]
		}
	}
	b.text = append(b.text, "]}"...)
	return true
}

// appendResource appends the representation of a resource (RFC 7643 section 3), what is selected of it. Members come
// last, written one by one.
func (s *server) appendResource(dst []byte, v view, selected schema.Selection) []byte {
	at := len(dst)
	dst = s.appendAttributes(dst, v, selected)
	dst = s.appendMembers(dst, v.Members, selected.Within(schema.Members))
	return schema.Enclose(dst, at, "{}")
}

// appendAttributes appends all but the members.
func (s *server) appendAttributes(dst []byte, v view, selected schema.Selection) []byte {
	attributes := selected.Apply(v.Attributes)
	for _, a := range v.Type.Attributes {
		switch a {
		case schema.Schemas:
			dst = schema.AppendValue(schema.AppendName(dst, a), a, v.Schemas())
		case schema.ID:
			dst = schema.AppendString(schema.AppendName(dst, a), v.ID)
		case schema.Groups:
			dst = s.appendGroups(dst, v.Groups, selected.Within(a))
		case schema.Meta:
			dst = appendMeta(dst, v, selected.Within(a))
		default:
			if value := attributes.Get(a); value != nil {
				dst = schema.AppendValue(schema.AppendName(dst, a), a, value)
			}
		}
	}
	return dst
}

// The sub-attributes of meta.
var (
	metaResourceType = schema.Meta.Sub("resourceType")
	metaCreated      = schema.Meta.Sub("created")
	metaLastModified = schema.Meta.Sub("lastModified")
	metaLocation     = schema.Meta.Sub("location")
	metaVersion      = schema.Meta.Sub("version")
)

func appendMeta(dst []byte, v view, wanted []*schema.Attribute) []byte {
	if len(wanted) == 0 {
		return dst
	}
	dst = schema.AppendName(dst, schema.Meta)
	at := len(dst)
	for _, a := range wanted {
		if a == metaVersion && v.version == "" {
			continue
		}
		dst = schema.AppendName(dst, a)
		switch a {
		case metaResourceType:
			dst = schema.AppendString(dst, v.Type.Name)
		case metaCreated:
			dst = appendInstant(dst, v.Created)
		case metaLastModified:
			dst = appendInstant(dst, v.LastModified)
		case metaLocation:
			dst = schema.AppendString(dst, v.location)
		case metaVersion:
			dst = strconv.AppendQuote(dst, v.version) // it has nothing that JSON quotes differently
		}
	}
	return schema.Enclose(dst, at, "{}")
}

// appendInstant appends a time as scim.Instant has it: in two parts, for package time is several times as fast with
// the layout that it knows.
func appendInstant(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = t.AppendFormat(append(dst, '"'), time.RFC3339)
	return t.AppendFormat(dst[:len(dst)-len("Z")], `.000Z"`)
}

// appendGroups appends the groups that a user is a direct member of: nesting is not supported. A user who is in none
// has no such attribute.
func (s *server) appendGroups(dst []byte, groups iter.Seq[scim.Reference], wanted []*schema.Attribute) []byte {
	if groups == nil || len(wanted) == 0 {
		return dst
	}
	list := schema.AppendName(dst, schema.Groups)
	at := len(list)
	for group := range groups {
		list = s.appendReference(append(list, ','), wanted, group, schema.Group, "direct")
	}
	if len(list) == at {
		return dst
	}
	return schema.Enclose(list, at, "[]")
}

// appendMembers appends the members of a group, and an empty list if there are none.
func (s *server) appendMembers(dst []byte, members iter.Seq[scim.Reference], wanted []*schema.Attribute) []byte {
	if members == nil || len(wanted) == 0 {
		return dst
	}
	list := schema.AppendName(dst, schema.Members)
	at := len(list)
	for member := range members {
		list = s.appendReference(append(list, ','), wanted, member, schema.User, schema.User.Name)
	}
	return schema.Enclose(list, at, "[]")
}

// appendReference appends what is wanted of a reference to a resource of that type. What is "" is unassigned.
func (s *server) appendReference(dst []byte, wanted []*schema.Attribute, r scim.Reference, to *schema.ResourceType, kind string) []byte {
	at := len(dst)
	for _, a := range wanted {
		v := ""
		switch a.Name {
		case "value":
			v = r.Value
		case "$ref":
			v = s.location(to, r.Value)
		case "display":
			v = r.Display
		case "type":
			v = kind
		}
		if v != "" {
			dst = schema.AppendString(schema.AppendName(dst, a), v)
		}
	}
	return schema.Enclose(dst, at, "{}")
}

// location is the URL of a resource.
func (s *server) location(rt *schema.ResourceType, id string) string {
	return s.BaseURL + rt.Endpoint + "/" + url.PathEscape(id)
}
