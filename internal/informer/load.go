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

// loadPageSize is small, because a page of the heaviest objects takes some 60 MB while it is decoded.
const loadPageSize = 100

// loads are the namespaces whose objects are being read whole for one open watch. Their events and the objects that are
// read go through that watch in one goroutine, so that each object's versions stay in order.
type loads struct {
	*openWatch
	pages   chan loadedPage
	changed <-chan struct{} // closed when a namespace gets or loses its marker
	running map[string]*load
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
}

func newLoads(w *openWatch) *loads {
	return &loads{openWatch: w, pages: make(chan loadedPage), running: map[string]*load{}}
}

// start begins to read the namespaces that have a marker and are not whole.
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
		reading, cancel := context.WithCancel(ctx)
		l.running[namespace] = &load{namespace: namespace, cancel: cancel, delivered: map[string]uint64{}}
		go l.read(reading, l.running[namespace])
	}
}

func (l *loads) stop(of *load) {
	of.cancel()
	delete(l.running, of.namespace)
}

// read reads a namespace, and begins again if it fails.
func (l *loads) read(ctx context.Context, of *load) {
	for {
		err := l.readPages(ctx, of)
		if err == nil || ctx.Err() != nil {
			return
		}
		klog.FromContext(ctx).Info("Reading the objects of a new directory failed and is retried", "kind", l.kind, "namespace", of.namespace, "err", err)
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
			return
		}
	}
}

func (l *loads) readPages(ctx context.Context, of *load) error {
	options := metav1.ListOptions{Limit: loadPageSize}
	for {
		page, err := l.readPage(ctx, of, options)
		if err != nil {
			return err
		}
		if options.Continue = page.next; options.Continue == "" {
			page.isLast = true
		}
		select {
		case l.pages <- page.loadedPage:
		case <-ctx.Done():
			return ctx.Err()
		}
		if page.isLast {
			return nil
		}
	}
}

// readPageResult is a page, and the token of the next.
type readPageResult struct {
	loadedPage
	next string
}

func (l *loads) readPage(ctx context.Context, of *load, options metav1.ListOptions) (page readPageResult, err error) {
	attempt, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	list, err := l.trimmer.list(attempt, of.namespace, options)
	if err != nil {
		return page, err
	}
	about, err := meta.ListAccessor(list)
	if err != nil {
		return page, err
	}
	page.load, page.next = of, about.GetContinue()
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
	if !l.trimmer.marks.has(of.namespace) {
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
		l.trimmer.setWhole(of.namespace)
		l.stop(of)
	}
	return true
}

// revisionOf returns the resourceVersion of an object as a number; 0 if it has none.
func revisionOf(o metav1.Object) uint64 {
	revision, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}
