package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// forgetful is an API server that forgets what it has told, and refuses what it is told to.
type forgetful struct {
	mu       sync.Mutex
	users    map[string]*v1alpha1.CloudSSOUser
	revision int
	oldest   int // revision that a watch may begin at

	refuseList, refusePage, refuseWatch error // refusePage is of all but the first
	lists                               int
	open                                *watch.RaceFreeFakeWatcher
}

// page is how many users the server lists at a time.
const page = 2

func (s *forgetful) ListWithContext(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, err := strconv.Atoi(cmp.Or(options.Continue, "0"))
	if err != nil {
		return nil, err
	}
	if err := s.refuseList; from == 0 && err != nil {
		return nil, err
	}
	if err := s.refusePage; from > 0 && err != nil {
		return nil, err
	}
	if from == 0 {
		s.lists++
	}
	list := &v1alpha1.CloudSSOUserList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(s.revision)}}
	names := slices.Sorted(maps.Keys(s.users))[from:]
	if len(names) > page {
		names, list.Continue = names[:page], strconv.Itoa(from+page)
	}
	for _, name := range names {
		list.Items = append(list.Items, *s.users[name])
	}
	return list, nil
}

func (s *forgetful) WatchWithContext(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuseWatch != nil {
		return nil, s.refuseWatch
	}
	if from, err := strconv.Atoi(options.ResourceVersion); err != nil || from < s.oldest {
		return nil, apierrors.NewResourceExpired("too old resource version: " + options.ResourceVersion)
	}
	s.open = watch.NewRaceFreeFake()
	return s.open, nil
}

// write stores a user and tells of it; with an active of nil it deletes.
func (s *forgetful) write(name string, active *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.users[name]
	u := existing(name, name, "", false)
	s.revision++
	u.UID = types.UID(fmt.Sprint(name, " of ", s.revision))
	if before != nil {
		u.UID = before.UID
	}
	u.Spec.Active, u.ResourceVersion = active, strconv.Itoa(s.revision)
	kind := watch.Added
	switch {
	case active == nil:
		kind = watch.Deleted
		delete(s.users, name)
	case before != nil:
		kind = watch.Modified
	}
	if active != nil {
		s.users[name] = u
	}
	if s.open != nil {
		s.open.Action(kind, u.DeepCopy())
	}
}

// restart ends the watch, and forgets what it could have told.
func (s *forgetful) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision++ // of some other kind
	s.oldest = s.revision
	if s.open != nil {
		s.open.Stop()
	}
	s.open = nil
}

func (s *forgetful) listed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists
}

func (s *forgetful) set(change func(*forgetful)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// listener hears from an informer.
type listener struct {
	lists *relist
	mu    sync.Mutex
	heard []string
}

func (l *listener) hear(what string, o any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tombstone, missed := o.(cache.DeletedFinalStateUnknown); missed {
		o = tombstone.Obj
	}
	l.heard = append(l.heard, what+" "+o.(*v1alpha1.CloudSSOUser).Name) //nolint:errcheck,forcetypeassert // of users alone
}

func (l *listener) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.heard = nil }()
	return l.heard
}

// follow runs an informer of the server's users until the test has ended. All of it is in a bubble.
func follow(t *testing.T, server *forgetful) (*listener, cache.Store) {
	t.Helper()
	relists := &Relists{}
	l := &listener{lists: relists.of(&v1alpha1.CloudSSOUser{})}
	informer := relists.NewInformer(legacy{server}, &v1alpha1.CloudSSOUser{}, 0, nil)
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { l.hear("add", o) },
		UpdateFunc: func(_, o any) { l.hear("update", o) },
		DeleteFunc: func(o any) { l.hear("delete", o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := informer.SetTransform(nil); err != nil { // as controller-runtime does
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { informer.RunWithContext(ctx) })
	t.Cleanup(func() { cancel(); ended.Wait() })
	synctest.Wait()
	return l, informer.GetStore()
}

func newForgetful(names ...string) *forgetful {
	s := &forgetful{users: map[string]*v1alpha1.CloudSSOUser{}}
	for _, name := range names {
		s.write(name, new(true))
	}
	return s
}

// What an API server has forgotten is caught up with, as changes, and nothing else is told: in the order in which it was
// done, as far as a list tells.
func TestWhatNobodyHeardOfIsCaughtUpWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newForgetful("ada", "bob", "cid")
		l, store := follow(t, server)
		if got := l.take(); len(got) != 3 {
			t.Fatalf("heard at first: %q", got)
		}
		server.write("eve", new(true))
		server.restart()
		server.write("fay", new(true))
		server.write("bob", new(false))
		server.write("eve", nil)
		server.write("cid", nil)
		server.write("dan", new(true))
		<-time.After(2 * time.Second)
		synctest.Wait()
		heard := l.take()
		slices.Sort(heard[min(4, len(heard)):]) // those who are gone, in any order
		if want := []string{"add eve", "add fay", "update bob", "add dan", "delete cid", "delete eve"}; !slices.Equal(heard, want) {
			t.Errorf("heard: %q", heard)
		}
		server.write("gus", new(true))
		synctest.Wait()
		if heard := l.take(); !slices.Equal(heard, []string{"add gus"}) {
			t.Errorf("heard after that: %q", heard)
		}
		if got := store.ListKeys(); len(got) != 5 || server.listed() != 2 {
			t.Errorf("%d lists; has %q", server.listed(), got)
		}
	})
}

