package server

import (
	"iter"
	"net/http"
	"slices"
	"strconv"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// listURN is the schema of a page (RFC 7644 section 3.4.2).
const listURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

// list is GET of many (RFC 7644 section 3.4.2): of one type, or at the root of all of them.
func (s *server) list(c *call) (*answer, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	return s.find(c, q)
}

// listing is a page that is asked for.
type listing struct {
	startIndex, count int
	byCursor          bool
	after             *scim.Position
	descending        bool
	fingerprint       string // of what a cursor is good for
	parts             []part
}

// part is what a listing asks of one resource type.
type part struct {
	rt       *schema.ResourceType
	filter   filter.Filter
	order    scim.Order
	selected schema.Selection
}

func (s *server) find(c *call, q query) (*answer, error) {
	l, err := s.listing(c.types(), q)
	if err != nil {
		return nil, err
	}
	found, total, err := l.page(c)
	if err != nil {
		return nil, err
	}
	more := len(found) > l.count
	found = found[:min(len(found), l.count)]
	b := newBuffer()
	b.text = l.appendHead(b.text, found, total, more)
	if slices.ContainsFunc(found, ranked.isLong) {
		a := b.answer(http.StatusOK)
		a.rest = s.resourcesOf(found)
		return a, nil
	}
	for part := range s.resourcesOf(found) {
		b.text = append(b.text, part...)
	}
	return b.answer(http.StatusOK), nil
}

// appendHead appends the beginning of a ListResponse, to the first resource.
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

// isLong reports whether a resource may be megabytes long: a group with its members. A page of them is never
// held whole.
func (r ranked) isLong() bool {
	return r.Members != nil && r.selected.Has(schema.Members) && large(r.Resource)
}

// types are those that a call lists: its route's, or all at the root.
func (c *call) types() []*schema.ResourceType {
	if c.rt == nil {
		return schema.ResourceTypes
	}
	return []*schema.ResourceType{c.rt}
}

// listing reads the parameters. A startIndex below 1 is 1, a negative count 0 (RFC 7644 section 3.4.2.4),
// and a count above the limit is the limit, as section 3.4.2 allows.
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
	for _, rt := range types {
		p, err := q.part(rt, without(types, rt), l.descending)
		if err != nil {
			return nil, err
		}
		l.parts = append(l.parts, p)
	}
	if l.byCursor {
		return l, l.follow(q)
	}
	return l, nil
}

func without(types []*schema.ResourceType, one *schema.ResourceType) []*schema.ResourceType {
	return slices.DeleteFunc(slices.Clone(types), func(rt *schema.ResourceType) bool { return rt == one })
}

// part reads what concerns one resource type.
func (q query) part(rt *schema.ResourceType, others []*schema.ResourceType, descending bool) (p part, err error) {
	p = part{rt: rt, selected: q.selection(rt), order: scim.Order{Descending: descending}}
	if expression := q.Get("filter"); expression != "" {
		if p.filter, err = filter.Parse(rt, expression, others...); err != nil {
			return p, err
		}
	}
	if by := q.Get("sortBy"); by != "" {
		if p.order.By = rt.Resolve(by, others...); p.order.By == nil {
			return p, scim.BadRequest(scim.InvalidPath, "sortBy: there is no attribute %s", quoted(by))
		}
		if !p.order.By.Last().Searchable() {
			return p, scim.BadRequest(scim.InvalidPath, "sortBy: lists cannot be sorted by %s", p.order.By)
		}
	}
	return p, nil
}

// ranked is a resource in a list.
type ranked struct {
	*scim.Resource
	*part
	at scim.Position
}

// page is the resources of a page, and one more if there are more, and how many match in all.
func (l *listing) page(c *call) (found []ranked, total int, err error) {
	ask := scim.Query{StartIndex: l.startIndex, Count: l.count, After: l.after}
	skip := 0
	if l.byCursor {
		ask.StartIndex, ask.Count = 1, l.count+1
	}
	if len(l.parts) > 1 { // what is skipped is known only when the types have been merged
		skip = ask.StartIndex - 1
		ask.StartIndex, ask.Count = 1, skip+ask.Count
	}
	for i := range l.parts {
		p := &l.parts[i]
		if only, ok := filter.Equal(p.filter, schema.Meta, schema.Meta.Sub("resourceType")); ok && only != p.rt.Name {
			continue
		}
		ask.Filter, ask.Order, ask.Omit = p.filter, p.order, omit(p.selected)
		page, err := c.session.Store.List(c.Context(), p.rt, ask)
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
		found = found[min(skip, len(found)):min(ask.Count, len(found))]
	}
	return found, total, nil
}

// resourcesOf is the end of a ListResponse, in parts of one resource at most. Resources is there even when it is
// empty: some clients take its absence for an error. A part is good until the next.
func (s *server) resourcesOf(found []ranked) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		part := newBuffer()
		for i, r := range found {
			part.text = part.text[:0]
			if i > 0 {
				part.text = append(part.text, ',')
			}
			if !s.writeResource(part, s.view(r.Resource), r.selected, yield) || !yield(part.text) {
				return // see answer.write
			}
		}
		part.free()
		yield([]byte("]}"))
	}
}
