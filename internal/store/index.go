package store

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// facts are what the index needs to know of an object; describing one is all that differs by kind. There are as
// many as objects: what few have is behind a pointer.
type facts struct {
	name        string       // folded name it holds; "" when it holds none
	externalID  string       // of source SCIM; "" when none
	reservation *reservation // nil when it has none
	members     []string     // ids it has as members; groups and slices only
	listed      bool         // whether SCIM lists it
	accepted    bool         // whether a controller has found that the name is its own
	inConflict  bool         // whether a controller has found that the name is another's
	left        bool         // a user that a create of its externalId restores
}

// reservation is of a name that an object is about to take.
type reservation struct {
	text string // the annotation, whole
	name string // folded; "" when the text is none of the operator's
	made uint64 // at this revision; 0 is unknown and counts as earlier than any
}

// reservationOf is what an object's annotation says.
func reservationOf(o client.Object) *reservation {
	text := o.GetAnnotations()[v1alpha1.AnnotationReservation]
	if text == "" {
		return nil
	}
	parsed, _ := policy.ParseReservation(text)
	return &reservation{text: text, name: parsed.Name}
}

// reserved is the folded name that it reserves, or "".
func (f *facts) reserved() string {
	if f.reservation == nil {
		return ""
	}
	return f.reservation.name
}

// record is one object in the index. Records are replaced, never changed.
type record[T client.Object] struct {
	object T // shared with the informer: read only
	facts

	taken  uint64   // its name, at this revision; 0 is unknown and counts as earlier than any
	doubt  *doubt   // whether it may be undone; nil when it stands
	joined []uint64 // each of its members, likewise
}

// index is one replica's view of all objects of a kind, in every namespace. It is fed by the informer's
// events in the order of their revisions, so that once it has seen a revision it has seen all before it.
type index[T client.Object] struct {
	describe func(T) facts
	gap      func() uint64 // revision up to which events may be missing, see relist.go

	seen atomic.Uint64 // grows while mu is held

	mu      sync.RWMutex
	waiting []waiter      // in no order; there are as many as writes in flight
	changed chan struct{} // closed at the next change; nil while nobody waits for one
	spaces  map[string]*space[T]
}

type waiter struct {
	revision uint64
	reached  chan struct{}
}

// space is the part of an index that is one namespace.
type space[T client.Object] struct {
	byID         map[string]*record[T]
	byName       multimap[*record[T]] // holders and reservers, by folded name
	byExternalID multimap[*record[T]]
	memberOf     multimap[string] // ids of the groups of a member
	listed       ordered[T]
	unsure       map[string]*record[T] // those that are, by id
	doubted      uint64                // how many have ever come to be
}

func newIndex[T client.Object](describe func(T) facts, gap func() uint64) *index[T] {
	return &index[T]{describe: describe, gap: gap, spaces: map[string]*space[T]{}}
}

// OnAdd, OnUpdate and OnDelete make the index a cache.ResourceEventHandler, for an informer of T.
func (x *index[T]) OnAdd(object any, _ bool) { x.OnUpdate(nil, object) }

// OnUpdate is part of cache.ResourceEventHandler.
func (x *index[T]) OnUpdate(_, object any) {
	if o, ok := object.(T); ok {
		x.observe(o)
	}
}

