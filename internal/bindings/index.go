package bindings

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// index finds projected bindings. Safe for concurrent use.
type index struct {
	mu           sync.RWMutex
	objects      map[objectKey]*entry
	byAssignment map[types.NamespacedName]map[string]map[int]*entry // by target and number
	bySubject    map[subjectKey][]*entry
	byPrincipal  map[principalKey][]*entry
	changed      chan struct{} // closed at the next change
}

// subjectKey is a Kubernetes user name of a directory.
type subjectKey struct{ directory, name string }

// principalKey is a user or group of a directory.
type principalKey struct {
	directory string
	kind      v1alpha1.PrincipalKind
	name      string
}

func newIndex() *index {
	return &index{
		objects: map[objectKey]*entry{}, byAssignment: map[types.NamespacedName]map[string]map[int]*entry{},
		bySubject: map[subjectKey][]*entry{}, byPrincipal: map[principalKey][]*entry{}, changed: make(chan struct{}),
	}
}

// set records a binding as it is now.
func (x *index) set(e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(e.key)
	x.objects[e.key] = e
	targets := x.byAssignment[e.assignment()]
	if targets == nil {
		targets = map[string]map[int]*entry{}
		x.byAssignment[e.assignment()] = targets
	}
	if targets[e.key.Target] == nil {
		targets[e.key.Target] = map[int]*entry{}
	}
	targets[e.key.Target][e.number] = e
	for _, name := range e.names {
		key := subjectKey{e.origin.Directory, name}
		if !slices.Contains(x.bySubject[key], e) { // a name can be there twice after an edit by hand
			x.bySubject[key] = append(x.bySubject[key], e)
		}
	}
	x.byPrincipal[e.principal()] = append(x.byPrincipal[e.principal()], e)
	x.tell()
}

// remove records that a binding is gone.
func (x *index) remove(key objectKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(key)
	x.tell()
}

// wake has those who wait check again, because something beside the bindings has changed.
func (x *index) wake() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tell()
}

func (x *index) tell() {
	close(x.changed)
	x.changed = make(chan struct{})
}

func (x *index) drop(key objectKey) {
	e := x.objects[key]
	if e == nil {
		return
	}
	delete(x.objects, key)
	targets := x.byAssignment[e.assignment()]
	delete(targets[key.Target], e.number)
	if len(targets[key.Target]) == 0 {
		delete(targets, key.Target)
	}
	if len(targets) == 0 {
		delete(x.byAssignment, e.assignment())
	}
	for _, name := range e.names {
		dropFrom(x.bySubject, subjectKey{e.origin.Directory, name}, e)
	}
	dropFrom(x.byPrincipal, e.principal(), e)
}

// dropFrom takes an entry out of a list. Lists that were given away do not change.
func dropFrom[K comparable](lists map[K][]*entry, key K, e *entry) {
	kept := slices.DeleteFunc(slices.Clone(lists[key]), func(other *entry) bool { return other == e })
	if len(kept) == 0 {
		delete(lists, key)
	} else {
		lists[key] = kept
	}
}

func (e *entry) principal() principalKey {
	return principalKey{e.origin.Directory, e.origin.Kind, e.origin.Principal}
}

// get returns a binding, or nil.
func (x *index) get(key objectKey) *entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.objects[key]
}

// holding returns the bindings that have a Kubernetes user name of a directory.
func (x *index) holding(key subjectKey) []*entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Clone(x.bySubject[key])
}

// through returns the bindings whose subjects have a role through a principal.
func (x *index) through(key principalKey) []*entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Clone(x.byPrincipal[key])
}

// hasSubjects reports whether a binding of a directory has a Kubernetes user name.
func (x *index) hasSubjects(directory string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for key := range x.bySubject {
		if key.directory == directory {
			return true
		}
	}
	return false
}

func (x *index) assignments() []types.NamespacedName {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(x.byAssignment), func(a, b types.NamespacedName) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

// ofAssignment returns the bindings of an assignment in all targets.
func (x *index) ofAssignment(assignment types.NamespacedName) (all []*entry) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, numbers := range x.byAssignment[assignment] {
		all = slices.AppendSeq(all, maps.Values(numbers))
	}
	return all
}

func (x *index) targets(assignment types.NamespacedName) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Sorted(maps.Keys(x.byAssignment[assignment]))
}

func (x *index) number(assignment types.NamespacedName, target string, number int) *entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byAssignment[assignment][target][number]
}

func (x *index) view(assignment types.NamespacedName, target string) *View {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return &View{entries: maps.Clone(x.byAssignment[assignment][target])}
}

// wait returns once the condition holds. The error is the context's.
func (x *index) wait(ctx context.Context, isMet func() bool) error {
	for {
		x.mu.RLock()
		changed := x.changed
		x.mu.RUnlock()
		if isMet() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// maxScans is how many names a View looks for by reading through the bindings. For more it makes a map of all subjects, which
// takes fifty times as long as reading through them once: 4 ms for 10,000 subjects.
const maxScans = 16

// View is the bindings of an assignment in one target, as they were at one time: an access.View. Safe for concurrent use.
type View struct {
	entries map[int]*entry

	scans   atomic.Int32
	once    sync.Once
	holding map[string][]int
}

// Numbers is part of access.View.
func (v *View) Numbers() []int { return slices.Sorted(maps.Keys(v.entries)) }

// Subjects is part of access.View. The result is shared: read only.
func (v *View) Subjects(number int) []string {
	if e := v.entries[number]; e != nil {
		return e.names
	}
	return nil
}

// Holding is part of access.View.
func (v *View) Holding(name string) []int {
	if v.scans.Add(1) <= maxScans {
		return v.scan(name)
	}
	v.once.Do(v.makeMap)
	return v.holding[name]
}

func (v *View) scan(name string) (numbers []int) {
	for number, e := range v.entries {
		if slices.Contains(e.names, name) {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

func (v *View) makeMap() {
	v.holding = map[string][]int{}
	for _, number := range v.Numbers() {
		for _, name := range v.entries[number].names {
			if held := v.holding[name]; len(held) == 0 || held[len(held)-1] != number {
				v.holding[name] = append(held, number)
			}
		}
	}
}

// ResourceVersion returns the resourceVersion of a binding, for Binding; "" if there is none.
func (v *View) ResourceVersion(number int) string {
	if e := v.entries[number]; e != nil {
		return e.object.GetResourceVersion()
	}
	return ""
}
