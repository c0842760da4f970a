package scim

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Query selects the page that List returns.
type Query struct {
	// Filter selects resources; nil selects all.
	Filter filter.Filter
	// Order is theirs; the zero value is by age.
	Order Order
	// After, if not nil, begins the page behind that position, whether or not a resource stands there.
	After *Position
	// StartIndex is the 1-based index of the first match to return, of those after After.
	StartIndex int
	// Count is the largest number of resources to return; 0 returns the total alone.
	Count int
	// Omit is what the resources returned need not have. The filter sees everything.
	Omit Omit
}

// Omit says what a reader has no use for, so that the directory need not fetch it.
type Omit struct {
	Members bool // of groups
	Groups  bool // of users
}

// Page is a part of the resources that match a Query.
type Page struct {
	Resources []*Resource
	// Total is how many match, on all pages.
	Total int
}

// Order is an order of resources (RFC 7644 section 3.4.2.3): by an attribute, and where that is equal, or
// By is nil, by creation time, then id. Of several values the primary counts, or else the first. Resources
// without a value come last, and first in descending order.
type Order struct {
	By         schema.Path
	Descending bool
}

// Position is where a resource stands in an Order.
type Position struct {
	// Key is the attribute's value, made to be compared: a string, a float64, a bool, or nil for none.
	Key     any
	Created time.Time
	ID      string
}

// Position is that of a candidate, which may be a *Resource.
func (o Order) Position(c Candidate) (p Position) {
	p.Created, p.ID = c.Age()
	if o.By != nil {
		p.Key = key(c, o.By)
	}
	return p
}

// Compare is negative, zero or positive, as a comes before, at or after b.
func (o Order) Compare(a, b Position) int {
	byKey := compareKeys(a.Key, b.Key)
	if o.Descending {
		byKey = -byKey
	}
	return cmp.Or(byKey, a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
}

// key is the value by which a source is sorted.
func key(s filter.Source, path schema.Path) any {
	a := path[0] //nolint:gosec // G602: a path is never empty
	v := s.Get(a)
	if list, ok := v.([]any); ok {
		v = foremost(a, list)
	}
	o, isComplex := v.(schema.Object)
	switch {
	case len(path) > 1 && isComplex:
		return key(o, path[1:])
	case len(path) > 1:
		return nil
	case isComplex && a.Sub("value") != nil:
		return key(o, schema.Path{a.Sub("value")})
	}
	return sortable(a, v)
}

// foremost is the primary of several values, or the first.
func foremost(a *schema.Attribute, values []any) any {
	if primary := a.Sub("primary"); primary != nil {
		for _, v := range values {
			if o, _ := v.(schema.Object); o.Get(primary) == true {
				return v
			}
		}
	}
	return values[0]
}

// sortable is a value as Position.Key has it.
func sortable(a *schema.Attribute, v any) any {
	switch v := v.(type) {
	case bool, float64:
		return v
	case int64:
		return float64(v)
	case string:
		if at, err := time.Parse(time.RFC3339, v); a.Type == schema.DateTime && err == nil {
			return at.UTC().Format("2006-01-02T15:04:05.000000000")
		}
		if a.CaseExact {
			return v
		}
		return fold.Name(v)
	}
	return nil
}

// compareKeys compares two keys of one attribute; false comes before true, and no value comes last.
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
			return cmp.Compare(rank(x), rank(y))
		}
	}
	return cmp.Compare(rank(a == nil), rank(b == nil))
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

// Candidate is what a query may select: it is looked into as far as that takes, and made a resource when it is
// selected.
type Candidate interface {
	filter.Source
	// Age is by what a list is ordered that is not sorted by an attribute.
	Age() (created time.Time, id string)
	// Resource is the whole of it, the caller's own.
	Resource() *Resource
}

// Select is the page of a query out of candidates that come by age. It looks at all of them, and holds all
// that match where they are to be sorted by an attribute, else those of the page alone.
func (q Query) Select(candidates iter.Seq[Candidate]) *Page {
	page := &Page{}
	passed := 0
	for c := range q.sorted(q.matching(candidates)) {
		page.Total++
		if q.After != nil && q.Order.Compare(q.Order.Position(c), *q.After) <= 0 {
			continue
		}
		if passed++; passed >= q.StartIndex && len(page.Resources) < q.Count {
			page.Resources = append(page.Resources, q.Omit.from(c.Resource()))
		}
	}
	return page
}

func (q Query) matching(candidates iter.Seq[Candidate]) iter.Seq[Candidate] {
	if q.Filter == nil {
		return candidates
	}
	return func(yield func(Candidate) bool) {
		for c := range candidates {
			if q.Filter.Match(c) && !yield(c) {
				return
			}
		}
	}
}

func (q Query) sorted(candidates iter.Seq[Candidate]) iter.Seq[Candidate] {
	if q.Order.By == nil {
		return candidates
	}
	type placed struct {
		at Position
		c  Candidate
	}
	return func(yield func(Candidate) bool) {
		var all []placed
		for c := range candidates {
			all = append(all, placed{q.Order.Position(c), c})
		}
		slices.SortFunc(all, func(a, b placed) int { return q.Order.Compare(a.at, b.at) })
		for _, p := range all {
			if !yield(p.c) {
				return
			}
		}
	}
}

// from is a resource, which is the caller's own, without what is to be omitted.
func (o Omit) from(r *Resource) *Resource {
	if o.Members {
		r.Members = nil
	}
	if o.Groups {
		r.Groups = nil
	}
	return r
}
