// Package memstore is a scim.Store in memory, for tests of the protocol. It is also the simplest
// implementation of the contract.
//
//	memstore.go   entries, and reading and deleting them
//	create.go     creation, and restoring of users
//	update.go     changes of attributes and members
package memstore

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Store is a scim.Store in memory. Each call holds one lock from beginning to end, so that calls do not
// overlap.
type Store struct {
	now   func() time.Time
	newID func() string

	scan chan struct{} // the place of a scan

	mu  sync.Mutex
	ids map[string]*entry
	all []*entry // in the order of creation, then id
}

var _ scim.Store = (*Store)(nil)

// entry is one user or group. Its attributes and members are shared with returned resources. They are replaced
// and never changed in place.
type entry struct {
	rt           *schema.ResourceType
	id           string
	created      time.Time
	lastModified time.Time
	attributes   schema.Object
	members      []string
}

// New returns an empty store. newID must never return the same id twice.
func New(now func() time.Time, newID func() string) *Store {
	return &Store{now: now, newID: newID, scan: make(chan struct{}, 1), ids: map[string]*entry{}}
}

// Get implements scim.Store.
func (s *Store) Get(_ context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(rt, id, nil)
	if err != nil {
		return nil, err
	}
	return s.resource(e, omit), nil
}

// List implements scim.Store.
func (s *Store) List(ctx context.Context, rt *schema.ResourceType, query scim.Query) (*scim.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return query.Select(ctx, func(yield func(scim.Candidate) bool) {
		for _, e := range s.all {
			if e.rt == rt && !yield(s.resource(e, scim.Omit{})) {
				return
			}
		}
	})
}

// AcquireScan implements scim.Store. List and Update hold the lock of each call instead.
func (s *Store) AcquireScan(ctx context.Context) (release func(), err error) {
	select {
	case s.scan <- struct{}{}:
		return func() { <-s.scan }, nil
	case <-ctx.Done():
		return nil, &scim.Error{Status: http.StatusTooManyRequests, Detail: "other scans are in progress", RetryAfter: time.Second, Cause: ctx.Err()}
	}
}

// Delete is part of scim.Store.
func (s *Store) Delete(ctx context.Context, rt *schema.ResourceType, id string, precondition scim.Precondition) (*scim.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(rt, id, precondition)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return nil, err
	}
	if rt == schema.User {
		s.removeFromGroups(id)
	}
	delete(s.ids, id)
	s.all = slices.DeleteFunc(s.all, func(other *entry) bool { return other == e })
	return s.resource(e, scim.Omit{Members: true, Groups: true}), nil
}

func (s *Store) removeFromGroups(user string) {
	for _, group := range s.groupsOf(user) {
		group.members = removeIf(group.members, func(id string) bool { return id == user })
		group.lastModified = s.now()
	}
}

// find returns the entry of that id if it is of the type and the precondition holds.
func (s *Store) find(rt *schema.ResourceType, id string, precondition scim.Precondition) (*entry, error) {
	e := s.ids[id]
	if e == nil || e.rt != rt {
		return nil, scim.NotFound(rt.Name, id)
	}
	if precondition != nil {
		return e, precondition(s.resource(e, scim.Omit{}))
	}
	return e, nil
}

func (s *Store) add(e *entry) {
	s.ids[e.id] = e
	at, _ := slices.BinarySearchFunc(s.all, e, byAge)
	s.all = slices.Insert(s.all, at, e)
}

// byAge orders entries by creation time, then id.
func byAge(a, b *entry) int {
	return cmp.Or(a.created.Compare(b.created), strings.Compare(a.id, b.id))
}

func (s *Store) resource(e *entry, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{Type: e.rt, ID: e.id, Created: e.created, LastModified: e.lastModified, Attributes: e.attributes}
	if e.rt == schema.Group && !omit.Members {
		r.Members = s.references(e.members)
	}
	if e.rt == schema.User {
		r.Attributes = r.Attributes.With(schema.Active, isActive(e))
	}
	if e.rt == schema.User && !omit.Groups {
		var groups []scim.Reference
		for _, group := range s.groupsOf(e.id) {
			groups = append(groups, scim.Reference{Value: group.id, Display: display(group)})
		}
		r.Groups = slices.Values(groups)
	}
	return r
}

// references returns the members with their present names, because the sequence is read without the lock.
func (s *Store) references(ids []string) iter.Seq[scim.Reference] {
	members := make([]scim.Reference, len(ids))
	for i, id := range ids {
		members[i] = scim.Reference{Value: id, Display: display(s.ids[id])}
	}
	return slices.Values(members)
}

func (s *Store) groupsOf(user string) []*entry {
	var groups []*entry
	for _, e := range s.all {
		if slices.Contains(e.members, user) {
			groups = append(groups, e)
		}
	}
	return groups
}

// display returns the displayName, or the userName of a user without one.
func display(e *entry) string {
	return cmp.Or(e.attributes.String(e.rt.Attribute("displayName")), uniqueName(e.rt, e.attributes))
}

// uniqueName returns the attribute that is unique among the resources of a type.
func uniqueName(rt *schema.ResourceType, attributes schema.Object) string {
	if rt == schema.User {
		return attributes.String(rt.Attribute("userName"))
	}
	return attributes.String(rt.Attribute("displayName"))
}

// holder returns the resource of a type, other than the excepted one, that has the name of the attributes; nil if there is
// none.
func (s *Store) holder(rt *schema.ResourceType, attributes schema.Object, except *entry) *entry {
	wanted := fold.Name(uniqueName(rt, attributes))
	for _, e := range s.all {
		if e != except && e.rt == rt && fold.Name(uniqueName(rt, e.attributes)) == wanted {
			return e
		}
	}
	return nil
}

// taken returns the Conflict of attributes whose name a resource has.
func taken(holder *entry, attributes schema.Object) error {
	return scim.Conflict("the name %q is already that of %s %q", uniqueName(holder.rt, attributes), holder.rt.Name, holder.id)
}