// OnDelete is part of cache.ResourceEventHandler.
func (x *index[T]) OnDelete(object any) {
	if tombstone, missed := object.(cache.DeletedFinalStateUnknown); missed {
		object = tombstone.Obj
	}
	o, ok := object.(T)
	if !ok {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.spaces[o.GetNamespace()]; s != nil {
		s.replace(s.byID[o.GetName()], nil)
		if len(s.byID) == 0 {
			delete(x.spaces, o.GetNamespace())
		}
	}
	x.advance(revisionOf(o))
	x.tell()
}

func (x *index[T]) observe(o T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !policy.IsSentinel(o) {
		s := x.spaces[o.GetNamespace()]
		if s == nil {
			s = newSpace[T]()
			x.spaces[o.GetNamespace()] = s
		}
		old := s.byID[o.GetName()]
		s.replace(old, x.succeed(s, old, o))
	}
	x.advance(revisionOf(o))
	x.tell()
}

// succeed is the record of an object whose last known state is old, which may be nil.
func (x *index[T]) succeed(s *space[T], old *record[T], o T) *record[T] {
	now := revisionOf(o)
	if now <= x.gap() {
		now = 0
	}
	r := &record[T]{object: o, facts: x.describe(o), taken: now}
	if r.reservation != nil {
		r.reservation.made = now
	}
	r.enrol(old, now)
	if old == nil {
		if r.doubt = s.doubtAtBirth(r, now > 0); r.doubt != nil {
			time.AfterFunc(doubtLife, func() { x.trust(o.GetNamespace(), o.GetName()) })
		}
		r.listed = r.listed && !r.isHidden()
		return r
	}
	r.inherit(old)
	switch {
	case r.name == old.name:
		r.taken = old.taken
	case r.name != "" && r.name == old.reserved(): // the commit of a reservation
		r.taken = old.reservation.made
	}
	if r.reservation != nil && old.reservation != nil && r.reservation.text == old.reservation.text {
		r.reservation.made = old.reservation.made
	}
	return r
}

// enrol notes when each member joined: now, unless the object had it before.
func (r *record[T]) enrol(old *record[T], now uint64) {
	if len(r.members) == 0 {
		return
	}
	if old != nil && slices.Equal(old.members, r.members) {
		r.joined = old.joined
		return
	}
	before := map[string]uint64{}
	if old != nil {
		for i, m := range old.members {
			before[m] = old.joined[i]
		}
	}
	r.joined = make([]uint64, len(r.members))
	for i, m := range r.members {
		at, was := before[m]
		if !was {
			at = now
		}
		r.joined[i] = at
	}
}

// joinedAt is the revision at which a member joined; 0 if that is not known, or if it is none.
func (r *record[T]) joinedAt(member string) uint64 {
	if i := slices.Index(r.members, member); i >= 0 {
		return r.joined[i]
	}
	return 0
}

// advance tells who waits how far the index has come. What a list shows comes in the order of its keys: of
// two items the later revision may come first, and only what comes after the list says that all of it has.
func (x *index[T]) advance(revision uint64) {
	if revision <= x.gap() {
		return
	}
	seen := max(x.seen.Load(), revision)
	x.seen.Store(seen)
	x.waiting = slices.DeleteFunc(x.waiting, func(w waiter) bool {
		if w.revision > seen {
			return false
		}
		close(w.reached)
		return true
	})
}

// await returns once the index has seen the revision, and with it everything that was written before.
func (x *index[T]) await(ctx context.Context, revision uint64) error {
	x.mu.Lock()
	if x.hasSeen(revision) {
		x.mu.Unlock()
		return nil
	}
	w := waiter{revision, make(chan struct{})}
	x.waiting = append(x.waiting, w)
	x.mu.Unlock()
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
		x.mu.Lock()
		x.waiting = slices.DeleteFunc(x.waiting, func(other waiter) bool { return other.reached == w.reached })
		x.mu.Unlock()
		return context.Cause(ctx)
	}
}

// hasSeen reports whether the index has seen the revision.
func (x *index[T]) hasSeen(revision uint64) bool { return x.seen.Load() >= revision }

// record is what the index has of that id, or nil.
func (x *index[T]) record(namespace, id string) *record[T] {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.spaces[namespace]; s != nil {
		return s.byID[id]
	}
	return nil
}

// get is the object of that id, or the zero T.
func (x *index[T]) get(namespace, id string) (object T, found bool) {
	if r := x.record(namespace, id); r != nil {
		return r.object, true
	}
	return object, false
}

// named are the records that hold or reserve a folded name.
func (x *index[T]) named(namespace, name string) []*record[T] {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.spaces[namespace]; s != nil {
		return s.byName.all(name)
	}
	return nil
}

