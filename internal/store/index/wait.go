package index

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// waitList holds, by key, the requests that wait for a value.
type waitList[K comparable, V any] map[K][]*waiter[V]

type waiter[V any] struct {
	accepts func(V) bool
	reached chan struct{}
}

// changed wakes the waiters of a key that accept its new value.
func (l waitList[K, V]) changed(key K, v V) {
	all, waited := l[key]
	if !waited {
		return
	}
	l.set(key, slices.DeleteFunc(all, func(w *waiter[V]) bool {
		if !w.accepts(v) {
			return false
		}
		close(w.reached)
		return true
	}))
}

func (l waitList[K, V]) set(key K, rest []*waiter[V]) {
	if len(rest) == 0 {
		delete(l, key)
		return
	}
	l[key] = rest
}

// WaitForEntry returns once the entry of a key, which is nil while there is none, is as accepts wants it. accepts runs
// under the index's lock, and must be quick. The error is the context's.
func (x *Index[T]) WaitForEntry(ctx context.Context, key client.ObjectKey, accepts func(*Entry[T]) bool) error {
	x.mu.Lock()
	var current *Entry[T]
	if n := x.namespaces[key.Namespace]; n != nil {
		current = n.byID[key.Name]
	}
	if accepts(current) {
		x.mu.Unlock()
		return nil
	}
	return wait(ctx, x, &x.entryWaiters, key, accepts)
}

// HasSeen reports whether the index shows an object as it was read, or what became of it later. It is certain of what a
// watch has shown: a deletion that the watch has missed does not count as seen until the next watched event.
func (x *Index[T]) HasSeen(o T) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	revision := RevisionOf(o)
	if n := x.namespaces[o.GetNamespace()]; n != nil {
		if e := n.byID[o.GetName()]; e != nil && RevisionOf(e.Object) >= revision {
			return true
		}
	}
	return x.watched[o.GetNamespace()] >= revision
}

// WaitForRevision returns once the index shows a watched write of a namespace at that revision or later, and with it
// every earlier write of this kind in that namespace. The error is the context's.
func (x *Index[T]) WaitForRevision(ctx context.Context, namespace string, revision uint64) error {
	accepts := func(watched uint64) bool { return watched >= revision }
	x.mu.Lock()
	if accepts(x.watched[namespace]) {
		x.mu.Unlock()
		return nil
	}
	return wait(ctx, x, &x.revisionWaiters, namespace, accepts)
}

// wait adds a waiter, unlocks the index, and waits.
func wait[T client.Object, K comparable, V any](ctx context.Context, x *Index[T], in *waitList[K, V], key K, accepts func(V) bool) error {
	w := &waiter[V]{accepts, make(chan struct{})}
	if *in == nil {
		*in = waitList[K, V]{}
	}
	(*in)[key] = append((*in)[key], w)
	x.mu.Unlock()
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
		x.mu.Lock()
		defer x.mu.Unlock()
		in.set(key, slices.DeleteFunc((*in)[key], func(other *waiter[V]) bool { return other == w }))
		return context.Cause(ctx)
	}
}
