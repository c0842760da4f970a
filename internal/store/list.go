package store

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// list returns the page of a query. A filter on the id, or on the attribute that is unique, is certain: what the index
// does not have is read live. Everything else is as fresh as the watch.
func list[T client.Object](ctx context.Context, n *namespacedStore, c *collection[T], query scim.Query) (*scim.Page, error) {
	candidates, err := c.candidates(ctx, n.namespace, query.Filter)
	if err != nil {
		return nil, err
	}
	if candidates != nil {
		return selectFrom(ctx, n, c, query, slices.Values(candidates))
	}
	hidden, err := c.hidden(ctx, n.namespace)
	if err != nil {
		return nil, err
	}
	if query.Filter != nil || query.Order.By != nil {
		release, err := n.AcquireScan(ctx)
		if err != nil {
			return nil, err
		}
		defer pauseAfter(time.Now(), release)
		return selectFrom(ctx, n, c, query, c.all(n.namespace, hidden))
	}
	objects, total := c.index.Page(n.namespace, query.After, query.StartIndex, query.Count, hidden)
	if err := checkWholeObjects(objects...); err != nil {
		return nil, err
	}
	page := &scim.Page{Total: total}
	for _, o := range objects {
		page.Resources = append(page.Resources, c.represent(n, o, query.Omit))
	}
	return page, nil
}

// maxScanPause bounds the pause after a scan of a directory: about three times what a scan of 100,000 users takes.
const maxScanPause = 300 * time.Millisecond

// pauseAfter releases the place for scans once it has been empty for twice as long as the scan took, at most maxScanPause: clients
// that scan one directory without end leave two thirds of a processor to the others, and to the API server beside the replica.
func pauseAfter(began time.Time, release func()) {
	time.AfterFunc(min(2*time.Since(began), maxScanPause), release)
}

// AcquireScan is part of scim.Store. A directory has one scan at a time at each replica, so that the others keep a processor.
func (n *namespacedStore) AcquireScan(ctx context.Context) (release func(), err error) {
	if release, err = n.scanLocks.lock(ctx, n.namespace); err != nil {
		return nil, &scim.Error{
			Status: http.StatusTooManyRequests, RetryAfter: retryAfter, Cause: err,
			Detail: fmt.Sprintf("other requests that read many users or members of the directory %q are in progress, one at a time; send fewer of "+
				"them, filters with eq on id, userName, externalId or a group's displayName, paths with eq on value, and excludedAttributes=members",
				n.namespace),
		}
	}
	return release, nil
}

func selectFrom[T client.Object](ctx context.Context, n *namespacedStore, c *collection[T], query scim.Query, objects iter.Seq[T]) (*scim.Page, error) {
	var notWhole error
	page, err := query.Select(ctx, func(yield func(scim.Candidate) bool) {
		for o := range objects {
			if notWhole = checkWholeObjects(o); notWhole != nil {
				return
			}
			if !yield(&candidate[T]{store: n, collection: c, object: o}) {
				return
			}
		}
	})
	if notWhole != nil {
		return nil, notWhole
	}
	return page, err
}

// candidate is an object that a query may select. The query reads the attributes that it names; the whole resource is
// made once it is selected, because of a hundred thousand objects one may be.
type candidate[T client.Object] struct {
	store      *namespacedStore
	collection *collection[T]
	object     T
	resource   *scim.Resource // nil until it is needed
}

// Get is part of filter.Source.
func (c *candidate[T]) Get(a *schema.Attribute) any {
	if v, known := c.collection.attribute(c.object, a); known {
		return v
	}
	return c.outline().Get(a)
}

// outline returns the resource without the attributes of the spec, except those that are extensions, because the value of
// schemas depends on them.
func (c *candidate[T]) outline() *scim.Resource {
	r := c.collection.represent(c.store, c.object, scim.Omit{Attributes: true})
	for _, e := range c.collection.resource.Extensions {
		if v, _ := c.collection.attribute(c.object, e.Attribute); v != nil {
			r.Attributes = r.Attributes.With(e.Attribute, v)
		}
	}
	return r
}

