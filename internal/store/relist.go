package store

import (
	"context"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// Relists remembers, for each kind, the revision of the last list that its informer was told of. A
// watch delivers every change in order; a list delivers only what became of them. What a list shows
// was therefore done at an unknown revision, and the naming rule must know that it does not know.
//
// Give NewInformer to the cache (cache.Options), and the Relists to New.
type Relists struct {
	mu     sync.Mutex
	byType map[reflect.Type]*relist
}

// relist is what is known of one kind's lists.
type relist struct {
	last atomic.Uint64 // revision of the newest
	then func()        // what to do after one; may be nil

	open atomic.Pointer[context.CancelFunc] // ends the watch that is open; nil while none is
}

// watch is a way to give up the watch that is open, for a list and a watch anew. It reports whether it did: not when there
// is none, for then a list is on its way, nor when that watch has ended meanwhile.
func (l *relist) watch() (giveUp func() bool) {
	end := l.open.Load()
	return func() bool {
		if end == nil || !l.open.CompareAndSwap(end, nil) {
			return false
		}
		(*end)()
		return true
	}
}

// NewInformer is cache.NewSharedIndexInformer, its lists and watches watched over.
func (l *Relists) NewInformer(lw cache.ListerWatcher, example runtime.Object, resync time.Duration, indexers cache.Indexers) cache.SharedIndexInformer {
	w := &relistWatch{ListerWatcherWithContext: cache.ToListerWatcherWithContext(lw), relist: l.of(example), example: example.DeepCopyObject()}
	informer := cache.NewSharedIndexInformer(w, example, resync, indexers)
	w.store = informer.GetStore()
	return transformer{informer, w}
}

// transformer is an informer that transforms nothing twice. What a lastingWatch says is gone it has from the informer, as
// that has transformed it.
type transformer struct {
	cache.SharedIndexInformer
	watch *relistWatch
}

// SetTransform is part of cache.SharedInformer.
func (t transformer) SetTransform(transform cache.TransformFunc) error {
	if transform == nil {
		return t.SharedIndexInformer.SetTransform(nil)
	}
	t.watch.made = &sync.Map{}
	return t.SharedIndexInformer.SetTransform(func(o any) (any, error) {
		if _, made := t.watch.made.LoadAndDelete(o); made {
			return o, nil
		}
		return transform(o)
	})
}

func (l *Relists) of(example runtime.Object) *relist {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byType == nil {
		l.byType = map[reflect.Type]*relist{}
	}
	kind := reflect.TypeOf(example)
	if l.byType[kind] == nil {
		l.byType[kind] = &relist{}
	}
	return l.byType[kind]
}

// onList has a function called after each list of a kind, whose informer must not run yet.
func (l *Relists) onList(example runtime.Object, then func()) { l.of(example).then = then }

// relistWatch notes the revision of each list before its items become events.
type relistWatch struct {
	cache.ListerWatcherWithContext
	*relist
	example runtime.Object
	store   cache.Store // the informer's: what it has taken in
	made    *sync.Map   // objects that were made of those in the store; nil while nobody transforms any
}

// ListWithContext is part of cache.ListerWithContext. A reflector's first list may be as old as the API server
// likes ("0") and then comes in one piece. The newest is certain, and comes in the pages that are asked for, which takes
// little memory.
func (w *relistWatch) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	options.ResourceVersion = ""
	list, err := w.ListerWatcherWithContext.ListWithContext(ctx, options)
	if err != nil {
		return nil, err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return nil, err
	}
	if revision, err := strconv.ParseUint(accessor.GetResourceVersion(), 10, 64); err == nil {
		w.last.Store(revision)
	}
	if w.then != nil && accessor.GetContinue() == "" {
		w.then()
	}
	return list, nil
}

// List is part of cache.Lister.
func (w *relistWatch) List(options metav1.ListOptions) (runtime.Object, error) {
	return w.ListWithContext(context.Background(), options)
}

// Watch is part of cache.Watcher.
func (w *relistWatch) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return w.WatchWithContext(context.Background(), options)
}

// WatchWithContext is part of cache.WatcherWithContext. See lastingWatch.
func (w *relistWatch) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if options.ResourceVersion == "" || options.ResourceVersion == "0" {
		return w.ListerWatcherWithContext.WatchWithContext(ctx, options)
	}
	return w.lasting(ctx, options), nil
}

// IsWatchListSemanticsUnSupported keeps the reflector from streaming its lists through the watch, where
// they could not be told from changes.
func (w *relistWatch) IsWatchListSemanticsUnSupported() bool { return true }
