package index

import (
	"slices"
	"strconv"
	"sync"

	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// Keys are what an object is found by. An index holds them for each object, so they are few.
type Keys struct {
	// Name is the folded name of a live user or group, or the group of a slice; "" for none.
	Name string
	// FormerName is the folded name of a user that is not live any more.
	FormerName string
	// ExternalID is that of an object of source SCIM.
	ExternalID string
	// Members are the ids that a group or slice lists.
	Members []string
	// Listed reports whether SCIM shows the object.
	Listed bool
	// Trimmed reports whether the informer has only a part of the object.
	Trimmed bool
}

// Entry is one object in the index. Entries are replaced, never changed.
type Entry[T client.Object] struct {
	Object T // shared with the informer: read only
	Keys

	addedAt []uint64 // for each of Members, the revision at which the object came to list it; 0 is unknown
}

// AddedAt returns the revision at which the object came to list a member; 0 if that is not known, or if it does not
// list the member.
func (e *Entry[T]) AddedAt(member string) uint64 {
	if i := slices.Index(e.Members, member); i >= 0 {
		return e.addedAt[i]
	}
	return 0
}

// Index holds the objects of one kind. It is a cache.ResourceEventHandler for an informer of T. Safe for concurrent
// use.
type Index[T client.Object] struct {
	keysOf       func(T) Keys
	listRevision func(namespace string) uint64

	mu         sync.RWMutex
	namespaces map[string]*namespaceIndex[T]
	watched    map[string]uint64 // the newest revision of each namespace that was watched; it outlives the objects

	entryWaiters    waitList[client.ObjectKey, *Entry[T]] // for the entry of a key; nil is none
	revisionWaiters waitList[string, uint64]              // for the newest watched revision of a namespace
}

// New returns an empty index. listRevision returns the resourceVersion of the newest list of a namespace: only events with
// a greater one were watched, one by one and in order.
func New[T client.Object](keysOf func(T) Keys, listRevision func(namespace string) uint64) *Index[T] {
	return &Index[T]{
		keysOf: keysOf, listRevision: listRevision,
		namespaces: map[string]*namespaceIndex[T]{}, watched: map[string]uint64{},
	}
}

// OnAdd implements cache.ResourceEventHandler.
func (x *Index[T]) OnAdd(object any, _ bool) { x.OnUpdate(nil, object) }

// OnUpdate implements cache.ResourceEventHandler.
func (x *Index[T]) OnUpdate(_, object any) {
	if o, ok := object.(T); ok {
		x.set(o)
	}
}

// OnDelete implements cache.ResourceEventHandler.
func (x *Index[T]) OnDelete(object any) {
	if tombstone, missed := object.(cache.DeletedFinalStateUnknown); missed {
		object = tombstone.Obj
	}
	if o, ok := object.(T); ok {
		x.remove(o)
	}
}

func (x *Index[T]) set(o T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.namespaces[o.GetNamespace()]
	if n == nil {
		n = newNamespaceIndex[T]()
		x.namespaces[o.GetNamespace()] = n
	}
	watchedAt := x.watchedAt(o)
	old := n.byID[o.GetName()]
	e := &Entry[T]{Object: o, Keys: x.keysOf(o)}
	e.recordAdditions(old, watchedAt)
	n.replace(old, e)
	x.changed(o, e, watchedAt)
}

func (x *Index[T]) remove(o T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.namespaces[o.GetNamespace()]
	if n == nil {
		return
	}
	n.replace(n.byID[o.GetName()], nil)
	if len(n.byID) == 0 {
		delete(x.namespaces, o.GetNamespace())
	}
	x.changed(o, nil, x.watchedAt(o))
}

// changed wakes the requests that wait for the entry that an object now has, or for the revision of the event.
func (x *Index[T]) changed(o T, e *Entry[T], watchedAt uint64) {
	watched := max(x.watched[o.GetNamespace()], watchedAt)
	x.watched[o.GetNamespace()] = watched
	x.entryWaiters.changed(client.ObjectKeyFromObject(o), e)
	x.revisionWaiters.changed(o.GetNamespace(), watched)
}

// watchedAt returns the revision of an event that was watched. Of what a list shows, the revision is the object's and
// not that of the list's place in the order, so it is 0: unknown.
func (x *Index[T]) watchedAt(o T) uint64 {
	if at := RevisionOf(o); at > x.listRevision(o.GetNamespace()) {
		return at
	}
	return 0
}

// recordAdditions notes when each member was added: now, unless the object listed it before.
func (e *Entry[T]) recordAdditions(old *Entry[T], now uint64) {
	if len(e.Members) == 0 {
		return
	}
	if old != nil && slices.Equal(old.Members, e.Members) {
		e.addedAt = old.addedAt
		return
	}
	before := map[string]uint64{}
	if old != nil {
		for i, m := range old.Members {
			before[m] = old.addedAt[i]
		}
	}
	e.addedAt = make([]uint64, len(e.Members))
	for i, m := range e.Members {
		at, listed := before[m]
		if !listed {
			at = now
		}
		e.addedAt[i] = at
	}
}

// read returns what the function reads of a namespace; the zero value if the index has nothing of it.
func read[T client.Object, R any](x *Index[T], namespace string, from func(*namespaceIndex[T]) R) (none R) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if n := x.namespaces[namespace]; n != nil {
		return from(n)
	}
	return none
}

