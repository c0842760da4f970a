package informer

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/klog/v2"
)

// maxLoads bounds the namespaces that one watch reads at a time, because each holds a page. Two, because one may fail again
// and again.
const maxLoads = 2

// loads are the namespaces whose objects are being read whole for one open watch. Their events and the objects that are
// read go through that watch in one goroutine, so that each object's versions stay in order.
type loads struct {
	*openWatch
	pages   chan loadedPage
	changed <-chan struct{} // closed when there may be another namespace to read
	running map[string]*load
	failed  map[string]string // the last error of each namespace, which is not logged twice
}

// load is one of them.
type load struct {
	namespace string
	cancel    context.CancelFunc
	delivered map[string]uint64 // the revision of the newest event of each object since the load began
}

// loadedPage is a page of a namespace's objects, which were read at a revision.
type loadedPage struct {
	load     *load
	objects  []runtime.Object
	revision uint64
	isLast   bool
	failed   error // instead of the page
}

func newLoads(w *openWatch) *loads {
	return &loads{openWatch: w, pages: make(chan loadedPage), running: map[string]*load{}, failed: map[string]string{}}
}

// start begins to read namespaces that have a marker and are not whole. The map's order lets each have its turn.
func (l *loads) start(ctx context.Context) {
	if l.trimmer == nil {
		return
	}
	missing, changed := l.trimmer.missing()
	l.changed = changed
	for _, namespace := range missing {
		if l.running[namespace] != nil {
			continue
		}
		if len(l.running) == maxLoads {
			return
		}
		reading, cancel := context.WithCancel(ctx)
		l.running[namespace] = &load{namespace: namespace, cancel: cancel, delivered: map[string]uint64{}}
		go l.read(reading, l.running[namespace])
	}
}

// stop ends a load, after which another one may start.
func (l *loads) stop(of *load) {
	of.cancel()
	delete(l.running, of.namespace)
	next := make(chan struct{})
	close(next)
	l.changed = next
}

// read reads a namespace. If that fails, another namespace has its turn after a pause.
func (l *loads) read(ctx context.Context, of *load) {
	var options metav1.ListOptions
	var size pages
	for {
		page, err := l.readPage(ctx, of, &size, options)
		if err != nil {
			select {
			case <-time.After(retryInterval):
			case <-ctx.Done():
			}
			page.loadedPage = loadedPage{load: of, failed: err}
		}
		select {
		case l.pages <- page.loadedPage:
		case <-ctx.Done():
			return
		}
		if options.Continue = page.next; page.isLast || err != nil {
			return
		}
	}
}

// readPageResult is a page, and the token of the next.
type readPageResult struct {
	loadedPage
	next string
}

func (l *loads) readPage(ctx context.Context, of *load, size *pages, options metav1.ListOptions) (page readPageResult, err error) {
	attempt, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	list, err := size.list(attempt, options, func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return l.trimmer.list(ctx, of.namespace, options)
	})
	if err != nil {
		return page, err
	}
	about, err := meta.ListAccessor(list)
	if err != nil {
		return page, err
	}
	page.load, page.next, page.isLast = of, about.GetContinue(), about.GetContinue() == ""
	if page.revision, err = strconv.ParseUint(about.GetResourceVersion(), 10, 64); err != nil {
		return page, fmt.Errorf("reading the resourceVersion of a list: %w", err)
	}
	page.objects, err = meta.ExtractList(list)
	return page, err
}

// prepare trims the object of an event, and reports whether the reflector needs the event.
func (l *loads) prepare(event watch.Event) (revision uint64, isNeeded bool) {
	if l.marks != nil {
		l.marks.observe(l.listerWatcher, event)
	}
	o, err := meta.Accessor(event.Object)
	if err != nil || l.trimmer == nil {
		return 0, true
	}
	revision = revisionOf(o)
	if event.Type == watch.Bookmark {
		return revision, true
	}
	isOld, isTrimmed := l.trimmer.prepare(o, revision)
	if running := l.running[o.GetNamespace()]; running != nil {
		running.delivered[o.GetName()] = revision
		if isTrimmed {
			l.stop(running)
		}
	}
	return revision, !isOld
}

// inject gives the reflector the objects of a page, but not those of which it has had a later event. It reports whether
// the watch is still open.
func (l *loads) inject(ctx context.Context, page loadedPage) bool {
	of := page.load
	if l.running[of.namespace] != of {
		return true
	}
	if page.failed != nil {
		l.logFailure(ctx, of.namespace, page.failed)
	}
	if page.failed != nil || !l.trimmer.marks.has(of.namespace) {
		l.stop(of)
		return true
	}
	l.source.update(func() {
		l.source.listRevisions[of.namespace] = max(l.source.listRevisions[of.namespace], page.revision)
	})
	for _, object := range page.objects {
		o, err := meta.Accessor(object)
		if err != nil || of.delivered[o.GetName()] >= revisionOf(o) {
			continue
		}
		l.trimmer.setLoaded(o, revisionOf(o), page.revision)
		if !l.send(ctx, watch.Event{Type: watch.Modified, Object: object}) {
			return false
		}
	}
	if page.isLast {
		delete(l.failed, of.namespace)
		l.trimmer.setWhole(of.namespace)
		l.stop(of)
	}
	return true
}

func (l *loads) logFailure(ctx context.Context, namespace string, err error) {
	if l.failed[namespace] == err.Error() {
		return
	}
	l.failed[namespace] = err.Error()
	klog.FromContext(ctx).Info("Reading the objects of a new directory failed and is retried", "kind", l.kind, "namespace", namespace, "err", err)
}

// revisionOf returns the resourceVersion of an object as a number; 0 if it has none.
func revisionOf(o metav1.Object) uint64 {
	revision, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}
