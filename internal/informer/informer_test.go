package informer_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/internal/informer"
)

// retryInterval is the longest pause between two attempts.
const retryInterval = 500 * time.Millisecond

// passing are the errors of an API server that is away, overloaded or has just started.
var passing = map[string]error{
	"connection refused": fmt.Errorf("dial tcp: %w", syscall.ECONNREFUSED),
	"EOF":                io.ErrUnexpectedEOF,
	"429":                apierrors.NewTooManyRequests("overloaded", 1),
	"500":                apierrors.NewInternalError(errors.New("etcdserver: leader changed")),
	"503":                apierrors.NewServiceUnavailable("starting"),
	"504":                apierrors.NewTimeoutError("etcd is slow", 1),
	"401":                apierrors.NewUnauthorized("not yet"),
	"403":                fmt.Errorf("%w - error from a previous attempt: EOF", apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "", nil)),
	"404":                apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, ""),
}

// forEachPassingError runs a test for each of the errors.
func forEachPassingError(t *testing.T, test func(t *testing.T, err error)) {
	t.Helper()
	for name, err := range passing {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, err) })
		})
	}
}

func sourceOf(sources *informer.Sources) *informer.Source { return sources.Of(&corev1.ConfigMap{}) }

func expectFailing(t *testing.T, source *informer.Source, atLeast, atMost time.Duration) {
	t.Helper()
	if failing := source.Failing(); failing < atLeast || failing > atMost {
		t.Errorf("failing for %s, not %s to %s", failing, atLeast, atMost)
	}
}

func expectKeys(t *testing.T, i cache.SharedIndexInformer, want ...string) {
	t.Helper()
	keys := i.GetStore().ListKeys()
	for _, key := range want {
		if !slices.Contains(keys, key) {
			t.Fatalf("%s is not there", key)
		}
	}
	if len(keys) != len(want) {
		t.Errorf("the informer has %d objects, not %d", len(keys), len(want))
	}
}

func expectLists(t *testing.T, s *server, want int) {
	t.Helper()
	if lists := len(s.listed()); lists != want {
		t.Errorf("%d lists, not %d", lists, want)
	}
}

// after lets the bubble's time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestListIsRetriedInPlace(t *testing.T) {
	forEachPassingError(t, func(t *testing.T, err error) {
		s, sources := newServer("a"), &informer.Sources{}
		s.listError = err
		i := start(t, sources, s)
		after(10 * time.Minute)
		expectFailing(t, sourceOf(sources), 10*time.Minute, 10*time.Minute)
		if calls, want := s.called(), int(10*time.Minute/retryInterval); calls < want || calls > want+1 {
			t.Errorf("%d calls, not %d", calls, want)
		}
		s.set(func() { s.listError = nil })
		after(retryInterval)
		expectFailing(t, sourceOf(sources), 0, 0)
		expectKeys(t, i, "a")
		if revision := sourceOf(sources).ListRevision(""); revision != 1 {
			t.Errorf("listed at %d", revision)
		}
	})
}

func TestWatchIsRetriedInPlace(t *testing.T) {
	forEachPassingError(t, func(t *testing.T, err error) {
		s, sources := newServer("a"), &informer.Sources{}
		i := start(t, sources, s)
		s.set(func() { s.watchError = err })
		s.endWatch()
		after(10 * time.Minute)
		expectFailing(t, sourceOf(sources), 10*time.Minute-time.Second, 10*time.Minute)
		s.set(func() { s.watchError = nil })
		s.create("b")
		after(retryInterval)
		expectKeys(t, i, "a", "b")
		after(time.Second)
		expectFailing(t, sourceOf(sources), 0, 0)
		expectLists(t, s, 1)
	})
}

// An interval of failure begins when the watch ends, not at the next failed attempt, and a watch that ends by itself
// is opened again at once.
func TestEndedWatchIsOpenedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sources := newServer("a"), &informer.Sources{}
		i := start(t, sources, s)
		after(time.Minute)
		s.endWatch()
		s.create("b")
		synctest.Wait()
		expectKeys(t, i, "a", "b")
		after(time.Second)
		expectFailing(t, sourceOf(sources), 0, 0)
		expectLists(t, s, 1)
	})
}

