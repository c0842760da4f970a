package scim

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Query selects the page that List returns.
type Query struct {
	// Filter selects resources; nil selects all.
	Filter filter.Filter
	// Order is the order of the resources. The zero value orders them by creation time, then id.
	Order Order
	// After, if not nil, begins the page after that position. No resource needs to have that position.
	After *Position
	// StartIndex is the 1-based index of the first match to return, among the matches after After.
	StartIndex int
	// Count is the largest number of resources to return; 0 returns only the total.
	Count int
	// Omit says which attributes the returned resources need not have. The filter sees all attributes.
	Omit Omit
}

// Omit says which attributes a reader does not use, so that the store need not fetch them.
type Omit struct {
	Members    bool // of groups
	Groups     bool // of users
	Attributes bool // all but id, meta, members and groups
}

// Page is a part of the resources that match a Query.
type Page struct {
	Resources []*Resource
	// Total is the number of matches on all pages.
	Total int
}

// Order is an order of resources (RFC 7644 section 3.4.2.3): by an attribute, then by creation time, then by
// id. A nil By orders by creation time and id only. Of several values the primary one counts, or else the
// first. Resources without a value come last in ascending order, and first in descending order. Text counts up to
// limits.SortKey bytes.
type Order struct {
	By         schema.Path
	Descending bool
}

// Position is the place of a resource in an Order.
type Position struct {
	// Key is the attribute's value in a comparable form: a string, a float64, a bool, or nil if unassigned.
	Key     any
	Created time.Time
	ID      string
}

// Position returns the place of a candidate, which may be a *Resource.
func (o Order) Position(c Candidate) Position { return o.position(c, nil) }

// position returns the place of a candidate, and charges what its value costs.
func (o Order) position(c Candidate, m *filter.Meter) (p Position) {
	p.Created, p.ID = c.Age()
	if o.By != nil && m.Spend(1) {
		p.Key = sortKey(c, o.By, m)
	}
	return p
}

// Compare returns a negative number, zero or a positive number if a comes before, at or after b.
func (o Order) Compare(a, b Position) int {
	byKey := compareKeys(a.Key, b.Key)
	if o.Descending {
		byKey = -byKey
	}
	return cmp.Or(byKey, a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
}

// sortKey returns the value by which a source is sorted.
func sortKey(s filter.Source, path schema.Path, m *filter.Meter) any {
	a := path[0] //nolint:gosec // G602: a path is never empty
	v := s.Get(a)
	if list, ok := v.([]any); ok {
		v = primaryOrFirst(a, list)
	}
	o, isComplex := v.(schema.Object)
	switch {
	case len(path) > 1 && isComplex:
		return sortKey(o, path[1:], m)
	case len(path) > 1:
		return nil
	case isComplex && a.Sub("value") != nil:
		return sortKey(o, schema.Path{a.Sub("value")}, m)
	}
	return toSortKey(a, v, m)
}

// primaryOrFirst returns the primary one of several values, or the first if none is primary.
func primaryOrFirst(a *schema.Attribute, values []any) any {
	if primary := a.Sub("primary"); primary != nil {
		for _, v := range values {
			if o, _ := v.(schema.Object); o.Get(primary) == true {
				return v
			}
		}
	}
	return values[0]
}

// toSortKey converts a value to the form of Position.Key.
func toSortKey(a *schema.Attribute, v any, m *filter.Meter) any {
	switch v := v.(type) {
	case bool, float64:
		return v
	case int64:
		return float64(v)
	case string:
		if a.Type == schema.DateTime && m.Spend(filter.TimeCost) {
			if at, err := schema.ParseDateTime(v); err == nil {
				return at.UTC().Format("2006-01-02T15:04:05.000000000")
			}
		}
		text := beginning(v)
		if a.CaseExact {
			m.SpendText(text, "")
			return text
		}
		folded := fold.Name(text)
		m.SpendText(text, folded)
		if len(folded) > limits.SortKey {
			return strings.Clone(beginning(folded)) // the rest need not stay in memory
		}
		return folded
	}
	return nil
}

// beginning returns a text up to limits.SortKey bytes, without a part of a character.
func beginning(text string) string {
	if len(text) <= limits.SortKey {
		return text
	}
	end := limits.SortKey
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// compareKeys compares two keys of one attribute. False comes before true, and an absent value comes last.
func compareKeys(a, b any) int {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y)
		}
	case float64:
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok {
			return cmp.Compare(boolRank(x), boolRank(y))
		}
	}
	return cmp.Compare(boolRank(a == nil), boolRank(b == nil))
}

func boolRank(last bool) int {
	if last {
		return 1
	}
	return 0
}

