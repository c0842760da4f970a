package informer_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/internal/informer"
)

// server is an API server that fails as it is told to. A real one does not.
type server struct {
	mu       sync.Mutex
	objects  map[string]*corev1.ConfigMap
	events   []watch.Event
	revision int
	oldest   int // revision that a watch may begin at

	listError, nextPageError, watchError error
	emptyWatches                         bool // every watch ends at once, as client-go's does if it meets an EOF
	silent                               bool // the open watch delivers nothing
	expiryIsEvent                        bool // in an open watch, not an answer to the call

	lists   []metav1.ListOptions // that were begun
	calls   int                  // to list or watch
	watcher *watch.RaceFreeFakeWatcher
}

// start runs an informer of a server's objects until the test ends, which runs in a bubble of testing/synctest.
func start(t *testing.T, sources *informer.Sources, s *server) cache.SharedIndexInformer {
	t.Helper()
	return startResyncing(t, sources, s, 0)
}

// startResyncing is start with a resync period.
func startResyncing(t *testing.T, sources *informer.Sources, s *server, resync time.Duration) cache.SharedIndexInformer {
	t.Helper()
	lw := &cache.ListWatch{ListWithContextFunc: s.list, WatchFuncWithContext: s.watch}
	return run(t, sources.NewInformer(lw, &corev1.ConfigMap{}, resync, nil))
}

// run runs an informer until the test ends.
func run(t *testing.T, i cache.SharedIndexInformer) cache.SharedIndexInformer {
	t.Helper()
	// client-go's own handler sleeps until the time of its last error, which is not of the bubble.
	err := i.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { t.Log(err) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { i.RunWithContext(ctx) })
	t.Cleanup(func() { cancel(); ended.Wait() })
	synctest.Wait()
	return i
}

func newServer(keys ...string) *server {
	s := &server{objects: map[string]*corev1.ConfigMap{}}
	for _, key := range keys {
		s.create(key)
	}
	return s
}

func (s *server) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	return s.listIn(ctx, "", options)
}

// listIn lists the objects whose keys begin with prefix.
func (s *server) listIn(_ context.Context, prefix string, options metav1.ListOptions) (runtime.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	from, err := strconv.Atoi(cmp.Or(options.Continue, "0"))
	if err != nil {
		return nil, err
	}
	if from > 0 && s.nextPageError != nil {
		return nil, s.nextPageError
	}
	if from == 0 {
		if s.listError != nil {
			return nil, s.listError
		}
		s.lists = append(s.lists, options)
	}
	list := &corev1.ConfigMapList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(s.revision)}}
	names := slices.Sorted(maps.Keys(s.objects))
	names = slices.DeleteFunc(names, func(key string) bool { return !strings.HasPrefix(key, prefix) })[from:]
	if limit := int(options.Limit); limit > 0 && len(names) > limit {
		names, list.Continue = names[:limit], strconv.Itoa(from+limit)
	}
	for _, name := range names {
		list.Items = append(list.Items, *s.objects[name])
	}
	return list, nil
}

func (s *server) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	switch {
	case s.watchError != nil:
		return nil, s.watchError
	case s.emptyWatches:
		return watch.NewEmptyWatch(), nil
	}
	from, err := strconv.Atoi(options.ResourceVersion)
	if err != nil {
		return nil, err
	}
	watcher := watch.NewRaceFreeFake()
	s.watcher = watcher
	context.AfterFunc(ctx, func() { watcher.Error(&apierrors.NewInternalError(ctx.Err()).ErrStatus) }) // as client-go does
	if from < s.oldest {
		expired := apierrors.NewResourceExpired("too old resource version: " + options.ResourceVersion)
		if !s.expiryIsEvent {
			return nil, expired
		}
		s.watcher.Error(&expired.ErrStatus)
		return s.watcher, nil
	}
	s.silent = false
	for _, event := range s.events[from:] {
		s.watcher.Action(event.Type, event.Object.DeepCopyObject())
	}
	return s.watcher, nil
}

// create stores an object, whose event is the newest.
func (s *server) create(key string) {
	s.set(func() { s.add(key) })
}

// add creates an object, with the lock held. Each event has the revision of its place, from 1.
func (s *server) add(key string) {
	s.revision++
	o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: key, ResourceVersion: strconv.Itoa(s.revision)}}
	if namespace, name, found := strings.Cut(key, "/"); found {
		o.Namespace, o.Name = namespace, name
	}
	s.objects[key] = o
	s.events = append(s.events, watch.Event{Type: watch.Added, Object: o})
	if s.watcher != nil && !s.silent {
		s.watcher.Action(watch.Added, o.DeepCopy())
	}
}

// restart ends the watch, and forgets its events and one that it has not delivered.
func (s *server) restart() {
	s.set(func() {
		s.watcher.Stop()
		s.add("while-away")
		s.oldest = s.revision
	})
}

func (s *server) endWatch() {
	s.set(func() { s.watcher.Stop() })
}

// failWatch delivers an error, as a watch's last event.
func (s *server) failWatch(err *apierrors.StatusError) {
	s.set(func() { s.watcher.Error(&err.ErrStatus); s.watcher.Stop() })
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *server) listed() []metav1.ListOptions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lists)
}

func (s *server) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}
