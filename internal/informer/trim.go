package informer

import (
	"context"
	"maps"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Trimming says of which objects the informers keep only a part: those of namespaces without an object of the kind Marker.
// Once a namespace has one, its objects are read whole.
type Trimming struct {
	Marker runtime.Object
	Kinds  []runtime.Object
	// Trim removes from an object what is not kept.
	Trim func(metav1.Object)
	// List lists a page of the objects of the example's kind in a namespace. The list of all namespaces with a field selector
	// would not do: the API server reads the continue token of the next page as one of all namespaces.
	List func(ctx context.Context, example runtime.Object, namespace string, options metav1.ListOptions) (runtime.Object, error)
}

func (t *Trimming) isMarker(example runtime.Object) bool {
	return reflect.TypeOf(t.Marker) == reflect.TypeOf(example)
}

func (t *Trimming) trims(example runtime.Object) bool {
	for _, kind := range t.Kinds {
		if reflect.TypeOf(kind) == reflect.TypeOf(example) {
			return true
		}
	}
	return false
}

// marks are the namespaces that have a marker, as the informers of the markers are about to learn it. Safe for concurrent
// use.
type marks struct {
	mu         sync.Mutex
	byInformer map[*listerWatcher]map[string]bool // nil until the informer has listed
	changed    chan struct{}                      // closed at the next change
}

func newMarks() *marks {
	return &marks{byInformer: map[*listerWatcher]map[string]bool{}, changed: make(chan struct{})}
}

// replace sets the namespaces of an informer; nil for one that has not listed yet.
func (m *marks) replace(l *listerWatcher, namespaces map[string]bool) {
	m.update(func() { m.byInformer[l] = namespaces })
}

// set records that a namespace has a marker, or has none any more.
func (m *marks) set(l *listerWatcher, namespace string, marked bool) {
	if m.has(namespace) == marked { // a directory's status changes every second during an import
		return
	}
	m.update(func() {
		if marked {
			m.byInformer[l][namespace] = true
		} else {
			delete(m.byInformer[l], namespace)
		}
	})
}

func (m *marks) update(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	close(m.changed)
	m.changed = make(chan struct{})
}

// all returns the namespaces that have a marker, whether every informer of markers has listed, and a channel that is
// closed at the next change.
func (m *marks) all() (namespaces map[string]bool, listed bool, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	namespaces, listed = map[string]bool{}, len(m.byInformer) > 0
	for _, of := range m.byInformer {
		maps.Copy(namespaces, of)
		listed = listed && of != nil
	}
	return namespaces, listed, m.changed
}

func (m *marks) has(namespace string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, of := range m.byInformer {
		if of[namespace] {
			return true
		}
	}
	return false
}

// waitListed returns the namespaces once every informer of markers has listed. The error is the context's.
func (m *marks) waitListed(ctx context.Context) (map[string]bool, error) {
	for {
		namespaces, listed, changed := m.all()
		if listed {
			return namespaces, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// observe records the marker of an event before the informer learns of it.
func (m *marks) observe(l *listerWatcher, event watch.Event) {
	o, err := meta.Accessor(event.Object)
	if err != nil || o.GetNamespace() == "" { // a bookmark, or an error
		return
	}
	m.set(l, o.GetNamespace(), event.Type != watch.Deleted)
}

// trimmer trims the objects of one informer, and keeps its events in order with the objects that are read whole later.
type trimmer struct {
	*Trimming
	marks   *marks
	example runtime.Object

	mu       sync.Mutex
	whole    map[string]bool // namespaces whose objects the informer has been given whole
	listing  map[string]bool // namespaces whose objects are whole in the list in progress
	position uint64          // the revision of the newest list or event of the API server's
	// loaded are the revisions of objects that were read whole, while older events of them may be under way: up to the
	// revision loadedUntil.
	loaded      map[types.NamespacedName]uint64
	loadedUntil uint64
}

// list lists a page of a namespace's objects.
func (t *trimmer) list(ctx context.Context, namespace string, options metav1.ListOptions) (runtime.Object, error) {
	return t.List(ctx, t.example, namespace, options)
}

// isWhole reports whether the informer has been given the objects of a namespace whole.
func (t *trimmer) isWhole(namespace string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.whole[namespace]
}

func (t *trimmer) setWhole(namespace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.whole[namespace] = true
}

// beginList waits until the namespaces with a marker are known.
func (t *trimmer) beginList(ctx context.Context) error {
	namespaces, err := t.marks.waitListed(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listing = namespaces
	return err
}

// trimPage trims the objects of a page of a list.
func (t *trimmer) trimPage(page runtime.Object) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return meta.EachListItem(page, func(item runtime.Object) error {
		o, err := meta.Accessor(item)
		if err == nil && !t.listing[o.GetNamespace()] {
			t.Trim(o)
		}
		return err
	})
}

func (t *trimmer) endList(revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.whole, t.position, t.loaded, t.loadedUntil = maps.Clone(t.listing), revision, nil, 0
}

// resumeAt returns the revision from which to watch. A reflector asks for that of the last object, which may have been read
// whole, and is then not that of the last event.
func (t *trimmer) resumeAt() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.position
}

// passed records that the reflector has an event of that revision, or needs none.
func (t *trimmer) passed(revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.position = max(t.position, revision)
}

// prepare trims the object of an event if its namespace has no marker. isOld reports whether the informer has had a later
// version of the object.
func (t *trimmer) prepare(o metav1.Object, revision uint64) (isOld, trimmed bool) {
	isMarked := t.marks.has(o.GetNamespace())
	t.mu.Lock()
	defer t.mu.Unlock()
	if revision > t.loadedUntil {
		t.loaded = nil
	}
	if !isMarked {
		t.Trim(o)
		delete(t.whole, o.GetNamespace())
	}
	return revision <= t.loaded[keyOf(o)], !isMarked
}

// setLoaded records that an object is given whole to the informer, as read at a later revision.
func (t *trimmer) setLoaded(o metav1.Object, revision, readAt uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.loaded == nil {
		t.loaded = map[types.NamespacedName]uint64{}
	}
	t.loaded[keyOf(o)] = revision
	t.loadedUntil = max(t.loadedUntil, readAt)
}

// missing returns the namespaces that have a marker and whose objects are not whole.
func (t *trimmer) missing() (namespaces []string, changed <-chan struct{}) {
	marked, _, changed := t.marks.all()
	t.mu.Lock()
	defer t.mu.Unlock()
	for namespace := range marked {
		if !t.whole[namespace] {
			namespaces = append(namespaces, namespace)
		}
	}
	return namespaces, changed
}

func keyOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