// Whoever a list says is gone has been through the informer's transform when they came, and not again.
func TestNobodyIsTransformedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, gone := newForgetful("ada"), ""
		informer := (&Relists{}).NewInformer(legacy{server}, &v1alpha1.CloudSSOUser{}, 0, nil)
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(o any) {
			gone = o.(*v1alpha1.CloudSSOUser).Spec.DisplayName //nolint:errcheck,forcetypeassert // of users alone
		}})
		if err != nil {
			t.Fatal(err)
		}
		err = informer.SetTransform(func(o any) (any, error) {
			o.(*v1alpha1.CloudSSOUser).Spec.DisplayName += "transformed." //nolint:errcheck,forcetypeassert // of users alone
			return o, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { informer.RunWithContext(ctx) })
		synctest.Wait()
		server.restart()
		server.write("ada", nil)
		<-time.After(2 * time.Second)
		synctest.Wait()
		cancel()
		ended.Wait()
		if gone != "transformed." {
			t.Errorf("who was deleted is %q", gone)
		}
	})
}

// An event is taken in when the store shows it: of several at one revision, the last.
func TestWhatAnInformerHasTakenIn(t *testing.T) {
	ada := existing("ada", "ada", "", false)
	ada.ResourceVersion = "7"
	store := cache.NewStore(cache.MetaNamespaceKeyFunc)
	if err := store.Add(ada); err != nil {
		t.Fatal(err)
	}
	l := &lastingWatch{relistWatch: &relistWatch{store: store}}
	name, other := cache.MetaObjectToName(ada), cache.NewObjectName("acme", "bob")
	for _, test := range []struct {
		what string
		last told
		want bool
	}{
		{"nothing", told{}, true},
		{"who is there", told{name, "7", false}, true},
		{"who is there, as before that", told{name, "8", false}, false},
		{"who is there still", told{name, "7", true}, false},
		{"who is not there yet", told{other, "7", false}, false},
		{"who is gone", told{other, "7", true}, true},
	} {
		if got := l.has(test.last); got != test.want {
			t.Errorf("%s: %t", test.what, got)
		}
	}
}

// A list is compared with what an informer has taken in, and so waits for what it was told last: whoever had come and gone
// would stay for ever.
func TestAListWaitsForWhatWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newForgetful("ada")
		w := &relistWatch{ListerWatcherWithContext: server, relist: &relist{}, example: &v1alpha1.CloudSSOUser{}, store: cache.NewStore(cache.MetaNamespaceKeyFunc)}
		l := &lastingWatch{relistWatch: w, revision: "7", events: make(chan watch.Event, 9)}
		if _, err := l.catchUp(t.Context()); !errors.Is(err, errNotTakenIn) || server.listed() > 0 {
			t.Errorf("%d lists, %v: of an informer that takes nothing in", server.listed(), err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := l.catchUp(t.Context()); err != nil {
				t.Error(err)
			}
		})
		<-time.After(drainTimeout / 2)
		gone := existing("eve", "eve", "", false)
		gone.ResourceVersion = l.revision
		if server.listed() > 0 {
			t.Error("listed too early")
		}
		if err := w.store.Add(gone); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		for _, want := range []watch.EventType{watch.Added, watch.Deleted, watch.Bookmark} {
			if got := <-l.events; got.Type != want {
				t.Errorf("%s, not %s", got.Type, want)
			}
		}
	})
}

// An API server that starts again and again is listed from within seconds, every time, and not without a pause.
func TestNobodyIsDeafForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newForgetful("ada")
		l, _ := follow(t, server)
		longest := time.Duration(0)
		for i := range 30 {
			l.take()
			server.restart()
			server.write("ada", new(i%2 == 0))
			began := time.Now()
			for len(l.take()) == 0 {
				<-time.After(10 * time.Millisecond)
				synctest.Wait()
				if time.Since(began) > time.Minute {
					t.Fatalf("nothing was heard of restart %d", i)
				}
			}
			longest = max(longest, time.Since(began))
		}
		if limit := relistBackoff.Cap*3/2 + 2*time.Second; longest > limit || longest < relistBackoff.Cap {
			t.Errorf("the longest silence was %s", longest)
		}
	})
}

