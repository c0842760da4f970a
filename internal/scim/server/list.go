package server

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// listURN is the schema of a page (RFC 7644 section 3.4.2).
const listURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

// list handles GET of a list (RFC 7644 section 3.4.2): the resources of one type, or of all types at the root.
func (s *server) list(req *request) (*response, error) {
	q, err := req.query()
	if err != nil {
		return nil, err
	}
	return s.listResponse(req, q)
}

// listing is a request for a page of a list.
type listing struct {
	startIndex, count int
	byCursor          bool
	after             *scim.Position
	descending        bool
	fingerprint       string // of the query, for cursors
	parts             []part
}

// part is the query of a listing for one resource type.
type part struct {
	rt       *schema.ResourceType
	filter   filter.Filter
	order    scim.Order
	selected schema.Selection
}

func (s *server) listResponse(req *request, q query) (*response, error) {
	l, err := s.listing(req.resourceTypes(), q)
	if err != nil {
		return nil, err
	}
	found, total, err := l.fetchPage(req)
	if err != nil {
		return nil, err
	}
	more := len(found) > l.count
	found = found[:min(len(found), l.count)]
	b := newBuffer()
	b.text = l.appendHead(b.text, found, total, more)
	n := s.appendResources(b, found)
	if n == len(found) {
		b.text = append(b.text, "]}"...)
		return b.response(http.StatusOK), nil
	}
	release, err := req.acquireScan() // as long as a refusal can be sent; the rest waits for its turn in inScan
	if err != nil {
		b.free()
		return nil, err
	}
	release()
	resp := b.response(http.StatusOK)
	resp.rest = req.inScan(s.encodeRest(found, n))
	return resp, nil
}

// appendResources appends resources until the text is longer than limits.SmallPage or a resource is long, and returns how
// many it has appended.
func (s *server) appendResources(b *buffer, found []ranked) int {
	for i, r := range found {
		if len(b.text) > limits.SmallPage || r.isLong() {
			return i
		}
		if i > 0 {
			b.text = append(b.text, ',')
		}
		b.text = s.appendResource(b.text, s.represent(r.Resource), r.selected)
	}
	return len(found)
}

// appendHead appends the beginning of a ListResponse, up to the first resource. It has Resources even if there are none,
// because some clients treat a missing list as an error.
func (l *listing) appendHead(dst []byte, found []ranked, total int, more bool) []byte {
	dst = append(dst, `{"schemas":["`+listURN+`"],"totalResults":`...)
	dst = strconv.AppendInt(dst, int64(total), 10)
	if !l.byCursor {
		dst = strconv.AppendInt(append(dst, `,"startIndex":`...), int64(l.startIndex), 10)
	}
	dst = strconv.AppendInt(append(dst, `,"itemsPerPage":`...), int64(len(found)), 10)
	if l.byCursor && more {
		dst = schema.AppendString(append(dst, `,"nextCursor":`...), l.cursor(found[len(found)-1].at))
	}
	return append(dst, `,"Resources":[`...)
}

// isLong reports whether the representation may take megabytes, which are written in parts, or its version is made of as
// many: a group with its members.
func (r ranked) isLong() bool { return hasManyMembers(r.Resource) }

// resourceTypes returns the types that a request lists: the type of its route, or all types at the root.
func (req *request) resourceTypes() []*schema.ResourceType {
	if req.rt == nil {
		return schema.ResourceTypes
	}
	return []*schema.ResourceType{req.rt}
}

// listing reads the parameters. A startIndex below 1 becomes 1, and a negative count becomes 0 (RFC 7644
// section 3.4.2.4). A count above the limit becomes the limit (section 3.4.2).
func (s *server) listing(types []*schema.ResourceType, q query) (*listing, error) {
	l := &listing{byCursor: q.Has("cursor")}
	var err error
	if l.startIndex, err = q.integer("startIndex", 1); err != nil {
		return nil, err
	}
	if l.count, err = q.integer("count", s.Limits.Count); err != nil {
		return nil, err
	}
	if l.descending, err = q.descending(); err != nil {
		return nil, err
	}
	l.startIndex = max(l.startIndex, 1)
	l.count = min(max(l.count, 0), s.Limits.MaxCount)
	if len(types) > 1 && l.startIndex > limits.RootIndex && !l.byCursor {
		return nil, scim.BadRequest(scim.TooMany, "startIndex may be at most %d in a list of all types, because all resources before it are read; "+
			"use cursor, or list %s", limits.RootIndex, endpoints(types))
	}
	for _, rt := range types {
		p, err := q.readPart(rt, exceptType(types, rt), l.descending)
		if err != nil {
			return nil, err
		}
		l.parts = append(l.parts, p)
	}
	if l.byCursor {
		return l, l.readCursor(q)
	}
	return l, nil
}

