package informer

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

const tenant = "tenant"

// write is one write of a history: the object after it, or before it if it was deleted.
type write struct {
	kind watch.EventType
	name string
}

// world is a history of one namespace's objects, and an informer that follows it.
type world struct {
	t       *testing.T
	random  *rand.Rand
	history []write // the write of revision i is history[i-1]

	source   *Source
	informer *listerWatcher
	loads    *loads
	next     int // the next event of the watch is history[next]
	read     int // the newest revision of a read: a later read shows no earlier one
	cache    map[string]*corev1.ConfigMap
	newest   map[string]uint64 // the revision of the newest event of each object
}

func object(name string, revision int) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name, ResourceVersion: strconv.Itoa(revision)},
		Data:       map[string]string{"whole": strconv.Itoa(revision)},
	}
}

// newHistory returns writes of three objects.
func newHistory(random *rand.Rand, length int) (history []write) {
	exists := map[string]bool{}
	for range length {
		name := string(rune('a' + random.IntN(3)))
		kind := watch.Added
		if exists[name] {
			kind = []watch.EventType{watch.Modified, watch.Deleted}[random.IntN(2)]
		}
		exists[name] = kind != watch.Deleted
		history = append(history, write{kind, name})
	}
	return history
}

// stateAt returns the objects at a revision.
func (w *world) stateAt(revision int) map[string]*corev1.ConfigMap {
	state := map[string]*corev1.ConfigMap{}
	for i, write := range w.history[:revision] {
		state[write.name] = object(write.name, i+1)
		if write.kind == watch.Deleted {
			delete(state, write.name)
		}
	}
	return state
}

func newWorld(t *testing.T, random *rand.Rand) *world {
	marks := newMarks()
	source := &Source{listRevisions: map[string]uint64{}}
	w := &world{
		t: t, random: random, history: newHistory(random, 12), source: source,
		informer: &listerWatcher{source: source, trimmer: &trimmer{marks: marks, whole: map[string]bool{}, Trimming: &Trimming{Trim: func(o metav1.Object) {
			o.(*corev1.ConfigMap).Data = nil //nolint:errcheck,forcetypeassert // of this test
		}}}},
		cache: map[string]*corev1.ConfigMap{}, newest: map[string]uint64{},
	}
	marks.replace(w.informer, map[string]bool{})
	w.list(random.IntN(4))
	return w
}

// list gives the informer the list of a revision, and opens a watch.
func (w *world) list(revision int) {
	if err := w.informer.trimmer.beginList(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	page := &corev1.ConfigMapList{}
	for _, o := range w.stateAt(revision) {
		page.Items = append(page.Items, *o)
	}
	if err := w.informer.trimmer.trimPage(page); err != nil {
		w.t.Fatal(err)
	}
	w.informer.trimmer.endList(uint64(revision))
	w.cache = map[string]*corev1.ConfigMap{}
	for i := range page.Items {
		w.cache[page.Items[i].Name] = &page.Items[i]
	}
	w.open()
}

// open opens a watch from the revision that the informer asks for.
func (w *world) open() {
	w.next = int(w.informer.trimmer.resumeAt())
	w.loads = newLoads(&openWatch{listerWatcher: w.informer, events: make(chan watch.Event, 100)})
}

// deliver delivers the next event of the watch.
func (w *world) deliver() {
	if w.next == len(w.history) {
		return
	}
	w.next++
	of := w.history[w.next-1]
	event := watch.Event{Type: of.kind, Object: object(of.name, w.next)}
	revision, isNeeded := w.loads.prepare(event)
	if isNeeded {
		w.apply(event)
	}
	w.loads.passed(revision)
}

// apply changes the cache as a reflector does.
func (w *world) apply(event watch.Event) {
	o, ok := event.Object.(*corev1.ConfigMap)
	if !ok {
		w.t.Fatalf("%T", event.Object)
	}
	if revisionOf(o) < w.newest[o.Name] {
		w.t.Errorf("%s goes back from revision %d to %d", o.Name, w.newest[o.Name], revisionOf(o))
	}
	w.newest[o.Name] = revisionOf(o)
	w.cache[o.Name] = o
	if event.Type == watch.Deleted {
		delete(w.cache, o.Name)
	}
}

// load reads the namespace at a revision that the watch may not have reached, with events delivered before the pages
// arrive. The watch may end before the last page.
func (w *world) load() {
	missing, _ := w.informer.trimmer.missing()
	if len(missing) == 0 {
		return
	}
	l := &load{namespace: tenant, cancel: func() {}, delivered: map[string]uint64{}}
	w.loads.running[tenant] = l
	w.some(w.deliver)
	w.read = max(w.next, w.read)
	w.read += w.random.IntN(len(w.history) - w.read + 1)
	at := w.read
	w.some(w.deliver)
	var pages []loadedPage
	for _, o := range w.stateAt(at) {
		pages = append(pages, loadedPage{load: l, objects: []runtime.Object{o}, revision: uint64(at)})
	}
	pages = append(pages, loadedPage{load: l, revision: uint64(at), isLast: true})
	for _, page := range pages {
		w.loads.inject(w.t.Context(), page)
		for len(w.loads.events) > 0 {
			w.apply(<-w.loads.events)
		}
		if w.random.IntN(6) == 0 {
			w.open()
			return
		}
		if w.random.IntN(6) == 0 {
			w.mark(false)
			w.some(w.deliver)
			w.mark(true)
		}
		w.some(w.deliver)
		w.check()
	}
}

// some does a step up to three times.
func (w *world) some(step func()) {
	for range w.random.IntN(4) {
		step()
	}
}

// mark gives the namespace a marker, or takes it away.
func (w *world) mark(marked bool) { w.informer.trimmer.marks.set(w.informer, tenant, marked) }

// check checks that a namespace that counts as whole has no trimmed object but those that have been deleted, whose events
// are under way.
func (w *world) check() {
	if !w.informer.trimmer.isWhole(tenant) || !w.informer.trimmer.marks.has(tenant) {
		return
	}
	state := w.stateAt(max(w.read, w.next))
	for name, o := range w.cache {
		if o.Data == nil && state[name] != nil {
			w.t.Errorf("%s is trimmed and has not been deleted", name)
		}
	}
}

func TestObjectsThatAreReadWholeStayInOrderWithEvents(t *testing.T) {
	for seed := range uint64(5_000) {
		w := newWorld(t, rand.New(rand.NewPCG(seed, 1)))
		steps := []func(){
			w.deliver, w.deliver, w.load, w.load, w.open,
			func() { w.mark(true) }, func() { w.mark(w.random.IntN(2) == 0) },
			func() { w.list(max(w.next, w.read)) },
		}
		for range 20 {
			steps[w.random.IntN(len(steps))]()
			w.check()
		}
		w.mark(true)
		for w.next < len(w.history) || !w.informer.trimmer.isWhole(tenant) {
			w.load()
			w.deliver()
		}
		w.check()
		if got, want := fmt.Sprint(describe(w.cache)), fmt.Sprint(describe(w.stateAt(len(w.history)))); got != want {
			t.Errorf("the informer has %s, not %s", got, want)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// describe returns the revision and content of each object.
func describe(objects map[string]*corev1.ConfigMap) map[string]string {
	all := map[string]string{}
	for name, o := range objects {
		all[name] = o.ResourceVersion + " " + o.Data["whole"]
	}
	return all
}