// Candidate is a resource that a query may select. Select reads only the attributes that the filter and the
// order need, and calls Resource if it selects the candidate.
type Candidate interface {
	filter.Source
	// Age returns the creation time and the id, by which lists are ordered.
	Age() (created time.Time, id string)
	// References returns the members of a group or the groups of a user, as Get does, but one by one; nil if it has none.
	References(*schema.Attribute) iter.Seq[Reference]
	// Resource returns the whole resource. It belongs to the caller.
	Resource() *Resource
}

// Select returns the page of a query from candidates that are in the order of creation. It looks at all
// candidates, or fails once the request is over. If they are to be sorted by an attribute, it holds all matches in
// memory, and otherwise those of the page only.
func (q Query) Select(ctx context.Context, candidates iter.Seq[Candidate]) (*Page, error) {
	page := &Page{}
	passed := 0
	meter := filter.NewMeter(ctx, limits.FilterComparisons)
	for at, c := range q.sorted(q.matching(untilDone(ctx, candidates), meter), meter) {
		page.Total++
		if q.After != nil && q.Order.Compare(at, *q.After) <= 0 {
			continue
		}
		if passed++; passed >= q.StartIndex && len(page.Resources) < q.Count {
			page.Resources = append(page.Resources, q.Omit.strip(c.Resource()))
		}
	}
	if meter.Ended() {
		return nil, cmp.Or(ctx.Err(), tooManyComparisons())
	}
	return page, ctx.Err()
}

func tooManyComparisons() error {
	return BadRequest(TooMany, "the filter and sortBy need more than %d comparisons in this directory; use fewer conditions, or join them by and "+
		"with eq on id, userName, externalId or a group's displayName, and leave out sortBy or sort by shorter values", limits.FilterComparisons)
}

// untilDone ends a sequence once the context is done.
func untilDone(ctx context.Context, candidates iter.Seq[Candidate]) iter.Seq[Candidate] {
	return func(yield func(Candidate) bool) {
		for c := range candidates {
			if ctx.Err() != nil || !yield(c) {
				return
			}
		}
	}
}

// matching returns the candidates that match the filter, until the meter has ended.
func (q Query) matching(candidates iter.Seq[Candidate], m *filter.Meter) iter.Seq[Candidate] {
	if q.Filter == nil {
		return candidates
	}
	return func(yield func(Candidate) bool) {
		s := &source{meter: m}
		for c := range candidates {
			s.Candidate, s.values = c, s.values[:0]
			matches := q.Filter.Match(s, m)
			if m.Ended() || matches && !yield(c) {
				return
			}
		}
	}
}

// source is a candidate as a filter or sortBy reads it. It makes the value of an attribute once, however many conditions
// read it, and charges each value of a list, because a user has up to limits.Values, and a group up to limits.Members.
type source struct {
	Candidate
	meter  *filter.Meter
	values schema.Object // of the attributes that have been read, nil if unassigned
}

// Get implements filter.Source.
func (s *source) Get(a *schema.Attribute) any {
	for i := range s.values {
		if s.values[i].Attribute == a {
			return s.values[i].Value
		}
	}
	v := s.read(a)
	s.values = append(s.values, schema.Field{Attribute: a, Value: v})
	return v
}

func (s *source) read(a *schema.Attribute) any {
	if a == schema.Members || a == schema.Groups {
		return referenceValues(a, s.References(a), s.meter.Spend)
	}
	v := s.Candidate.Get(a)
	if list, isList := v.([]any); isList {
		s.meter.Spend(len(list))
	}
	return v
}

// sorted returns the candidates in the query's order with their places, or none if the meter ends before all are placed.
func (q Query) sorted(candidates iter.Seq[Candidate], m *filter.Meter) iter.Seq2[Position, Candidate] {
	return func(yield func(Position, Candidate) bool) {
		type placed struct {
			at Position
			c  Candidate
		}
		var all []placed
		s := &source{meter: m}
		for c := range candidates {
			s.Candidate, s.values = c, s.values[:0]
			at := q.Order.position(s, m)
			switch {
			case q.Order.By != nil:
				all = append(all, placed{at, c})
			case !yield(at, c):
				return
			}
			if m.Ended() {
				return
			}
		}
		slices.SortFunc(all, func(a, b placed) int { return q.Order.Compare(a.at, b.at) })
		for _, p := range all {
			if !yield(p.at, p.c) {
				return
			}
		}
	}
}

// strip removes omitted attributes from a resource, which must be the caller's own.
func (o Omit) strip(r *Resource) *Resource {
	if o.Members {
		r.Members = nil
	}
	if o.Groups {
		r.Groups = nil
	}
	if o.Attributes {
		r.Attributes = nil
	}
	return r
}