// client-go's REST client returns a watch that has ended if its connection is lost.
func TestWatchThatEndsAtOnceIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sources := newServer("a"), &informer.Sources{}
		i := start(t, sources, s)
		after(time.Minute)
		s.set(func() { s.emptyWatches = true })
		s.endWatch()
		after(time.Minute)
		expectFailing(t, sourceOf(sources), time.Minute, time.Minute)
		s.set(func() { s.emptyWatches = false })
		s.create("b")
		after(time.Second)
		expectKeys(t, i, "a", "b")
		expectLists(t, s, 1)
		after(time.Second)
		expectFailing(t, sourceOf(sources), 0, 0)
	})
}

// An API server that forgets its events at each of three starts within two minutes is listed within seven seconds of
// each, which is the third step of client-go's back-off.
func TestExpiredRevisionIsListedWithinSeconds(t *testing.T) {
	for name, expiryIsEvent := range map[string]bool{"answer": false, "event": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, sources := newServer("a"), &informer.Sources{}
				s.expiryIsEvent = expiryIsEvent
				i := start(t, sources, s)
				for restart := range 3 {
					s.set(func() { s.watchError = passing["connection refused"] })
					s.restart()
					after(20 * time.Second)
					s.set(func() { s.watchError = nil })
					name := "b" + strconv.Itoa(restart)
					s.create(name)
					after(7 * time.Second)
					if _, found, err := i.GetStore().GetByKey(name); !found || err != nil {
						t.Errorf("%s is not there: %v", name, err)
					}
					expectFailing(t, sourceOf(sources), 0, 0)
				}
				expectLists(t, s, 4)
			})
		})
	}
}

// While a reflector waits before it lists again, the informer has no source.
func TestFailureLastsUntilTheListIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sources := newServer(names(501)...), &informer.Sources{}
		i := start(t, sources, s)
		s.set(func() { s.nextPageError = passing["503"] })
		s.restart()
		after(time.Minute)
		expectFailing(t, sourceOf(sources), 59*time.Second, time.Minute)
		s.set(func() { s.nextPageError = nil })
		after(retryInterval)
		expectFailing(t, sourceOf(sources), 0, 0)
		expectKeys(t, i, append(names(501), "while-away")...)
		expectLists(t, s, 2)
	})
}

// names returns that many, in order.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("a-%06d", i)
	}
	return all
}

// Every list asks for pages of the newest objects, and one that expires between two pages is never taken for the whole.
func TestEveryListComesInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sources := newServer("a"), &informer.Sources{}
		i := start(t, sources, s)
		for _, name := range names(1100) {
			s.create(name)
			synctest.Wait()
		}
		s.set(func() { s.nextPageError = apierrors.NewResourceExpired("the continue token is too old") })
		s.restart()
		after(10 * time.Second)
		if n := len(i.GetStore().ListKeys()); n != 1101 {
			t.Errorf("a list that is not complete has left %d objects", n)
		}
		s.set(func() { s.nextPageError = nil })
		after(time.Minute)
		expectKeys(t, i, append(names(1100), "a", "while-away")...)
		for _, options := range s.listed() {
			if options.ResourceVersion != "" || options.Limit != 500 {
				t.Errorf("listed with %+v", options)
			}
		}
	})
}

// A watch that has been open for a while may break in any way: its reflector watches again from the last event.
func TestBrokenWatchIsOpenedAgainWithoutAList(t *testing.T) {
	for name, err := range map[string]*apierrors.StatusError{
		"lost connection": apierrors.NewInternalError(errors.New("http2: client connection lost")),
		"overload":        apierrors.NewTooManyRequests("overloaded", 1),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, sources := newServer("a"), &informer.Sources{}
				i := start(t, sources, s)
				for range 20 {
					after(5 * time.Second)
					s.failWatch(err)
				}
				s.create("b")
				synctest.Wait()
				expectKeys(t, i, "a", "b")
				expectLists(t, s, 1)
			})
		})
	}
}

// An event that cannot be decoded comes again with the next watch, and a revision that is too new stays so.
func TestWatchThatCannotContinueIsListed(t *testing.T) {
	tooNew := apierrors.NewTimeoutError("Too large resource version: 9, current: 1", 1)
	tooNew.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge}}
	for name, test := range map[string]struct {
		open time.Duration
		err  *apierrors.StatusError
	}{
		"unreadable event": {0, apierrors.NewInternalError(errors.New("unable to decode an event"))},
		"too new":          {time.Minute, tooNew},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, sources := newServer("a"), &informer.Sources{}
				i := start(t, sources, s)
				after(test.open)
				s.failWatch(test.err)
				s.create("b")
				after(2 * time.Second)
				expectKeys(t, i, "a", "b")
				expectLists(t, s, 2)
				expectFailing(t, sourceOf(sources), 0, 0)
			})
		})
	}
}

func TestSilentWatchIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sources := newServer("a"), &informer.Sources{}
		source := sourceOf(sources)
		if source.EndWatch() {
			t.Error("a watch was ended before there was one")
		}
		i := start(t, sources, s)
		for _, name := range []string{"b", "c"} {
			after(time.Second)
			s.set(func() { s.silent = true })
			s.create(name)
			synctest.Wait()
			if !source.EndWatch() {
				t.Fatal("the silent watch was not ended")
			}
			synctest.Wait()
			if _, found, err := i.GetStore().GetByKey(name); !found || err != nil {
				t.Errorf("%s is not there: %v", name, err)
			}
			after(29 * time.Second)
			if source.EndWatch() {
				t.Error("a second watch was ended within 30 s")
			}
		}
		expectLists(t, s, 1)
	})
}

// A watch that is ended early says so as client-go's does, by an error. It is not listed for that.
func TestEarlyWatchIsEndedWithoutAList(t *testing.T) {
	for range 20 { // because the error and the end come at once
		synctest.Test(t, func(t *testing.T) {
			s, sources := newServer("a"), &informer.Sources{}
			i := start(t, sources, s)
			s.set(func() { s.silent = true })
			s.create("b")
			if !sourceOf(sources).EndWatch() {
				t.Error("the watch was not ended")
			}
			after(time.Second)
			expectKeys(t, i, "a", "b")
			expectLists(t, s, 1)
		})
	}
}

// There is no watch to end while an informer lists, or while its watch is refused.
func TestOnlyAnOpenWatchIsEnded(t *testing.T) {
	for name, fail := range map[string]func(*server){
		"list":  func(s *server) { s.listError = passing["503"] },
		"watch": func(s *server) { s.watchError = passing["503"] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, sources := newServer("a"), &informer.Sources{}
				start(t, sources, s)
				s.set(func() { fail(s) })
				s.restart()
				after(time.Minute)
				if sourceOf(sources).EndWatch() {
					t.Error("a watch was ended that was not open")
				}
			})
		})
	}
}

func TestNamespacesShareASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, other, sources := newServer("acme/a"), newServer("globex/a", "globex/b", "globex/c"), &informer.Sources{}
		informers := []cache.SharedIndexInformer{start(t, sources, one), start(t, sources, other)}
		source := sourceOf(sources)
		for namespace, want := range map[string]uint64{"acme": 1, "globex": 3, "initech": 0} {
			if revision := source.ListRevision(namespace); revision != want {
				t.Errorf("%s was listed at %d, not %d", namespace, revision, want)
			}
		}
		after(time.Minute)
		for key, s := range map[string]*server{"acme/new": one, "globex/new": other} {
			s.set(func() { s.silent = true })
			s.create(key)
		}
		if !source.EndWatch() {
			t.Error("no watch was ended")
		}
		after(time.Second)
		expectKeys(t, informers[0], "acme/a", "acme/new")
		expectKeys(t, informers[1], "globex/a", "globex/b", "globex/c", "globex/new")
		other.set(func() { other.watchError = passing["403"] })
		other.endWatch()
		after(time.Minute)
		expectFailing(t, source, time.Minute, time.Minute)
		if elsewhere := sources.Of(&corev1.Secret{}).Failing(); elsewhere != 0 {
			t.Errorf("another kind fails for %s", elsewhere)
		}
	})
}

// Only the answer to a watch loses its Retry-After, and only if the API server is starting.
func TestRetryAfterIsKeptButForAStartingServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.URL.Query().Get("status"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(status)
	}))
	defer server.Close()
	c := http.Client{Transport: informer.Transport(http.DefaultTransport)}
	for query, want := range map[string]string{
		"?watch=true&status=503": "",
		"?watch=true&status=429": "5",
		"?limit=500&status=503":  "5",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if got := response.Header.Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After is %q", query, got)
		}
	}
}
