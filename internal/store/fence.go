package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// touchTimeout bounds one touch. It is shared by many requests, so none of them may end it.
	touchTimeout = 5 * time.Second
	// kickInterval is how often a touch is tried after a list, and kickTimeout for how long.
	kickInterval = 100 * time.Millisecond
	kickTimeout  = time.Minute
	// boardingTime is how long a touch waits, at most, for the company that it may expect: who was answered together asks
	// again together, and the first would take off alone.
	boardingTime = 2 * time.Millisecond
	// deafTimeout is how long an informer may hear of nothing, though there was a touch, until its watch is taken for deaf.
	deafTimeout = 10 * time.Second
	// passTimeout bounds the wait of one request: a touch, and settleTimeout for the informer.
	passTimeout = touchTimeout + settleTimeout
)

// fence makes a negative answer certain. It writes to a sentinel object of the kind, waits until the
// informer has delivered that write, and so everything that was written before it.
//
// One touch serves all who began to wait before it started: under load the cost of a fence is shared.
type fence struct {
	touch func(context.Context) (revision uint64, err error)
	await func(context.Context, uint64) error
	seen  func() uint64          // the newest revision that the informer has told of
	watch func() (giveUp func()) // gives up the informer's watch, if it is still the same then

	mu       sync.Mutex
	next     *flight
	running  bool
	airborne bool
	expected int // how many the next flight may carry: whom the last one did, and who waited when that landed

	kicked, kicking, probing atomic.Bool
}

type flight struct {
	aboard   int
	full     chan struct{} // closed when all are aboard who are expected
	landed   chan struct{}
	revision uint64
	err      error
}

// pass returns once the index shows everything that had been written when pass was called, or when that
// takes too long.
func (f *fence) pass(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	boarded := f.board()
	select {
	case <-boarded.landed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if boarded.err != nil {
		return boarded.err
	}
	err := f.await(ctx, boarded.revision)
	f.late(err)
	return err
}

// late looks, where a wait for the informer has timed out, whether that hears anything at all: a touch that the API
// server has acknowledged and the watch does not tell of ends that watch. A watch can go deaf without ending, and
// requests that wait for it would be answered 503 until it does.
func (f *fence) late(err error) {
	if !errors.Is(err, context.DeadlineExceeded) || !f.probing.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer f.probing.Store(false)
		ctx, cancel := context.WithTimeout(context.Background(), touchTimeout)
		defer cancel()
		giveUp, seen := f.watch(), f.seen()
		revision, err := f.touch(ctx)
		if err != nil {
			return // the API server is away, and a watch cannot hear of it
		}
		ctx, cancel = context.WithTimeout(context.Background(), deafTimeout)
		defer cancel()
		if f.await(ctx, revision) != nil && f.seen() == seen { // what is late, but comes, would be later after a list
			giveUp()
		}
	}()
}

// kick sees to it that something is written after an informer has listed, for the index cannot tell how far it
// has come before that (see advance): it touches until that succeeds.
func (f *fence) kick() {
	f.kicked.Store(true)
	if f.kicking.CompareAndSwap(false, true) {
		go f.follow()
	}
}

// follow touches once after each kick; one that comes meanwhile is for another list.
func (f *fence) follow() {
	for f.kicked.Swap(false) {
		_ = wait.PollUntilContextTimeout(context.Background(), kickInterval, kickTimeout, true, func(ctx context.Context) (bool, error) {
			ctx, cancel := context.WithTimeout(ctx, touchTimeout)
			defer cancel()
			_, err := f.touch(ctx)
			return err == nil, nil // until then, whoever waits is answered 503
		})
	}
	f.kicking.Store(false)
	if f.kicked.Load() {
		f.kick()
	}
}

func (f *fence) board() *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = &flight{full: make(chan struct{}), landed: make(chan struct{})}
	}
	boarded := f.next
	if boarded.aboard++; !f.airborne && boarded.aboard == max(f.expected, 1) {
		close(boarded.full)
	}
	if !f.running {
		f.running = true
		go f.fly()
	}
	return boarded
}

// fly touches for as long as somebody has boarded.
func (f *fence) fly() {
	for current := f.boarding(); current != nil; current = f.boarding() {
		complete := false
		select {
		case <-current.full:
			complete = true
		case <-time.After(boardingTime):
		}
		f.takeOff()
		ctx, cancel := context.WithTimeout(context.Background(), touchTimeout)
		current.revision, current.err = f.touch(ctx)
		cancel()
		f.land(current, complete)
	}
}

// boarding is the next flight; nil, and nobody flies any more, if nobody has boarded.
func (f *fence) boarding() *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = f.next != nil
	return f.next
}

func (f *fence) takeOff() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.airborne = nil, true
}

// land expects whom the flight has carried on the next one, beside those who wait for it. Were it the former alone, half of
// a crowd would wait for the other half for ever. It is, after somebody was waited for in vain: those who ask do not ask
// again at once.
func (f *fence) land(current *flight, complete bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.airborne, f.expected = false, current.aboard
	if f.next != nil {
		if complete {
			f.expected += f.next.aboard
		} else if f.next.aboard >= f.expected {
			close(f.next.full)
		}
	}
	close(current.landed)
}

// toucher touches the sentinel that the function makes, creating it when it is missing.
func toucher(c client.Client, sentinel func() client.Object, newID func() string) func(context.Context) (uint64, error) {
	return func(ctx context.Context) (uint64, error) {
		o := sentinel()
		// Without managed fields, whose upkeep is much of what a touch costs the API server. Once they are cleared it keeps
		// none.
		touch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q},"managedFields":[{}]}}`, v1alpha1.LabelFence, newID())
		err := c.Patch(ctx, o, client.RawPatch(types.MergePatchType, touch))
		if apierrors.IsNotFound(err) {
			o = sentinel()
			err = c.Create(ctx, o)
			if apierrors.IsAlreadyExists(err) {
				o = sentinel()
				err = c.Patch(ctx, o, client.RawPatch(types.MergePatchType, touch))
			}
		}
		if err != nil {
			return 0, fmt.Errorf("touching %T %s/%s: %w", o, o.GetNamespace(), o.GetName(), err)
		}
		return revisionOf(o), nil
	}
}
