package directory

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// refusing is an API server that refuses watches.
type refusing struct{ err error }

func (refusing) ListWithContext(context.Context, metav1.ListOptions) (runtime.Object, error) {
	return &v1alpha1.CloudSSOUserList{}, nil
}

func (r refusing) WatchWithContext(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, r.err
}

// A watch that cannot be taken up again says so, for only then the reflector lists anew: it does not go on asking,
// and does not end without a word.
func TestAWatchThatCannotBeHadSaysSo(t *testing.T) {
	users := runtimeschema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "cloudssousers"}
	forbidden := apierrors.NewForbidden(users, "", nil)
	for code, refusal := range map[int32]error{
		http.StatusGone:         apierrors.NewResourceExpired("too old resource version"),
		http.StatusForbidden:    fmt.Errorf("%w - error from a previous attempt: EOF", forbidden), // as client-go has it
		http.StatusUnauthorized: apierrors.NewUnauthorized("not yet"),
	} {
		w := &relistWatch{ListerWatcherWithContext: refusing{refusal}, relist: &relist{}}
		watching, err := w.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "7"})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case event := <-watching.ResultChan():
			if status, ok := event.Object.(*metav1.Status); event.Type != watch.Error || !ok || status.Code != code {
				t.Errorf("%v: it says %v %+v", refusal, event.Type, event.Object)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%v: it says nothing", refusal)
		}
		watching.Stop()
	}
}

// deaf is an API server whose watches never say anything.
type deaf struct{ lists chan metav1.ListOptions }

func (d deaf) ListWithContext(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
	d.lists <- options
	return &v1alpha1.CloudSSOUserList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}, nil
}

func (deaf) WatchWithContext(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return watch.NewFake(), nil
}

// A replica does not wait for ever for a watch that has gone deaf: when a write that the API server has acknowledged
// is not heard of, the informer lists anew. An API server that is away is not listed from.
func TestADeafWatchIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relists, server := &Relists{}, deaf{make(chan metav1.ListOptions, 9)}
		lists := relists.of(&v1alpha1.CloudSSOUser{})
		var away atomic.Bool
		x := newIndex(userKind.describe, lists.last.Load)
		f := &fence{
			touch: func(context.Context) (uint64, error) {
				if away.Load() {
					return 0, apierrors.NewServiceUnavailable("away")
				}
				return 8, nil
			},
			await: x.await,
			seen:  x.seen.Load,
			watch: func() func() { giveUp := lists.watch(); return func() { giveUp() } },
		}
		ctx, cancel := context.WithCancel(t.Context())
		informer := cache.NewSharedIndexInformer(&relistWatch{server, lists}, &v1alpha1.CloudSSOUser{}, 0, nil)
		var ended sync.WaitGroup
		ended.Go(func() { informer.RunWithContext(ctx) })
		<-server.lists
		for _, gone := range []bool{true, false} {
			away.Store(gone)
			for range 2 {
				if err := f.pass(ctx); err == nil {
					t.Error("a fence is passed though nothing was heard")
				}
			}
			f.late(context.DeadlineExceeded)
			<-time.After(deafTimeout + time.Minute) // of the bubble's clock
			select {
			case options := <-server.lists:
				if gone {
					t.Error("listed anew from an API server that is away")
				}
				if options.ResourceVersion != "" {
					t.Errorf("listed as of %s: that may be as old as the watch", options.ResourceVersion)
				}
			default:
				if !gone {
					t.Error("not listed anew")
				}
			}
		}
		cancel()
		ended.Wait()
	})
}

// Only a watch that was there at the touch is given up: one that has ended is followed by a list anyhow, and the next may
// hear well.
func TestNoOtherWatchIsGivenUp(t *testing.T) {
	w := &relistWatch{deaf{make(chan metav1.ListOptions, 9)}, &relist{}}
	watching := func() watch.Interface {
		v, err := w.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "7"})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ended := func(v watch.Interface) {
		for range v.ResultChan() {
		}
		for deadline := time.After(10 * time.Second); w.open.Load() != nil; {
			select {
			case <-time.After(time.Millisecond):
			case <-deadline:
				t.Fatal("the watch has ended, and passes for open")
			}
		}
	}
	if w.watch()() {
		t.Error("given up before there was a watch")
	}
	first := watching()
	giveUp := w.watch()
	first.Stop()
	ended(first)
	if giveUp() {
		t.Error("a watch that had ended was given up")
	}
	second := watching()
	if giveUp() {
		t.Error("the next watch was given up for the last one")
	}
	if again := w.watch(); !again() || again() {
		t.Error("the watch that is open is not given up once")
	}
	ended(second)
	if _, err := w.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "7"}); err == nil {
		t.Error("there is another watch before a list")
	}
	if _, err := w.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	watching().Stop()
}

// Who asks together shares a touch, which begins after all of them; who asks alone does not wait.
func TestTouchesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const askers, rounds, took = 16, 20, 4 * time.Millisecond
		var written, heard, touches atomic.Uint64
		f := &fence{
			touch: func(context.Context) (uint64, error) {
				touches.Add(1)
				began := written.Load()
				<-time.After(took)
				return began, nil
			},
			await: func(_ context.Context, revision uint64) error {
				heard.Store(max(heard.Load(), revision))
				return nil
			},
		}
		ask := func() {
			mine := written.Add(1)
			if err := f.pass(t.Context()); err != nil {
				t.Error(err)
			}
			if heard.Load() < mine {
				t.Error("a fence was passed by a touch that began too early")
			}
		}
		began := time.Now()
		ask()
		if waited := time.Since(began); waited != took {
			t.Errorf("one who asked alone waited %s", waited)
		}
		touches.Store(0)
		var all sync.WaitGroup
		for i := range askers {
			all.Go(func() {
				if i%2 > 0 {
					<-time.After(boardingTime + took/2) // half of them come while the others' touch is under way
				}
				for range rounds {
					ask()
					<-time.After(time.Duration(written.Load()%3) * boardingTime / 4)
				}
			})
		}
		all.Wait()
		if n := touches.Load(); n > rounds*3/2 {
			t.Errorf("%d touches for %d rounds of %d who ask together", n, rounds, askers)
		}
	})
}
