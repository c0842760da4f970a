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

// representation is a resource with what clients see in addition: its version and its location.
type representation struct {
	*scim.Resource
	version, location string
}

func (s *server) represent(r *scim.Resource) representation {
	return representation{r, version(r), s.location(r.Type, r.ID)}
}

// changedResponse returns the response with a resource that a request has changed.
func (s *server) changedResponse(req *request, status int, r *scim.Resource, selected schema.Selection) (*response, error) {
	rep, err := s.changedResource(req, r)
	if err != nil {
		return nil, err
	}
	return s.resourceResponse(req, status, rep, selected), nil
}

// resourceResponse returns the response with the representation of a resource. Content-Location says that the
// response to a PUT or a PATCH is the present representation (RFC 9110 section 8.7).
func (s *server) resourceResponse(req *request, status int, rep representation, selected schema.Selection) *response {
	resp := s.representationResponse(req, status, rep, selected)
	if rep.version != "" {
		resp.set("Etag", rep.version)
	}
	resp.set("Content-Location", rep.location)
	if status == http.StatusCreated {
		resp.set("Location", rep.location)
	}
	return resp
}

func (s *server) representationResponse(req *request, status int, rep representation, selected schema.Selection) *response {
	if isStreamed(rep, selected) {
		return &response{status: status, body: []byte{}, rest: req.inScan(func(yield func([]byte) bool) {
			b := newBuffer()
			if s.writeResource(b, rep, selected, yield) && yield(b.text) {
				b.free()
			}
		})}
	}
	b := newBuffer()
	b.text = s.appendResource(b.text, rep, selected)
	return b.response(status)
}

// isStreamed reports whether a representation is written in parts while its members are read, because there
// may be very many.
func isStreamed(rep representation, selected schema.Selection) bool {
	return selected.Has(schema.Members) && hasManyMembers(rep.Resource)
}

// partSize is the length of a part of a response, in bytes. An http.Server does not write much more at a time.
const partSize = 32 << 10

// writeResource appends a representation to a buffer. It yields a long one in parts, each valid until the next
// is requested, and leaves the last part in the buffer. It reports whether all parts were accepted.
func (s *server) writeResource(b *buffer, rep representation, selected schema.Selection, yield func([]byte) bool) bool {
	if !isStreamed(rep, selected) {
		b.text = s.appendResource(b.text, rep, selected)
		return true
	}
	at := len(b.text)
	b.text = schema.Enclose(s.appendAttributes(b.text, rep, selected), at, "{}")
	b.text = append(schema.AppendName(b.text[:len(b.text)-len("}")], schema.Members), '[')
	wanted, separator := selected.Within(schema.Members), ""
	for member := range rep.Members {
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

// appendResource appends the selected attributes of a resource (RFC 7643 section 3). Members come last.
func (s *server) appendResource(dst []byte, rep representation, selected schema.Selection) []byte {
	at := len(dst)
	dst = s.appendAttributes(dst, rep, selected)
	dst = s.appendMembers(dst, rep.Members, selected.Within(schema.Members))
	return schema.Enclose(dst, at, "{}")
}

// appendAttributes appends all attributes except members.
func (s *server) appendAttributes(dst []byte, rep representation, selected schema.Selection) []byte {
	attributes := selected.Apply(rep.Attributes)
	for _, a := range rep.Type.Attributes {
		switch a {
		case schema.Schemas:
			dst = schema.AppendValue(schema.AppendName(dst, a), a, rep.Schemas())
		case schema.ID:
			dst = schema.AppendString(schema.AppendName(dst, a), rep.ID)
		case schema.Groups:
			dst = s.appendGroups(dst, rep.Groups, selected.Within(a))
		case schema.Meta:
			dst = appendMeta(dst, rep, selected.Within(a))
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

func appendMeta(dst []byte, rep representation, wanted []*schema.Attribute) []byte {
	if len(wanted) == 0 {
		return dst
	}
	dst = schema.AppendName(dst, schema.Meta)
	at := len(dst)
	for _, a := range wanted {
		if a == metaVersion && rep.version == "" {
			continue
		}
		dst = schema.AppendName(dst, a)
		switch a {
		case metaResourceType:
			dst = schema.AppendString(dst, rep.Type.Name)
		case metaCreated:
			dst = appendInstant(dst, rep.Created)
		case metaLastModified:
			dst = appendInstant(dst, rep.LastModified)
		case metaLocation:
			dst = schema.AppendString(dst, rep.location)
		case metaVersion:
			dst = strconv.AppendQuote(dst, rep.version) // a version has only characters that Go and JSON quote alike
		}
	}
	return schema.Enclose(dst, at, "{}")
}

// appendInstant appends a time in scim.TimeFormat. It formats in two steps, because package time is several
// times as fast with RFC 3339, for which it has special code.
func appendInstant(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = t.AppendFormat(append(dst, '"'), time.RFC3339)
	return t.AppendFormat(dst[:len(dst)-len("Z")], `.000Z"`)
}

// appendGroups appends the groups that a user is a direct member of. It appends nothing if there are none.
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

// appendMembers appends the members of a group. It appends an empty array if there are none.
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

// appendReference appends the selected sub-attributes of a reference to a resource of type to. An empty value
// is unassigned.
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

// location returns the URL of a resource.
func (s *server) location(rt *schema.ResourceType, id string) string {
	return s.BaseURL + rt.Endpoint + "/" + url.PathEscape(id)
}
