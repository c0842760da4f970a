package informer

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
)

// endWatchInterval is the shortest time between two watches that EndWatch ends, so that slow events do not make a kind
// watch again and again.
const endWatchInterval = 30 * time.Second

// Sources keeps, for each kind, what the list and watch calls of its informers have met. The zero value can be used.
// Its methods are safe for concurrent use.
type Sources struct {
	// Trimming, if not nil, says of which objects the informers keep only a part.
	Trimming *Trimming

	mu     sync.Mutex
	byType map[reflect.Type]*Source
	marks  *marks
}

// NewInformer returns a shared informer whose list and watch calls are retried in place and recorded. It fits
// cache.Options.NewInformer of controller-runtime. Kinds that are trimmed have no resync.
func (s *Sources) NewInformer(lw cache.ListerWatcher, example runtime.Object, resync time.Duration, indexers cache.Indexers) cache.SharedIndexInformer {
	l := &listerWatcher{source: s.Of(example), api: cache.ToListerWatcherWithContext(lw), kind: fmt.Sprintf("%T", example)}
	s.trim(l, example)
	if l.trimmer != nil {
		// An object that is read whole later keeps its resourceVersion. An informer takes that for a resync, and does not
		// tell the handlers that were not due for the last one. Without resyncs it tells all.
		resync = 0
	}
	l.source.update(func() { l.source.informers = append(l.source.informers, l) })
	calls := &cache.ListWatch{ListWithContextFunc: l.list, WatchFuncWithContext: l.watch}
	return cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(calls, l), example, resync, indexers)
}

// trim prepares an informer whose objects are trimmed, or are the markers.
func (s *Sources) trim(l *listerWatcher, example runtime.Object) {
	if s.Trimming == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marks == nil {
		s.marks = newMarks()
	}
	if s.Trimming.isMarker(example) {
		l.marks = s.marks
		l.marks.replace(l, nil)
	}
	if s.Trimming.trims(example) {
		l.trimmer = &trimmer{Trimming: s.Trimming, marks: s.marks, example: example, whole: map[string]bool{}}
	}
}

// Of returns the Source of the example's Go type. The informers of several namespaces share it.
func (s *Sources) Of(example runtime.Object) *Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := reflect.TypeOf(example)
	if source, found := s.byType[kind]; found {
		return source
	}
	if s.byType == nil {
		s.byType = map[reflect.Type]*Source{}
	}
	s.byType[kind] = &Source{listRevisions: map[string]uint64{}}
	return s.byType[kind]
}

// Source is where the informers of one kind get their objects from.
type Source struct {
	mu            sync.Mutex
	informers     []*listerWatcher
	listRevisions map[string]uint64 // by namespace
	watchEnded    time.Time         // by EndWatch
}

// Failing returns for how long the kind has been without a working list or watch: since the first failed attempt, or
// since the last watch ended. A list ends that time with its last page, a watch when it has been open for a second. Of
// several informers the longest time counts. Failing returns 0 if nothing has failed.
func (c *Source) Failing() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	longest := time.Duration(0)
	for _, l := range c.informers {
		if !l.failingSince.IsZero() {
			longest = max(longest, time.Since(l.failingSince))
		}
	}
	return longest
}

// ListRevision returns the resourceVersion of the newest list that had objects of a namespace, 0 if none had. An event of
// that namespace with a greater one was watched. It is set before the objects of that list reach the informer. Each
// namespace has its own, because each may have its own informer, and a list of one says nothing about the watch of another.
func (c *Source) ListRevision(namespace string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listRevisions[namespace]
}

// IsWhole reports whether the informers of the kind have been given the objects of a namespace whole. Objects that were
// trimmed before may still be on their way to the event handlers.
func (c *Source) IsWhole(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	isWhole := len(c.informers) == 0
	for _, l := range c.informers {
		isWhole = isWhole || l.trimmer == nil || l.trimmer.isWhole(namespace)
	}
	return isWhole
}

// EndWatch ends the open watches of the kind, so that each reflector watches again from the last event that it has
// seen. It reports whether it ended one: not if none is open, and not within 30 s of the last time.
func (c *Source) EndWatch() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.watchEnded.IsZero() && time.Since(c.watchEnded) < endWatchInterval {
		return false
	}
	ended := false
	for _, l := range c.informers {
		if l.open != nil && l.open.Err() == nil {
			l.endOpen()
			ended = true
		}
	}
	if ended {
		c.watchEnded = time.Now()
	}
	return ended
}

// update makes a change with the mutex held.
func (c *Source) update(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}