// An API server that refuses a watch for a while, as it does after a start, is asked again for the same one, in whatever
// words client-go has it.
func TestARefusedWatchIsAskedForAgain(t *testing.T) {
	users := runtimeschema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "cloudssousers"}
	for name, refusal := range map[string]error{
		"forbidden":    fmt.Errorf("%w - error from a previous attempt: EOF", apierrors.NewForbidden(users, "", nil)),
		"unauthorized": apierrors.NewUnauthorized("not yet"),
		"unavailable":  apierrors.NewServiceUnavailable("starting"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newForgetful("ada")
				l, _ := follow(t, server)
				l.take()
				server.set(func(s *forgetful) { s.refuseWatch = refusal; s.open.Stop() })
				<-time.After(time.Minute)
				server.set(func(s *forgetful) { s.refuseWatch = nil })
				<-time.After(3 * retryInterval)
				server.write("ada", new(false))
				synctest.Wait()
				if heard := l.take(); !slices.Equal(heard, []string{"update ada"}) || server.listed() != 1 {
					t.Errorf("%d lists; heard %q", server.listed(), heard)
				}
			})
		})
	}
}

// Whoever was deleted and made again under the same name is another one.
func TestANamesakeIsSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newForgetful("ada", "bob")
		l, _ := follow(t, server)
		l.take()
		server.restart()
		server.write("ada", nil)
		server.write("bob", new(false))
		server.write("ada", new(true))
		<-time.After(2 * time.Second)
		synctest.Wait()
		if heard := l.take(); !slices.Equal(heard, []string{"update bob", "delete ada", "add ada"}) {
			t.Errorf("heard: %q", heard)
		}
	})
}

// What an API server cannot tell of is listed; a connection that is lost is taken up again.
func TestAnEventThatCannotBeToldIsListed(t *testing.T) {
	for failures, lists := range map[int]int{1: 1, mostFailures - 1: 1, mostFailures: 2} {
		synctest.Test(t, func(t *testing.T) {
			server := newForgetful("ada")
			follow(t, server)
			for range failures {
				server.set(func(s *forgetful) {
					s.open.Error(&apierrors.NewInternalError(errors.New("cannot decode")).ErrStatus)
					s.open.Stop()
				})
				<-time.After(3 * time.Second)
			}
			if n := server.listed(); n != lists {
				t.Errorf("%d lists after %d failures", n, failures)
			}
		})
	}
}

// An informer that does not take in what it is told, whatever the reason, lists by itself.
func TestAnInformerThatTakesNothingInLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newForgetful("ada")
		w := &relistWatch{ListerWatcherWithContext: server, relist: &relist{}, example: &v1alpha1.CloudSSOUser{}, store: cache.NewStore(cache.MetaNamespaceKeyFunc)}
		watching, err := w.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "1"})
		if err != nil {
			t.Fatal(err)
		}
		server.restart()
		event, open := <-watching.ResultChan()
		if err := apierrors.FromObject(event.Object); !open || !apierrors.IsResourceExpired(err) {
			t.Errorf("it says %v", event)
		}
		if _, open := <-watching.ResultChan(); open {
			t.Error("and does not end")
		}
	})
}

// A list that ends half-way costs what it has read: it is not begun anew at once for ever.
func TestAListThatEndsHalfWayIsNotHurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newForgetful("ada", "bob", "cid")
		l, _ := follow(t, server)
		l.take()
		server.set(func(s *forgetful) { s.refusePage = apierrors.NewTimeoutError("page", 1) })
		server.restart()
		server.write("cid", nil)
		server.write("dan", new(true))
		<-time.After(time.Minute)
		if n := server.listed(); n < 5 || n > 25 {
			t.Errorf("%d lists in a minute", n)
		}
		server.set(func(s *forgetful) { s.refusePage = nil })
		<-time.After(2 * relistBackoff.Cap)
		synctest.Wait()
		if heard := l.take(); !slices.Equal(heard, []string{"add dan", "delete cid"}) {
			t.Errorf("heard: %q", heard)
		}
	})
}

// A list that fails is tried again soon, however often it has.
func TestAListThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newForgetful("ada")
		l, _ := follow(t, server)
		l.take()
		server.set(func(s *forgetful) {
			s.refuseList = &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusTooManyRequests}}
		})
		server.restart()
		server.write("ada", nil)
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if heard := l.take(); len(heard) > 0 {
			t.Errorf("heard from nowhere: %q", heard)
		}
		server.set(func(s *forgetful) { s.refuseList = nil })
		<-time.After(2 * retryInterval)
		synctest.Wait()
		if heard := l.take(); !slices.Equal(heard, []string{"delete ada"}) {
			t.Errorf("heard: %q", heard)
		}
	})
}
