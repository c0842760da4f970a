package directory

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

// Relists remembers, for each kind, the revision of the last list that its informer was built from. A
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
	deaf atomic.Bool                        // one was given up, and no list has been begun since
}

// watch is a way to give up the watch that is open, for a list and a watch anew. It reports whether it did: not when there
// is none, for then a list is under way, nor when that watch has ended meanwhile.
func (l *relist) watch() (giveUp func() bool) {
	end := l.open.Load()
	return func() bool {
		if end == nil || !l.open.CompareAndSwap(end, nil) {
			return false
		}
		l.deaf.Store(true)
		(*end)()
		return true
	}
}

// NewInformer is cache.NewSharedIndexInformer, its lists watched.
func (l *Relists) NewInformer(lw cache.ListerWatcher, example runtime.Object, resync time.Duration, indexers cache.Indexers) cache.SharedIndexInformer {
	return cache.NewSharedIndexInformer(&relistWatch{
		ListerWatcherWithContext: cache.ToListerWatcherWithContext(lw),
		relist:                   l.of(example),
	}, example, resync, indexers)
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
}

// ListWithContext is part of cache.ListerWithContext. A reflector's first list may be as old as the API server
// likes ("0") and then comes in one piece, and later ones as old as the last event. The newest is certain, and the
// first comes in the pages that the reflector asks for, which takes little memory.
func (w *relistWatch) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	options.ResourceVersion = ""
	w.deaf.Store(false)
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

// errDeaf has the reflector list.
var errDeaf = apierrors.NewResourceExpired("the watch has gone deaf")

// WatchWithContext is part of cache.WatcherWithContext. A watch that ends is taken up again where it ended,
// within a second: a reflector would wait up to half a minute where many have ended, and list again.
func (w *relistWatch) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if w.deaf.Load() {
		return nil, errDeaf
	}
	if options.ResourceVersion == "" || options.ResourceVersion == "0" {
		return w.ListerWatcherWithContext.WatchWithContext(ctx, options)
	}
	ctx, cancel := context.WithCancel(ctx)
	watching, err := toolswatch.NewRetryWatcherWithContext(ctx, options.ResourceVersion,
		outspoken{w.ListerWatcherWithContext, options.TimeoutSeconds})
	if err != nil {
		cancel()
		return nil, err
	}
	w.open.Store(&cancel)
	go func() {
		<-watching.Done()
		w.open.CompareAndSwap(&cancel, nil)
		cancel()
	}()
	return watching, nil
}

// outspoken sees to it that the reflector, which would list anew, hears why a watch cannot be had. Where an answer says
// that its revision has expired, and not an event as is usual, a RetryWatcher asks for that revision for ever; and it
// knows a refusal only where nothing is wrapped around it. It has each watch end after a time, as the reflector wants
// it: a RetryWatcher has them as long as the API server likes, which may be an hour, and one that has gone deaf as well.
type outspoken struct {
	cache.ListerWatcherWithContext
	seconds *int64
}

// WatchWithContext is part of cache.WatcherWithContext.
func (w outspoken) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.TimeoutSeconds = w.seconds
	watcher, err := w.ListerWatcherWithContext.WatchWithContext(ctx, options)
	var answer *apierrors.StatusError
	if !errors.As(err, &answer) {
		return watcher, err
	}
	if !apierrors.IsResourceExpired(answer) && !apierrors.IsGone(answer) {
		return watcher, answer
	}
	events := make(chan watch.Event, 1)
	events <- watch.Event{Type: watch.Error, Object: &answer.ErrStatus}
	return watch.NewProxyWatcher(events), nil
}

// IsWatchListSemanticsUnSupported keeps the reflector from streaming its lists through the watch, where
// they could not be told from changes.
func (w *relistWatch) IsWatchListSemanticsUnSupported() bool { return true }
