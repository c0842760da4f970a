package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// retryInterval is between attempts to list that an API server does not answer, up to twice that.
	retryInterval = 500 * time.Millisecond
	// pageTimeout bounds the wait for one page of a list.
	pageTimeout = 15 * time.Second
	// drainTimeout is far more than an informer takes to take in what it was told.
	drainTimeout = 10 * time.Second
	drainPoll    = 5 * time.Millisecond
)

// relistBackoff is between two lists of everything, which cost an API server what its watches save: for one that starts
// again and again. It begins anew every relistReset. client-go's goes on to a minute, in which nobody's leave would be heard of.
var relistBackoff = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 5 * time.Second}

const relistReset = 2 * time.Minute

// lastingWatch is a watch that does not end before it is stopped. One that breaks is taken up again where it broke, within a
// second. Where the API server does not know any more what came after that, as when it has restarted, everything is
// listed, and what is not as the informer has it becomes events: in the order of revisions, as far as a list tells, and
// whoever is gone last. So the informer does not list for a second time by itself, before which it would wait for up to a
// minute.
type lastingWatch struct {
	*relistWatch
	seconds  *int64 // how long the API server is to have a watch open
	revision string // of the newest event
	last     told   // of an object
	events   chan watch.Event
	cancel   context.CancelFunc
}

// told is an event that was handed on.
type told struct {
	cache.ObjectName
	revision string
	gone     bool
}

func (w *relistWatch) lasting(ctx context.Context, options metav1.ListOptions) *lastingWatch {
	ctx, cancel := context.WithCancel(ctx)
	l := &lastingWatch{relistWatch: w, seconds: options.TimeoutSeconds, revision: options.ResourceVersion, events: make(chan watch.Event), cancel: cancel}
	go l.run(ctx)
	return l
}

// ResultChan is part of watch.Interface.
func (l *lastingWatch) ResultChan() <-chan watch.Event { return l.events }

// Stop is part of watch.Interface.
func (l *lastingWatch) Stop() { l.cancel() }

func (l *lastingWatch) run(ctx context.Context) {
	defer l.cancel()
	defer close(l.events)
	backoff := relistBackoff.DelayWithReset(clock.RealClock{}, relistReset)
	for {
		l.follow(ctx)
		for pause := backoff(); ; {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			begun, err := l.catchUp(ctx)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return
			}
			klog.FromContext(ctx).Error(err, "Failed to list anew", "type", fmt.Sprintf("%T", l.example))
			if errors.Is(err, errNotTakenIn) { // then the reflector had better list by itself
				l.send(ctx, watch.Event{Type: watch.Error, Object: &apierrors.NewResourceExpired(err.Error()).ErrStatus})
				return
			}
			if pause = wait.Jitter(retryInterval, 1); begun {
				pause = backoff()
			}
		}
	}
}

// follow passes on what happens after the revision, until the watch cannot be taken up again, or is given up.
func (l *lastingWatch) follow(ctx context.Context) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	retried, err := toolswatch.NewRetryWatcherWithContext(watching, l.revision, &outspoken{ListerWatcherWithContext: l.ListerWatcherWithContext, seconds: l.seconds})
	if err != nil {
		return
	}
	l.open.Store(&cancel)
	defer l.open.CompareAndSwap(&cancel, nil)
	for event := range retried.ResultChan() {
		if event.Type == watch.Error || !l.send(ctx, event) {
			return
		}
	}
}

// send hands on an event, whose object is the informer's from then on, and notes what it was.
func (l *lastingWatch) send(ctx context.Context, event watch.Event) bool {
	revision, last := l.revision, l.last
	if o, err := meta.Accessor(event.Object); err == nil {
		revision = o.GetResourceVersion()
		if event.Type != watch.Bookmark {
			last = told{cache.MetaObjectToName(o), revision, event.Type == watch.Deleted}
		}
	}
	select {
	case l.events <- event:
		l.revision, l.last = revision, last
		return true
	case <-ctx.Done():
		return false
	}
}

// catchUp lists, and makes events of what differs from what the informer has. Begun says that there was a page of the list.
func (l *lastingWatch) catchUp(ctx context.Context) (begun bool, err error) {
	if err := l.drained(ctx); err != nil {
		return false, err
	}
	listed, revision := map[string]bool{}, ""
	list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		ctx, cancel := context.WithTimeout(ctx, pageTimeout)
		defer cancel()
		page, err := l.ListWithContext(ctx, options)
		if accessor, noList := meta.ListAccessor(page); err == nil && noList == nil {
			revision = accessor.GetResourceVersion()
		}
		return page, err
	}
	var changes []watch.Event
	err = pager.New(list).EachListItemWithAlloc(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		key, err := cache.MetaNamespaceKeyFunc(o)
		if err != nil {
			return err
		}
		listed[key] = true
		more, err := l.changes(key, o)
		changes = append(changes, more...)
		return err
	})
	if err != nil {
		return len(listed) > 0, err
	}
	slices.SortStableFunc(changes, func(a, b watch.Event) int { return cmp.Compare(revisionIn(a.Object), revisionIn(b.Object)) })
	for _, had := range l.store.List() {
		key, err := cache.MetaNamespaceKeyFunc(had)
		if err != nil {
			return true, err
		}
		if o, ok := had.(runtime.Object); ok && !listed[key] {
			changes = append(changes, watch.Event{Type: watch.Deleted, Object: copyAt(revision, o)})
		}
	}
	klog.FromContext(ctx).Info("Listed anew, for the watch could not be taken up again", "type", fmt.Sprintf("%T", l.example),
		"objects", len(listed), "changes", len(changes))
	for _, change := range append(changes, watch.Event{Type: watch.Bookmark, Object: copyAt(revision, l.example)}) {
		if change.Type == watch.Deleted && l.made != nil { // it has been through the informer's transform, and is not to be again
			l.made.Store(change.Object, nil)
		}
		if !l.send(ctx, change) {
			return true, context.Cause(ctx)
		}
	}
	return true, nil
}

