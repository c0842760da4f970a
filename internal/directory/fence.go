package directory

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// touchTimeout bounds one touch. It is shared by many requests, so none of them may end it.
	touchTimeout = 5 * time.Second
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

	mu      sync.Mutex
	next    *flight
	running bool
}

type flight struct {
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
	return f.await(ctx, boarded.revision)
}

func (f *fence) board() *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = &flight{landed: make(chan struct{})}
	}
	boarded := f.next
	if !f.running {
		f.running = true
		go f.fly()
	}
	return boarded
}

// fly touches for as long as somebody has boarded.
func (f *fence) fly() {
	for {
		f.mu.Lock()
		current := f.next
		f.next = nil
		if current == nil {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), touchTimeout)
		current.revision, current.err = f.touch(ctx)
		cancel()
		close(current.landed)
	}
}

// toucher touches the sentinel that the function makes, creating it when it is missing.
func toucher(c client.Client, sentinel func() client.Object, newID func() string) func(context.Context) (uint64, error) {
	return func(ctx context.Context) (uint64, error) {
		o := sentinel()
		touch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.LabelFence, newID())
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
