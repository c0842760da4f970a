package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	// retryInterval is between attempts that an API server refuses or does not answer, up to twice that.
	retryInterval = 500 * time.Millisecond
	// drainTimeout is far more than an informer takes to hand on what it has been told.
	drainTimeout = 10 * time.Second
	drainPoll    = 5 * time.Millisecond
)

// relistBackoff is between two lists of everything, which cost an API server what its watches save: for one that starts
// again and again. It begins anew after relistCalm. client-go's ends at a minute, in which nobody's leave would be heard of.
var relistBackoff = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 5 * time.Second}

const relistCalm = 2 * time.Minute

// lastingWatch is a watch that does not end before it is stopped. One that breaks is taken up again where it broke, within a
// second. Where the API server does not know any more what came after that, as when it has restarted, everything is
// listed, and what is not as the informer has it becomes events: in the order of revisions, as far as a list tells, and
// whoever is gone last. So the informer never lists for a second time by itself, before which it would wait for up to a
// minute.
type lastingWatch struct {
	*relistWatch
	seconds  *int64 // how long the API server is to have a watch open
	revision string // of the newest event
	events   chan watch.Event
	cancel   context.CancelFunc
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
	pause := relistBackoff.DelayWithReset(clock.RealClock{}, relistCalm)
	for ctx.Err() == nil {
		why := l.follow(ctx)
		if isRefusal(why) { // it may be too early for an API server that has just started
			sleep(ctx, wait.Jitter(retryInterval, 1))
			continue
		}
		for sleep(ctx, pause()); ctx.Err() == nil; sleep(ctx, wait.Jitter(retryInterval, 1)) {
			if why = l.catchUp(ctx); why == nil {
				break
			}
			klog.FromContext(ctx).Error(why, "Failed to list anew", "type", fmt.Sprintf("%T", l.example))
		}
	}
}

func isRefusal(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// follow passes on what happens after the revision, until the watch cannot be taken up again, or is given up.
func (l *lastingWatch) follow(ctx context.Context) error {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	retried, err := toolswatch.NewRetryWatcherWithContext(watching, l.revision, outspoken{l.ListerWatcherWithContext, l.seconds})
	if err != nil {
		return err
	}
	l.open.Store(&cancel)
	defer l.open.CompareAndSwap(&cancel, nil)
	for event := range retried.ResultChan() {
		if event.Type == watch.Error {
			return apierrors.FromObject(event.Object)
		}
		if !l.send(ctx, event) {
			break
		}
	}
	return nil
}

// send hands on an event, whose object is the informer's from then on, and notes its revision.
func (l *lastingWatch) send(ctx context.Context, event watch.Event) bool {
	o, err := meta.Accessor(event.Object)
	if err != nil {
		return false
	}
	revision := o.GetResourceVersion()
	select {
	case l.events <- event:
		l.revision = revision
		return true
	case <-ctx.Done():
		return false
	}
}

// catchUp lists, and makes events of what differs from what the informer has.
func (l *lastingWatch) catchUp(ctx context.Context) error {
	if err := l.drained(ctx); err != nil {
		return err
	}
	listed, revision := map[string]bool{}, ""
	list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page, err := l.ListWithContext(ctx, options)
		if accessor, noList := meta.ListAccessor(page); err == nil && noList == nil {
			revision = accessor.GetResourceVersion()
		}
		return page, err
	}
	var changes []watch.Event
	err := pager.New(list).EachListItemWithAlloc(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		key, err := cache.MetaNamespaceKeyFunc(o)
		if err != nil {
			return err
		}
		listed[key] = true
		had, found, err := l.store.GetByKey(key)
		switch {
		case err != nil:
			return err
		case !found:
			changes = append(changes, watch.Event{Type: watch.Added, Object: o})
		case revisionIn(o) != revisionIn(had):
			changes = append(changes, watch.Event{Type: watch.Modified, Object: o})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(changes, func(a, b watch.Event) int { return cmp.Compare(revisionIn(a.Object), revisionIn(b.Object)) })
	for _, had := range l.store.List() {
		key, err := cache.MetaNamespaceKeyFunc(had)
		if err != nil {
			return err
		}
		if gone, ok := had.(runtime.Object); ok && !listed[key] {
			changes = append(changes, watch.Event{Type: watch.Deleted, Object: asOf(revision, gone)})
		}
	}
	for _, change := range append(changes, watch.Event{Type: watch.Bookmark, Object: asOf(revision, l.example)}) {
		if !l.send(ctx, change) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// drained waits until the informer has handed on all that it was told.
func (l *lastingWatch) drained(ctx context.Context) error {
	told, err := strconv.ParseUint(l.revision, 10, 64)
	if err != nil {
		return fmt.Errorf("a watch of %T at revision %q: %w", l.example, l.revision, err)
	}
	err = wait.PollUntilContextTimeout(ctx, drainPoll, drainTimeout, true, func(context.Context) (bool, error) {
		has, err := strconv.ParseUint(l.store.LastStoreSyncResourceVersion(), 10, 64)
		return err == nil && has >= told, nil // none yet, before the first list is there
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the informer of %T has %q, and was told of revision %d: %w", l.example, l.store.LastStoreSyncResourceVersion(), told, err)
	}
	return err
}

// asOf is a copy of an object, as of a revision.
func asOf(revision string, o runtime.Object) runtime.Object {
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

// outspoken sees to it that one hears why a watch cannot be had. Where an answer says that its revision has expired, and
// not an event as is usual, a RetryWatcher asks for that revision for ever; and it knows a refusal only where nothing is
// wrapped around it. It has each watch end after a time, as the reflector wants it: a RetryWatcher has them as long as the
// API server likes, which may be an hour, and one that has gone deaf as well.
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
