// Package memstore is a scim.Store that lives as long as its process: for tests of the protocol, and
// as the simplest reading of the contract.
//
//	memstore.go   what is stored, and reading it
//	create.go      who may have a name, and who is somebody who left
//	update.go      changes of attributes and members
package memstore

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Store is a scim.Store. One lock holds for every call from beginning to end, so that each
// is alone.
type Store struct {
	now   func() time.Time
	newID func() string

	mu  sync.Mutex
	ids map[string]*entry
	all []*entry // by age
}

var _ scim.Store = (*Store)(nil)

// entry is one user or group. Its attributes and members are replaced and never changed, since they
// are shared with the resources handed out.
type entry struct {
	rt           *schema.ResourceType
	id           string
	created      time.Time
	lastModified time.Time
	attributes   schema.Object
	members      []string
	deleted      bool // a user who may come back: only Create finds it
}

// New is an empty directory. newID must never return the same id twice.
func New(now func() time.Time, newID func() string) *Store {
	return &Store{now: now, newID: newID, ids: map[string]*entry{}}
}

// Get is part of scim.Store.
func (d *Store) Get(_ context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.find(rt, id, nil)
	if err != nil {
		return nil, err
	}
	return d.resource(e, omit), nil
}

// List is part of scim.Store.
func (d *Store) List(_ context.Context, rt *schema.ResourceType, query scim.Query) (*scim.Page, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return query.Select(func(yield func(scim.Candidate) bool) {
		for _, e := range d.all {
			if e.rt == rt && !e.deleted && !yield(d.resource(e, scim.Omit{})) {
				return
			}
		}
	}), nil
}

// Delete is part of scim.Store. A user stays behind as somebody who left.
func (d *Store) Delete(_ context.Context, rt *schema.ResourceType, id string, precondition scim.Precondition) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.find(rt, id, precondition)
	if err != nil {
		return err
	}
	if rt == schema.User {
		e.deleted = true
		d.leaveGroups(id)
		return nil
	}
	delete(d.ids, id)
	d.all = slices.DeleteFunc(d.all, func(other *entry) bool { return other == e })
	return nil
}

func (d *Store) leaveGroups(user string) {
	for _, group := range d.groupsOf(user) {
		group.members = without(group.members, func(id string) bool { return id == user })
		group.lastModified = d.now()
	}
}

// find is the entry of that id, if it is of the type, not deleted, and the precondition holds.
func (d *Store) find(rt *schema.ResourceType, id string, precondition scim.Precondition) (*entry, error) {
	e := d.ids[id]
	if e == nil || e.rt != rt || e.deleted {
		return nil, scim.NotFound(rt.Name, id)
	}
	if precondition != nil {
		return e, precondition(d.resource(e, scim.Omit{}))
	}
	return e, nil
}

func (d *Store) add(e *entry) {
	d.ids[e.id] = e
	at, _ := slices.BinarySearchFunc(d.all, e, byAge)
	d.all = slices.Insert(d.all, at, e)
}

// byAge is the order of lists.
func byAge(a, b *entry) int {
	return cmp.Or(a.created.Compare(b.created), strings.Compare(a.id, b.id))
}

func (d *Store) resource(e *entry, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{Type: e.rt, ID: e.id, Created: e.created, LastModified: e.lastModified, Attributes: e.attributes}
	if e.rt == schema.Group && !omit.Members {
		r.Members = d.references(e.members)
	}
	if e.rt == schema.User && !omit.Groups {
		var groups []scim.Reference
		for _, group := range d.groupsOf(e.id) {
			groups = append(groups, scim.Reference{Value: group.id, Display: display(group)})
		}
		r.Groups = slices.Values(groups)
	}
	return r
}

// references are the members as they are now: the sequence is read without the lock.
func (d *Store) references(ids []string) iter.Seq[scim.Reference] {
	members := make([]scim.Reference, len(ids))
	for i, id := range ids {
		members[i] = scim.Reference{Value: id, Display: display(d.ids[id])}
	}
	return slices.Values(members)
}

func (d *Store) groupsOf(user string) []*entry {
	var groups []*entry
	for _, e := range d.all {
		if slices.Contains(e.members, user) {
			groups = append(groups, e)
		}
	}
	return groups
}

// display is the displayName, or the userName of a user that has none.
func display(e *entry) string {
	return cmp.Or(e.attributes.String(e.rt.Attribute("displayName")), name(e.rt, e.attributes))
}

// name is the attribute that is unique among the resources of a type.
func name(rt *schema.ResourceType, attributes schema.Object) string {
	if rt == schema.User {
		return attributes.String(rt.Attribute("userName"))
	}
	return attributes.String(rt.Attribute("displayName"))
}

// vacant returns a Conflict when another resource of the type has that name.
func (d *Store) vacant(rt *schema.ResourceType, attributes schema.Object, except *entry) error {
	wanted := fold.Name(name(rt, attributes))
	for _, e := range d.all {
		if e != except && e.rt == rt && !e.deleted && fold.Name(name(rt, e.attributes)) == wanted {
			return scim.Conflict("the name %q is already that of %s %q", name(rt, attributes), rt.Name, e.id)
		}
	}
	return nil
}
