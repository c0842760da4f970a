package store

import (
	"context"
	"iter"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// list answers a query. A page of nothing is a negative answer, and looked for again behind the fences of
// all kinds that the query is about.
func list[T client.Object](ctx context.Context, namespace string, c *collection[T], query scim.Query, read func(T, scim.Omit) *scim.Resource, fences []func(context.Context) error) (*scim.Page, error) {
	concerned := c.concerned(query.Filter)
	for certain := false; ; {
		doubted := c.index.doubted(namespace)
		if err := c.decided(ctx, namespace, concerned); err != nil {
			return nil, err
		}
		page := search(namespace, c, query, read)
		switch {
		case c.index.doubted(namespace) != doubted: // somebody may be shown who is to be undone
		case certain || page.Total > 0:
			return page, nil
		default:
			if err := together(ctx, fences...); err != nil {
				return nil, err
			}
			certain = true
		}
	}
}

func search[T client.Object](namespace string, c *collection[T], query scim.Query, read func(T, scim.Omit) *scim.Resource) *scim.Page {
	if query.Filter == nil && query.Order.By == nil {
		objects, total := c.index.page(namespace, query.After, query.StartIndex, query.Count)
		page := &scim.Page{Total: total}
		for _, o := range objects {
			page.Resources = append(page.Resources, read(o, query.Omit))
		}
		return page
	}
	return query.Select(func(yield func(scim.Candidate) bool) {
		for o := range c.candidates(namespace, query.Filter) {
			if !yield(&candidate[T]{object: o, read: read, attribute: c.attribute}) {
				return
			}
		}
	})
}

// candidate is an object of which a query reads what it names, for of a hundred thousand it may select one.
type candidate[T client.Object] struct {
	object    T
	read      func(T, scim.Omit) *scim.Resource
	attribute func(T, *schema.Attribute) (value any, known bool)
	whole     *scim.Resource // once it was needed
}

// Get is part of filter.Source.
func (c *candidate[T]) Get(a *schema.Attribute) any {
	if v, known := c.attribute(c.object, a); known {
		return v
	}
	return c.Resource().Get(a)
}

// Age is part of scim.Candidate.
func (c *candidate[T]) Age() (created time.Time, id string) {
	return c.object.GetCreationTimestamp().Time, c.object.GetName()
}

// Resource is part of scim.Candidate.
func (c *candidate[T]) Resource() *scim.Resource {
	if c.whole == nil {
		c.whole = c.read(c.object, scim.Omit{})
	}
	return c.whole
}

// candidates are the objects that the filter may match, in the order of lists: by an index when the
// filter demands an indexed attribute, else all.
func (c *collection[T]) candidates(namespace string, f filter.Filter) iter.Seq[T] {
	objects, indexed := c.lookUp(namespace, f)
	if !indexed {
		return c.all(namespace)
	}
	objects = slices.DeleteFunc(objects, func(o T) bool { return !c.describe(o).listed })
	slices.SortFunc(objects, age[T])
	return slices.Values(objects)
}

// chunk is how many objects are taken out of an index at a time: few against a directory, and many against what
// taking them costs.
const chunk = 1024

// all are the objects that SCIM lists. What is created meanwhile comes at the end.
func (c *collection[T]) all(namespace string) iter.Seq[T] {
	return func(yield func(T) bool) {
		var after *scim.Position
		for {
			objects, _ := c.index.page(namespace, after, 1, chunk)
			for _, o := range objects {
				if !yield(o) {
					return
				}
			}
			if len(objects) < chunk {
				return
			}
			last := objects[chunk-1]
			after = &scim.Position{Created: last.GetCreationTimestamp().Time, ID: last.GetName()}
		}
	}
}

// concerned are those whom the answer to a filter may show: by an index as in lookUp, else all.
func (c *collection[T]) concerned(f filter.Filter) func(*record[T]) bool {
	if f != nil {
		if name, ok := filter.Equal(f, c.name); ok {
			folded := fold.Name(name)
			return func(r *record[T]) bool { return r.name == folded }
		}
		if id, ok := filter.Equal(f, schema.ExternalID); ok {
			return func(r *record[T]) bool { return r.externalID == id }
		}
		if id, ok := filter.Equal(f, schema.ID); ok {
			return func(r *record[T]) bool { return r.object.GetName() == id }
		}
	}
	return func(*record[T]) bool { return true }
}

// whoStands is who is meant by a name: one, even where a process that died between a create and its verification has
// left a second.
func (c *collection[T]) whoStands(namespace, name string) []T {
	holders := slices.DeleteFunc(c.index.holders(namespace, name), func(r *record[T]) bool { return !r.listed || r.isHidden() })
	if len(holders) == 0 {
		return nil
	}
	accepted := slices.IndexFunc(holders, func(r *record[T]) bool { return r.accepted })
	return []T{holders[max(accepted, 0)].object} // as policy.UserHolder has it
}

func (c *collection[T]) lookUp(namespace string, f filter.Filter) (objects []T, indexed bool) {
	if f == nil {
		return nil, false
	}
	if name, ok := filter.Equal(f, c.name); ok {
		return c.whoStands(namespace, fold.Name(name)), true
	}
	if id, ok := filter.Equal(f, schema.ExternalID); ok {
		return c.index.identified(namespace, id), true
	}
	if id, ok := filter.Equal(f, schema.ID); ok {
		if r := c.index.record(namespace, id); r != nil && r.listed {
			objects = append(objects, r.object)
		}
		return objects, true
	}
	return nil, false
}