// holders are the records that hold a folded name, in the order in which they took it. At an unknown revision is
// before any other, and among those the oldest comes first.
func (x *index[T]) holders(namespace, name string) []*record[T] {
	all := slices.DeleteFunc(x.named(namespace, name), func(r *record[T]) bool { return r.name != name })
	slices.SortFunc(all, func(a, b *record[T]) int {
		return cmp.Or(cmp.Compare(a.taken, b.taken), age(a.object, b.object))
	})
	return all
}

// identified are the objects of source SCIM with that externalId, but for those that are hidden.
func (x *index[T]) identified(namespace, externalID string) []T {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.spaces[namespace]
	if s == nil {
		return nil
	}
	var objects []T
	for _, r := range s.byExternalID.all(externalID) {
		if !r.isHidden() {
			objects = append(objects, r.object)
		}
	}
	return objects
}

// groupsOf are the ids of the groups that list the member, in no order.
func (x *index[T]) groupsOf(namespace, member string) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.spaces[namespace]; s != nil {
		return s.memberOf.all(member)
	}
	return nil
}

// lists are the records of a folded name, and the ids of all that list one of the members: both as of one time.
func (x *index[T]) lists(namespace, name string, members map[string]bool) (named []*record[T], listing map[string]bool) {
	listing = map[string]bool{}
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.spaces[namespace]
	if s == nil {
		return nil, listing
	}
	for member := range members {
		for _, id := range s.memberOf.all(member) {
			listing[id] = true
		}
	}
	return s.byName.all(name), listing
}

// page is up to count of what SCIM lists, by age: behind a position if there is one, from the 1-based
// startIndex on, and how much there is in all.
func (x *index[T]) page(namespace string, after *scim.Position, startIndex, count int) (objects []T, total int) {
	defer x.readSorted(namespace)()
	s := x.spaces[namespace]
	if s == nil {
		return nil, 0
	}
	all := s.listed.sorted()
	from := 0
	if after != nil {
		from = s.listed.behind(*after)
	}
	from += min(max(startIndex, 1)-1, len(all)-from)
	return slices.Clone(all[from : from+min(max(count, 0), len(all)-from)]), len(all)
}

// readSorted locks the index for reading, with a namespace's list in order.
func (x *index[T]) readSorted(namespace string) (unlock func()) {
	for {
		x.mu.RLock()
		if s := x.spaces[namespace]; s == nil || !s.listed.unsorted {
			return x.mu.RUnlock
		}
		x.mu.RUnlock()
		x.mu.Lock()
		if s := x.spaces[namespace]; s != nil {
			s.listed.sorted()
		}
		x.mu.Unlock()
	}
}

func newSpace[T client.Object]() *space[T] {
	return &space[T]{
		byID:         map[string]*record[T]{},
		byName:       newMultimap[*record[T]](),
		byExternalID: newMultimap[*record[T]](),
		memberOf:     newMultimap[string](),
		unsure:       map[string]*record[T]{},
	}
}

// replace puts r in the place of old; either may be nil.
func (s *space[T]) replace(old, r *record[T]) {
	s.moveMemberships(old, r)
	if old != nil {
		delete(s.unsure, old.object.GetName())
		delete(s.byID, old.object.GetName())
		s.byName.remove(old.name, old)
		s.byName.remove(old.reserved(), old)
		s.byExternalID.remove(old.externalID, old)
	}
	if r != nil {
		if r.isUnsure() {
			s.unsure[r.object.GetName()] = r
			s.doubted++
		}
		s.byID[r.object.GetName()] = r
		s.byName.add(r.name, r)
		if r.reserved() != r.name {
			s.byName.add(r.reserved(), r)
		}
		s.byExternalID.add(r.externalID, r)
	}
	s.listed.replace(old, r)
}