// References is part of scim.Candidate.
func (c *candidate[T]) References(a *schema.Attribute) iter.Seq[scim.Reference] {
	return c.outline().References(a)
}

// Age is part of scim.Candidate.
func (c *candidate[T]) Age() (created time.Time, id string) {
	return c.object.GetCreationTimestamp().Time, c.object.GetName()
}

// Resource is part of scim.Candidate.
func (c *candidate[T]) Resource() *scim.Resource {
	if c.resource == nil {
		c.resource = c.collection.represent(c.store, c.object, scim.Omit{})
	}
	return c.resource
}

// chunk is how many objects are taken out of the index at a time: few against a directory, many against what taking them
// costs.
const chunk = 1024

// all returns the objects that SCIM shows. What is created in the meantime comes at the end.
func (c *collection[T]) all(namespace string, hidden map[string]bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		var after *scim.Position
		for {
			objects, _ := c.index.Page(namespace, after, 1, chunk, hidden)
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

// candidates returns the objects that a filter may select if the filter requires a value of an indexed attribute, in the
// order of lists; nil if it does not.
func (c *collection[T]) candidates(ctx context.Context, namespace string, f filter.Filter) ([]T, error) {
	if f == nil {
		return nil, nil
	}
	if name, ok := filter.RequiredValue(f, c.name); ok {
		return c.named(ctx, namespace, fold.Name(name))
	}
	if id, ok := filter.RequiredValue(f, schema.ID); ok {
		o, err := c.get(ctx, namespace, id)
		if isNotFound(err) {
			return []T{}, nil
		}
		return []T{o}, err
	}
	if id, ok := filter.RequiredValue(f, schema.ExternalID); ok {
		return c.identified(ctx, namespace, id)
	}
	return nil, nil
}

// named returns the object that holds a name, if SCIM shows it.
func (c *collection[T]) named(ctx context.Context, namespace, folded string) ([]T, error) {
	entries := c.index.Named(namespace, folded)
	if len(entries) == 1 && entries[0].Listed {
		return []T{entries[0].Object}, nil
	}
	holder, err := c.claims.Holder(ctx, nameclaim.Name{Namespace: namespace, Kind: c.claimedKind, Folded: folded})
	if err != nil {
		return nil, toSCIMError(err)
	}
	o, ok := holder.(T)
	if !ok || !c.keys(o).Listed {
		return c.unclaimed(entries, holder), nil
	}
	e, err := c.waitShown(ctx, o)
	if isNotFound(err) {
		return []T{}, nil
	}
	if err != nil {
		return nil, err
	}
	return []T{e.Object}, nil
}

// unclaimed returns the object that SCIM shows of those with a name that has no holder: one from before its claim, which
// a controller is about to write.
func (c *collection[T]) unclaimed(entries []*index.Entry[T], holder client.Object) []T {
	listed := slices.DeleteFunc(entries, func(e *index.Entry[T]) bool { return !e.Listed })
	if holder != nil || len(listed) == 0 {
		return []T{}
	}
	return []T{slices.MinFunc(listed, func(a, b *index.Entry[T]) int { return index.CompareAge(a.Object, b.Object) }).Object}
}

// identified returns the objects of an externalId that SCIM shows.
func (c *collection[T]) identified(ctx context.Context, namespace, externalID string) ([]T, error) {
	objects := []T{}
	for _, e := range c.index.Identified(namespace, externalID) {
		isHidden, err := c.isHidden(ctx, e.Object, e.Name)
		if err != nil {
			return nil, err
		}
		if e.Listed && !isHidden {
			objects = append(objects, e.Object)
		}
	}
	slices.SortFunc(objects, index.CompareAge[T])
	return objects, nil
}