// changes are the events that make the informer have an object as it is listed. One that was deleted and made again under
// the same name is two objects.
func (l *lastingWatch) changes(key string, o runtime.Object) ([]watch.Event, error) {
	stored, found, err := l.store.GetByKey(key)
	if err != nil || !found {
		return []watch.Event{{Type: watch.Added, Object: o}}, err
	}
	had, ok1 := stored.(client.Object)
	is, ok2 := o.(client.Object)
	switch {
	case !ok1 || !ok2:
		return nil, fmt.Errorf("%s is a %T, and was a %T", key, o, stored)
	case had.GetUID() != is.GetUID():
		return []watch.Event{{Type: watch.Deleted, Object: copyAt(is.GetResourceVersion(), had)}, {Type: watch.Added, Object: o}}, nil
	case had.GetResourceVersion() != is.GetResourceVersion():
		return []watch.Event{{Type: watch.Modified, Object: o}}, nil
	}
	return nil, nil
}

// errNotTakenIn is a matter of the informer.
var errNotTakenIn = errors.New("the informer has not taken in what it was told")

// drained waits until the informer has taken in all that it was told: whoever is on the way to it would not be missed in a
// list. What it was told last is there when all is.
func (l *lastingWatch) drained(ctx context.Context) error {
	revision, err := strconv.ParseUint(l.revision, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: revision %q", errNotTakenIn, l.revision)
	}
	err = wait.PollUntilContextTimeout(ctx, drainPoll, drainTimeout, true, func(context.Context) (bool, error) {
		has, err := strconv.ParseUint(l.store.LastStoreSyncResourceVersion(), 10, 64)
		return err == nil && has >= revision && l.has(l.last), nil // no revision yet, before the first list is there
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: has revision %q, not %d", errNotTakenIn, l.store.LastStoreSyncResourceVersion(), revision)
	}
	return err
}

// has reports whether the informer has taken in the event that it was told last.
func (l *lastingWatch) has(last told) bool {
	stored, there, err := l.store.GetByKey(last.String())
	if err != nil || !there || last.gone {
		return err == nil && !there && (last.gone || last == told{})
	}
	o, err := meta.Accessor(stored)
	return err == nil && o.GetResourceVersion() == last.revision
}

// copyAt is a copy of an object, of a revision.
func copyAt(revision string, o runtime.Object) runtime.Object {
	o = o.DeepCopyObject()
	if accessor, err := meta.Accessor(o); err == nil {
		accessor.SetResourceVersion(revision)
	}
	return o
}

// revisionIn is that of an object; 0 if it is none.
func revisionIn(o any) uint64 {
	if o, ok := o.(client.Object); ok {
		return revisionOf(o)
	}
	return 0
}

// mostFailures is how many watches in a row may end in an internal error, with nothing told: one may be that of a lost
// connection, and more are of an event that cannot be told.
const mostFailures = 5

// outspoken has a RetryWatcher end where it would ask for ever for what it cannot have: when an answer says that its
// revision has expired, and not an event as is usual, and after mostFailures. And it has one go on, from the revision that
// it has come to, where it would end: an API server that has just started refuses everybody. It has each watch end after
// a time, as the reflector wants it: a RetryWatcher has them as long as the API server likes, which may be an hour, and
// one that has gone deaf as well.
type outspoken struct {
	cache.ListerWatcherWithContext
	seconds  *int64
	failures atomic.Int32
}

// WatchWithContext is part of cache.WatcherWithContext.
func (w *outspoken) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.TimeoutSeconds = w.seconds
	watcher, err := w.ListerWatcherWithContext.WatchWithContext(ctx, options)
	switch {
	case err == nil:
		return w.listen(watcher), nil
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		events := make(chan watch.Event, 1)
		events <- watch.Event{Type: watch.Error, Object: &apierrors.NewResourceExpired(err.Error()).ErrStatus}
		return watch.NewProxyWatcher(events), nil
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return nil, fmt.Errorf("refused: %v", err) //nolint:errorlint // or a RetryWatcher would know it for what it is
	}
	return nil, err
}

// listen passes a watch on; watch.Filter would not end when nobody takes what it has.
func (w *outspoken) listen(watcher watch.Interface) watch.Interface {
	events := make(chan watch.Event)
	passed := watch.NewProxyWatcher(events)
	go func() {
		defer close(events)
		defer watcher.Stop()
		for {
			select {
			case event, open := <-watcher.ResultChan():
				if !open {
					return
				}
				select {
				case events <- w.expire(event):
				case <-passed.StopChan():
					return
				}
			case <-passed.StopChan():
				return
			}
		}
	}()
	return passed
}

// expire makes the last of too many failures an expired revision.
func (w *outspoken) expire(event watch.Event) watch.Event {
	if event.Type != watch.Error {
		w.failures.Store(0)
		return event
	}
	if err := apierrors.FromObject(event.Object); apierrors.IsInternalError(err) && w.failures.Add(1) >= mostFailures {
		event.Object = &apierrors.NewResourceExpired(err.Error()).ErrStatus
	}
	return event
}
