package informer

import (
	"context"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	// retryInterval is the pause after a failed call. Some ten kinds of three replicas are then some sixty requests a
	// second, which a starting API server refuses at little cost.
	retryInterval = 500 * time.Millisecond
	// pageTimeout bounds one attempt to list a page, because a connection can fall silent. A page takes far less than a
	// second, and an API server itself gives up after a minute.
	pageTimeout = 30 * time.Second
)

// listerWatcher makes the list and watch calls of one informer.
type listerWatcher struct {
	source *Source
	api    cache.ListerWatcherWithContext
	kind   string // for the log

	marks   *marks   // nil unless these are the markers
	trimmer *trimmer // nil unless the objects are trimmed
	// markers are the namespaces of the markers that the list in progress has shown, and pages the size of its pages.
	markers map[string]bool
	pages   pages

	// The Source's mutex guards these.
	failingSince time.Time       // zero while nothing fails
	open         context.Context //nolint:containedctx // of the present watch; it has ended if none is open
	endOpen      context.CancelFunc
}

// IsWatchListSemanticsUnSupported keeps the reflector from streaming its lists through the watch, because listed objects
// could not be told from watched events there.
func (l *listerWatcher) IsWatchListSemanticsUnSupported() bool { return true }

// list returns a page of the newest list. A reflector may ask for an older one, which comes in one piece.
//
// If the list expires between two pages, the pager would ask for all of it in one piece and take what it gets as the
// whole. The error that list returns does not show as an expiry, so that the reflector begins with the first page.
func (l *listerWatcher) list(ctx context.Context, options metav1.ListOptions) (page runtime.Object, err error) {
	options.ResourceVersion, options.ResourceVersionMatch = "", ""
	if options.Continue == "" {
		if err := l.beginList(ctx); err != nil {
			return nil, err
		}
	}
	err = l.retry(ctx, func() (err error) {
		attempt, cancel := context.WithTimeout(ctx, pageTimeout)
		defer cancel()
		page, err = l.pages.list(attempt, options, l.api.ListWithContext)
		return err
	})
	switch {
	case err != nil && options.Continue != "":
		return nil, fmt.Errorf("listing the next page: %v", err) //nolint:errorlint // see above
	case err != nil:
		return nil, err
	}
	return page, l.recordPage(page)
}

// beginList prepares for the first page of a list.
func (l *listerWatcher) beginList(ctx context.Context) error {
	l.markers, l.pages = map[string]bool{}, pages{}
	if l.trimmer != nil {
		return l.trimmer.beginList(ctx)
	}
	return nil
}

// endList follows the last page of a list.
func (l *listerWatcher) endList(revision uint64) {
	if l.marks != nil {
		l.marks.replace(l, l.markers)
	}
	if l.trimmer != nil {
		l.trimmer.endList(revision)
	}
	l.succeed()
}

func (l *listerWatcher) recordPage(page runtime.Object) error {
	list, err := meta.ListAccessor(page)
	if err != nil {
		return err
	}
	revision, err := strconv.ParseUint(list.GetResourceVersion(), 10, 64)
	if err != nil {
		return fmt.Errorf("reading the resourceVersion of a list: %w", err)
	}
	l.source.update(func() {
		err = meta.EachListItem(page, func(item runtime.Object) error {
			o, err := meta.Accessor(item)
			if err == nil {
				l.source.listRevisions[o.GetNamespace()] = revision
				l.markers[o.GetNamespace()] = true
			}
			return err
		})
	})
	if err == nil && l.trimmer != nil {
		err = l.trimmer.trimPage(page)
	}
	if err == nil && list.GetContinue() == "" {
		l.endList(revision)
	}
	return err
}

// watch opens a watch, and retries until it is open.
func (l *listerWatcher) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	w := &openWatch{listerWatcher: l, events: make(chan watch.Event)}
	ctx, w.stop = context.WithCancel(ctx)
	if l.trimmer != nil {
		options.ResourceVersion = strconv.FormatUint(l.trimmer.resumeAt(), 10)
	}
	var open context.Context
	err := l.retry(ctx, func() (err error) {
		attempt, end := context.WithCancel(ctx)
		l.source.update(func() { l.open, l.endOpen = attempt, end })
		if w.from, err = l.api.WatchWithContext(attempt, options); err != nil {
			end()
		}
		open = attempt
		return err
	})
	if err != nil {
		w.stop()
		return nil, err
	}
	go w.run(ctx, open)
	return w, nil
}

// retry repeats a call until it succeeds, the context ends, or only a new list can help.
func (l *listerWatcher) retry(ctx context.Context, call func() error) error {
	logged := ""
	for {
		began := time.Now()
		err := call()
		if err == nil || ctx.Err() != nil {
			return err
		}
		l.fail(began)
		if needsList(err) {
			return err
		}
		if message := err.Error(); message != logged {
			klog.FromContext(ctx).Info("List or watch failed and is retried until it succeeds", "kind", l.kind, "err", err)
			logged = message
		}
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fail records a failure, unless there has been no success since an earlier one.
func (l *listerWatcher) fail(at time.Time) {
	l.source.update(func() {
		if l.failingSince.IsZero() {
			l.failingSince = at
		}
	})
}

func (l *listerWatcher) succeed() { l.source.update(func() { l.failingSince = time.Time{} }) }

// needsList reports whether the same call would fail again: its revision is too old or too new, or its continue token
// is not valid any more.
func needsList(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.IsBadRequest(err) ||
		apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)
}