// endpoints returns the paths of types, such as "/Users and /Groups".
func endpoints(types []*schema.ResourceType) string {
	var all []string
	for _, rt := range types {
		all = append(all, rt.Endpoint)
	}
	return strings.Join(all, " and ")
}

func exceptType(types []*schema.ResourceType, one *schema.ResourceType) []*schema.ResourceType {
	return slices.DeleteFunc(slices.Clone(types), func(rt *schema.ResourceType) bool { return rt == one })
}

// readPart reads the parameters for one resource type.
func (q query) readPart(rt *schema.ResourceType, others []*schema.ResourceType, descending bool) (p part, err error) {
	p = part{rt: rt, selected: q.selection(rt), order: scim.Order{Descending: descending}}
	if expression := q.Get("filter"); expression != "" {
		if p.filter, err = filter.Parse(rt, expression, others...); err != nil {
			return p, err
		}
	}
	if by := q.Get("sortBy"); by != "" {
		if p.order.By = rt.Resolve(by, others...); p.order.By == nil {
			return p, scim.BadRequest(scim.InvalidPath, "sortBy: there is no attribute %s", schema.QuoteName(by))
		}
		if !p.order.By.Last().Searchable() {
			return p, scim.BadRequest(scim.InvalidPath, "sortBy: a list cannot be sorted by %s", p.order.By)
		}
	}
	return p, nil
}

// ranked is a resource in a list, with its position.
type ranked struct {
	*scim.Resource
	*part
	at scim.Position
}

// fetchPage returns the resources of a page and the number of matches on all pages. With a cursor it returns
// one more resource if there is another page.
func (l *listing) fetchPage(req *request) (found []ranked, total int, err error) {
	query := scim.Query{StartIndex: l.startIndex, Count: l.count, After: l.after}
	skip := 0
	if l.byCursor {
		query.StartIndex, query.Count = 1, l.count+1
	}
	if len(l.parts) > 1 { // the order over all types decides which resources are before the page
		skip = query.StartIndex - 1
		query.StartIndex, query.Count = 1, skip+query.Count
	}
	for i := range l.parts {
		p := &l.parts[i]
		if only, ok := filter.RequiredValue(p.filter, schema.Meta, schema.Meta.Sub("resourceType")); ok && only != p.rt.Name {
			continue
		}
		query.Filter, query.Order, query.Omit = p.filter, p.order, omission(p.selected)
		page, err := req.session.Store.List(req.Context(), p.rt, query)
		if err != nil {
			return nil, 0, err
		}
		total += page.Total
		for _, r := range page.Resources {
			found = append(found, ranked{r, p, p.order.Position(r)})
		}
	}
	if len(l.parts) > 1 {
		order := scim.Order{Descending: l.descending}
		slices.SortStableFunc(found, func(a, b ranked) int { return order.Compare(a.at, b.at) })
		found = found[min(skip, len(found)):min(query.Count, len(found))]
	}
	return found, total, nil
}

// encodeRest returns the end of a ListResponse, from the resource of an index on, in parts of one resource or less. Each
// part is valid until the next one is requested.
func (s *server) encodeRest(found []ranked, from int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		part := newBuffer()
		for i, r := range found[from:] {
			part.text = part.text[:0]
			if from+i > 0 {
				part.text = append(part.text, ',')
			}
			if !s.writeResource(part, s.represent(r.Resource), r.selected, yield) || !yield(part.text) {
				return // without part.free: see response.write
			}
		}
		part.free()
		yield([]byte("]}"))
	}
}