func (s *space[T]) moveMemberships(old, r *record[T]) {
	var before, after []string
	var group string
	if old != nil {
		before, group = old.members, old.object.GetName()
	}
	if r != nil {
		after, group = r.members, r.object.GetName()
	}
	if slices.Equal(before, after) {
		return
	}
	group = strings.Clone(group) // what is kept here must not keep the object that it came from
	stays := make(map[string]bool, len(before))
	for _, m := range before {
		stays[m] = false
	}
	for _, m := range after {
		if _, there := stays[m]; !there {
			s.memberOf.add(m, group)
		}
		stays[m] = true
	}
	for _, m := range before {
		if !stays[m] {
			s.memberOf.remove(m, group)
		}
	}
}

// multimap maps a key to one value, as a rule, or a few in no order. The empty key holds nothing.
type multimap[V comparable] struct {
	one  map[string]V
	more map[string][]V // of the keys that hold several
}

func newMultimap[V comparable]() multimap[V] { return multimap[V]{map[string]V{}, map[string][]V{}} }

// all are the values of a key, the caller's own.
func (m multimap[V]) all(key string) []V {
	if v, found := m.one[key]; found {
		return []V{v}
	}
	return slices.Clone(m.more[key])
}

func (m multimap[V]) add(key string, v V) {
	values := m.all(key)
	if key != "" && !slices.Contains(values, v) {
		m.set(key, append(values, v))
	}
}

func (m multimap[V]) remove(key string, v V) {
	if values := m.all(key); slices.Contains(values, v) {
		m.set(key, slices.DeleteFunc(values, func(other V) bool { return other == v }))
	}
}

func (m multimap[V]) set(key string, values []V) {
	delete(m.one, key)
	delete(m.more, key)
	switch len(values) {
	case 0:
	case 1:
		m.one[key] = values[0]
	default:
		m.more[key] = values
	}
}

// ordered holds objects by creation time, then id: the order of lists on every replica. New objects go to
// the end, or among those of the same second, which are kept in order; a list that an informer begins with
// comes in any order, and is sorted at the next read.
type ordered[T client.Object] struct {
	objects  []T
	unsorted bool
}

func (l *ordered[T]) replace(old, r *record[T]) {
	was, is := old != nil && old.listed, r != nil && r.listed
	switch {
	case was && is && age(old.object, r.object) == 0:
		if i, found := l.find(old.object); found {
			l.objects[i] = r.object
		}
		return
	case was:
		if i, found := l.find(old.object); found {
			l.objects = slices.Delete(l.objects, i, i+1)
		}
	}
	if is {
		l.add(r.object)
	}
}

// newest is how many objects at the end a new one is sorted into at once: more than are made in a second.
const newest = 4096

func (l *ordered[T]) add(o T) {
	n := len(l.objects)
	if l.unsorted || n == 0 || age(l.objects[n-1], o) < 0 {
		l.objects = append(l.objects, o)
		return
	}
	from := max(0, n-newest)
	if age(l.objects[from], o) > 0 && from > 0 {
		l.objects, l.unsorted = append(l.objects, o), true
		return
	}
	at, _ := slices.BinarySearchFunc(l.objects[from:], o, age[T])
	l.objects = slices.Insert(l.objects, from+at, o)
}

func (l *ordered[T]) find(o T) (int, bool) {
	return slices.BinarySearchFunc(l.sorted(), o, age[T])
}

// behind is how many objects stand at a position or before it.
func (l *ordered[T]) behind(p scim.Position) int {
	byAge, all := scim.Order{}, l.sorted()
	return sort.Search(len(all), func(i int) bool {
		at := scim.Position{Created: all[i].GetCreationTimestamp().Time, ID: all[i].GetName()}
		return byAge.Compare(at, p) > 0
	})
}

func (l *ordered[T]) sorted() []T {
	if l.unsorted {
		slices.SortFunc(l.objects, age[T])
		l.unsorted = false
	}
	return l.objects
}

// age compares by creation time, then id.
func age[T client.Object](a, b T) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		strings.Compare(a.GetName(), b.GetName()),
	)
}

// revisionOf is the object's resourceVersion, which Kubernetes promises to be an integer that grows
// with each write (KEP-5504).
func revisionOf(o client.Object) uint64 {
	revision, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}
