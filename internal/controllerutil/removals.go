package controllerutil

import (
	"context"
	"reflect"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// removals are the removals from each list that have not ended. Of each list one runs at a time, and the calls that come
// meanwhile share the next one. The zero value is empty.
type removals struct {
	mu     sync.Mutex
	byList map[removalKey]*removalQueue
}

type removalKey struct {
	kind reflect.Type
	list client.ObjectKey
}

// removalQueue is the removals from one list.
type removalQueue struct {
	turn  chan struct{} // holds one token while a removal runs
	next  *removal      // has not begun; nil if no call waits
	calls int           // that run or wait
}

// removal is one write that several calls share.
type removal struct {
	all     *removals
	queue   *removalQueue
	asked   map[string]bool
	isDone  bool // this and what follows is guarded by the queue's turn
	removed map[string]bool
	err     error
}

// join adds users to the next removal from a list. The caller must call leave.
func (a *removals) join(key removalKey, users []string) (next *removal, leave func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byList == nil {
		a.byList = map[removalKey]*removalQueue{}
	}
	q := a.byList[key]
	if q == nil {
		q = &removalQueue{turn: make(chan struct{}, 1)}
		a.byList[key] = q
	}
	q.calls++
	if q.next == nil {
		q.next = &removal{all: a, queue: q, asked: map[string]bool{}}
	}
	for _, name := range users {
		q.next.asked[name] = true
	}
	return q.next, func() { a.leave(key, q) }
}

func (a *removals) leave(key removalKey, q *removalQueue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if q.calls--; q.calls == 0 {
		delete(a.byList, key)
	}
}

// do waits for the turn of the removal, carries it out unless another call has, and returns the users that it has removed.
func (m *removal) do(ctx context.Context, remove func(asked map[string]bool) (map[string]bool, error)) (removed map[string]bool, err error) {
	select {
	case m.queue.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-m.queue.turn }()
	if !m.isDone {
		m.removed, m.err = remove(m.begin())
		m.isDone = true
	}
	return m.removed, m.err
}

// begin returns the users that are asked for. Later calls share the removal after this one.
func (m *removal) begin() map[string]bool {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.queue.next = nil
	return m.asked
}

// pauseFor waits, and reports whether ctx has not ended by then.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
