package store

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// deaf is an API server whose watches never say anything.
type deaf struct{ lists chan metav1.ListOptions }

func (d deaf) ListWithContext(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
	d.lists <- options
	return &v1alpha1.CloudSSOUserList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}, nil
}

func (deaf) WatchWithContext(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return watch.NewFake(), nil
}

// legacy is a cache.ListerWatcher of what takes a context.
type legacy struct{ cache.ListerWatcherWithContext }

func (l legacy) List(options metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), options)
}

func (l legacy) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), options)
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
		informer := relists.NewInformer(legacy{server}, &v1alpha1.CloudSSOUser{}, 0, nil)
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
	synctest.Test(t, func(t *testing.T) {
		if (&relist{}).watch()() {
			t.Error("given up before there was a watch")
		}
		server := newForgetful("ada")
		l, _ := follow(t, server)
		lists := func() int { <-time.After(2 * time.Second); return server.listed() }
		giveUp := l.lists.watch()
		server.restart()
		if n := lists(); giveUp() || n != 2 || lists() != 2 {
			t.Error("the next watch was given up for one that had ended")
		}
		if again := l.lists.watch(); !again() || again() || lists() != 3 {
			t.Error("the watch that is open is not given up once")
		}
	})
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
