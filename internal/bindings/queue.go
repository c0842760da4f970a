package bindings

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

// The priorities of bindings in the queue.
const (
	bulk   = iota // many users have lost access at once, or the binding is queued again
	urgent        // a user has
)

const (
	// minRetry and maxRetry are between the attempts at a binding that the API server does not write. The delay is drawn from
	// half of it to all of it, so that replicas that conflict do not meet again.
	minRetry = 10 * time.Millisecond
	maxRetry = time.Second
)

// queue has the bindings that are to be reconciled, the urgent ones first. Each is reconciled by one worker at a time, and
// again if it is added in the meantime. Safe for concurrent use.
type queue struct {
	priorityqueue.PriorityQueue[objectKey]
	pending prometheus.Gauge

	mu     sync.Mutex
	queued map[objectKey]int // how often a binding was added since it was last found in order
	failed map[objectKey]*failure
}

// failure is that of the last attempts at a binding.
type failure struct {
	delay  time.Duration // before the next attempt
	logged bool
}

func newQueue(pending prometheus.Gauge) *queue {
	return &queue{
		PriorityQueue: priorityqueue.New[objectKey]("revocations"), pending: pending,
		queued: map[objectKey]int{}, failed: map[objectKey]*failure{},
	}
}

// add adds bindings.
func (q *queue) add(priority int, keys ...objectKey) {
	if len(keys) == 0 {
		return
	}
	q.mu.Lock()
	for _, key := range keys {
		q.queued[key]++
	}
	q.pending.Set(float64(len(q.queued)))
	q.mu.Unlock()
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, keys...)
}

// isEmpty reports whether every binding that was added has been reconciled.
func (q *queue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queued) == 0
}

// take returns the next binding, and how often it has been added by now. It reports false once the queue is shut down.
func (q *queue) take() (key objectKey, priority, adds int, ok bool) {
	key, priority, shutdown := q.GetWithPriority()
	q.mu.Lock()
	defer q.mu.Unlock()
	return key, priority, q.queued[key], !shutdown
}

// done ends the attempt at a binding that take returned. If the attempt failed the binding is reconciled again, and done reports
// whether the error is to be logged: once until an attempt succeeds. A Conflict, which another writer ends as a rule, is to be
// logged only if it lasts until the delay is the longest.
func (q *queue) done(key objectKey, priority, adds int, err error) (toLog bool) {
	defer q.Done(key)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		f := q.failed[key]
		if f == nil {
			f = &failure{}
			q.failed[key] = f
		}
		f.delay = min(max(2*f.delay, minRetry), maxRetry)
		delay := f.delay/2 + rand.N(f.delay/2) //nolint:gosec // G404: spreads writers, guards nothing
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority, After: delay}, key)
		toLog = !f.logged && (f.delay == maxRetry || !apierrors.IsConflict(err))
		f.logged = f.logged || toLog
		return toLog
	}
	delete(q.failed, key)
	if q.queued[key] == adds {
		delete(q.queued, key)
	}
	q.pending.Set(float64(len(q.queued)))
	return false
}