// Get returns the entry of an id, or nil.
func (x *Index[T]) Get(namespace, id string) *Entry[T] {
	return read(x, namespace, func(n *namespaceIndex[T]) *Entry[T] { return n.byID[id] })
}

// Named returns the entries of a folded name, in no order.
func (x *Index[T]) Named(namespace, name string) []*Entry[T] {
	return read(x, namespace, func(n *namespaceIndex[T]) []*Entry[T] { return n.byName.all(name) })
}

// FormerlyNamed returns the entries of a folded name that are not live any more, in no order.
func (x *Index[T]) FormerlyNamed(namespace, name string) []*Entry[T] {
	return read(x, namespace, func(n *namespaceIndex[T]) []*Entry[T] { return n.byFormerName.all(name) })
}

// Identified returns the entries of an externalId, in no order.
func (x *Index[T]) Identified(namespace, externalID string) []*Entry[T] {
	return read(x, namespace, func(n *namespaceIndex[T]) []*Entry[T] { return n.byExternalID.all(externalID) })
}

// SharedNames returns the folded names that several live objects of a namespace have.
func (x *Index[T]) SharedNames(namespace string) []string {
	return read(x, namespace, func(n *namespaceIndex[T]) []string { return n.byName.shared() })
}

// Listing returns the ids of the objects that list a member, in no order.
func (x *Index[T]) Listing(namespace, member string) []string {
	return read(x, namespace, func(n *namespaceIndex[T]) []string { return n.byMember.all(member) })
}

// NamedAndListing returns the entries of a name, and the ids of the objects that list one of the members: both as of
// one moment.
func (x *Index[T]) NamedAndListing(namespace, name string, members map[string]bool) (named []*Entry[T], listing map[string]bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	listing = map[string]bool{}
	n := x.namespaces[namespace]
	if n == nil {
		return nil, listing
	}
	for member := range members {
		for _, id := range n.byMember.all(member) {
			listing[id] = true
		}
	}
	return n.byName.all(name), listing
}

// HasTrimmed reports whether the index has a trimmed object of a namespace.
func (x *Index[T]) HasTrimmed(namespace string) bool {
	return read(x, namespace, func(n *namespaceIndex[T]) bool { return n.trimmed > 0 })
}

// Names returns the folded names of the live objects of a namespace.
func (x *Index[T]) Names(namespace string) []string {
	return read(x, namespace, func(n *namespaceIndex[T]) []string { return n.byName.keys() })
}

// FormerNames returns the folded names of the objects of a namespace that are not live any more.
func (x *Index[T]) FormerNames(namespace string) []string {
	return read(x, namespace, func(n *namespaceIndex[T]) []string { return n.byFormerName.keys() })
}

// Page returns up to count of the objects that SCIM shows, by age, without those of the hidden ids: behind a position
// if there is one, and then from the 1-based startIndex on. total counts them all. Its cost follows the page and the number
// of hidden ids, not the number of objects.
func (x *Index[T]) Page(namespace string, after *scim.Position, startIndex, count int, hidden map[string]bool) (objects []T, total int) {
	defer x.lockSorted(namespace)()
	n := x.namespaces[namespace]
	if n == nil {
		return nil, 0
	}
	all, gaps := n.listed.sorted(), n.placesOf(hidden)
	from := 0
	if after != nil {
		from = behind(all, *after)
	}
	first, _ := slices.BinarySearch(gaps, from)
	from += min(max(startIndex, 1)-1, len(all)-from)
	for _, gap := range gaps[first:] { // each hidden object on the way moves the start by one
		if gap <= from {
			from++
		}
	}
	for i := from; i < len(all) && len(objects) < count; i++ {
		if _, isHidden := slices.BinarySearch(gaps, i); !isHidden {
			objects = append(objects, all[i])
		}
	}
	return objects, len(all) - len(gaps)
}

// lockSorted locks the index for reading, with the list of a namespace in order.
func (x *Index[T]) lockSorted(namespace string) (unlock func()) {
	for {
		x.mu.RLock()
		if n := x.namespaces[namespace]; n == nil || !n.listed.unsorted {
			return x.mu.RUnlock
		}
		x.mu.RUnlock()
		x.mu.Lock()
		if n := x.namespaces[namespace]; n != nil {
			n.listed.sorted()
		}
		x.mu.Unlock()
	}
}

// RevisionOf returns an object's resourceVersion as a number, which Kubernetes promises it to be and to grow with each
// write (KEP-5504); 0 if it has none.
func RevisionOf(o client.Object) uint64 {
	revision, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}
