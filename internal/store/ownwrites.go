package store

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// ownWriteTimeout bounds the wait for the informer to show a write of this replica, which takes a millisecond as a rule.
const ownWriteTimeout = 3 * time.Second

// pendingWrites are the acknowledged writes of this replica that the index did not show within ownWriteTimeout. Reads of
// their namespaces wait for them.
type pendingWrites[T client.Object] struct {
	count atomic.Int64 // of byKey; lets a read pass without the lock

	mu    sync.Mutex
	byKey map[client.ObjectKey]*pendingWrite[T]
}

// pendingWrite is one of them.
type pendingWrite[T client.Object] struct {
	isShown func(*index.Entry[T]) bool
	// isSeen reports whether the index shows the write by now, or what became of it later.
	isSeen func() bool
}

// add adds a pending write, and removes those that the index shows by now: the namespace of one may never be read again.
func (p *pendingWrites[T]) add(key client.ObjectKey, w *pendingWrite[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.byKey, func(_ client.ObjectKey, other *pendingWrite[T]) bool { return other.isSeen() })
	if p.byKey == nil {
		p.byKey = map[client.ObjectKey]*pendingWrite[T]{}
	}
	p.byKey[key] = w
	p.count.Store(int64(len(p.byKey)))
}

// remove removes a pending write, unless a later one of the same object has taken its place.
func (p *pendingWrites[T]) remove(key client.ObjectKey, w *pendingWrite[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byKey[key] == w {
		delete(p.byKey, key)
	}
	p.count.Store(int64(len(p.byKey)))
}

// in returns the pending writes of a namespace.
func (p *pendingWrites[T]) in(namespace string) map[client.ObjectKey]*pendingWrite[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	pending := map[client.ObjectKey]*pendingWrite[T]{}
	for key, w := range p.byKey {
		if key.Namespace == namespace {
			pending[key] = w
		}
	}
	return pending
}

// shows returns a function that reports whether an entry is the object as written, or newer.
func shows[T client.Object](written T) func(*index.Entry[T]) bool {
	revision := index.RevisionOf(written)
	return func(e *index.Entry[T]) bool { return e != nil && index.RevisionOf(e.Object) >= revision }
}

// waitForOwnWrite waits until the index shows a write of this replica, so that every later read here does. A write that
// the index does not show in time is acknowledged all the same, because it is stored; reads then wait for it.
func (c *collection[T]) waitForOwnWrite(ctx context.Context, written T) {
	isSeen := func() bool { return c.index.HasSeen(written) }
	c.waitForChange(ctx, client.ObjectKeyFromObject(written), &pendingWrite[T]{shows(written), isSeen})
}

// waitForRemoval is waitForOwnWrite for an object that was deleted, and that SCIM must not show any more.
func (c *collection[T]) waitForRemoval(ctx context.Context, removed T) {
	key, uid := client.ObjectKeyFromObject(removed), removed.GetUID()
	isRemoved := func(e *index.Entry[T]) bool { return e == nil || !e.Listed || e.Object.GetUID() != uid }
	isSeen := func() bool { return isRemoved(c.index.Get(key.Namespace, key.Name)) }
	c.waitForChange(ctx, key, &pendingWrite[T]{isRemoved, isSeen})
}

func (c *collection[T]) waitForChange(ctx context.Context, key client.ObjectKey, w *pendingWrite[T]) {
	ctx, cancel := context.WithTimeout(ctx, ownWriteTimeout)
	defer cancel()
	began := time.Now()
	err := c.index.WaitForEntry(ctx, key, w.isShown)
	c.Lag(c.resource.Name, time.Since(began))
	if err != nil {
		c.pending.add(key, w)
		c.endSilentWatch(key)
	}
}

// waitShown waits until the index shows an object that a live read has found, so that no later read shows less.
func (c *collection[T]) waitShown(ctx context.Context, found T) (*index.Entry[T], error) {
	ctx, cancel := context.WithTimeout(ctx, ownWriteTimeout)
	defer cancel()
	key := client.ObjectKeyFromObject(found)
	if err := c.index.WaitForEntry(ctx, key, shows(found)); err != nil {
		c.endSilentWatch(key)
		return nil, behind(fmt.Errorf("the informer does not show %s %s, which exists: %w", c.resource.Name, key, err))
	}
	e := c.index.Get(found.GetNamespace(), found.GetName())
	if e == nil || !e.Listed {
		return nil, scim.NotFound(c.resource.Name, found.GetName())
	}
	return e, nil
}

// endSilentWatch ends a watch that has not told of a write for ownWriteTimeout: a watch can fall silent without ending,
// and requests that wait for it would be answered 503 until it does.
func (c *collection[T]) endSilentWatch(key client.ObjectKey) {
	if c.source.EndWatch() {
		c.Log.Error("the watch does not tell of a write that the API server has stored: watching again",
			"resource", c.resource.Name, "namespace", key.Namespace, "name", key.Name, "after", ownWriteTimeout)
	}
}

// waitCaughtUp waits until the index shows every write to a namespace that this replica has acknowledged. The error is a
// 503, also until the index has the namespace whole.
func (c *collection[T]) waitCaughtUp(ctx context.Context, namespace string) error {
	if err := c.available(); err != nil {
		return disconnected(err)
	}
	if err := c.checkWhole(namespace); err != nil {
		return err
	}
	if c.pending.count.Load() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ownWriteTimeout)
	defer cancel()
	for key, w := range c.pending.in(namespace) {
		if err := c.index.WaitForEntry(ctx, key, w.isShown); err != nil && !c.isGone(context.WithoutCancel(ctx), key) {
			return behind(fmt.Errorf("the informer does not show %s %s as this replica wrote it: %w", c.resource.Name, key, err))
		}
		c.pending.remove(key, w)
	}
	return nil
}

// isGone reports whether an object that was written has been deleted since, before the index ever had it.
func (c *collection[T]) isGone(ctx context.Context, key client.ObjectKey) bool {
	ctx, cancel := context.WithTimeout(ctx, ownWriteTimeout)
	defer cancel()
	return c.index.Get(key.Namespace, key.Name) == nil && apierrors.IsNotFound(c.Client.Get(ctx, key, c.newObject()))
}
