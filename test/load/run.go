package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// maxErrors ends a run against a service that is down.
const maxErrors = 100

// Plan is a closed loop: each worker begins its next operation when its last one has ended.
type Plan struct {
	// Workers is how many operations are in flight; at least one.
	Workers int
	// For is how long operations are begun; 0 is until Count.
	For time.Duration
	// WarmUp is the first part of For, whose operations are not counted.
	WarmUp time.Duration
	// Count is how many operations are begun at most; 0 is as many as there is time for.
	Count int
}

// Operation is one operation: the nth of all, from 0, by a worker, from 0.
type Operation func(ctx context.Context, worker, n int) error

// Result is about the operations that ended after the warm-up and before the end of the plan.
type Result struct {
	// Latencies are those of the operations that succeeded, ascending.
	Latencies Samples
	// Elapsed is the time from the end of the warm-up to the end of the run.
	Elapsed time.Duration
	// Errors is how many operations failed, those of the warm-up included. Err is the first few errors.
	Errors int
	Err    error
}

// Throughput returns operations per second.
func (r Result) Throughput() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(len(r.Latencies)) / r.Elapsed.Seconds()
}

// runner is one run.
type runner struct {
	plan      Plan
	operation Operation
	start     time.Time
	next      atomic.Int64

	mu     sync.Mutex
	errors []error
}

// Run runs the plan, to its end or that of ctx. A plan without end runs until ctx ends.
func Run(ctx context.Context, plan Plan, operation Operation) Result {
	r := &runner{plan: plan, operation: operation, start: time.Now()}
	latencies := make([]Samples, max(plan.Workers, 1))
	var workers sync.WaitGroup
	for worker := range latencies {
		workers.Go(func() { latencies[worker] = r.work(ctx, worker) })
	}
	workers.Wait()
	result := Result{Elapsed: r.counted(), Errors: len(r.errors)}
	result.Err = errors.Join(r.errors[:min(len(r.errors), 3)]...)
	for _, l := range latencies {
		result.Latencies = append(result.Latencies, l...)
	}
	result.Latencies.sort()
	return result
}

// counted returns the time from the end of the warm-up to the end of the run, or to the end of the plan if that is
// earlier, because operations that end later are not counted.
func (r *runner) counted() time.Duration {
	elapsed := time.Since(r.start)
	if r.plan.For > 0 {
		elapsed = min(elapsed, r.plan.For)
	}
	return elapsed - r.plan.WarmUp
}

func (r *runner) work(ctx context.Context, worker int) (latencies Samples) {
	for ctx.Err() == nil {
		n := int(r.next.Add(1)) - 1
		began := time.Now()
		if r.over(n, began) {
			break
		}
		err := r.operation(ctx, worker, n)
		ended := time.Now()
		switch {
		case err != nil && ctx.Err() != nil: // interrupted by the end of the run, so not a failure
		case err != nil:
			r.failed(err)
		case r.counts(ended):
			latencies = append(latencies, ended.Sub(began))
		}
	}
	return latencies
}

func (r *runner) over(n int, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan.Count > 0 && n >= r.plan.Count ||
		r.plan.For > 0 && now.Sub(r.start) >= r.plan.For ||
		len(r.errors) >= maxErrors
}

func (r *runner) counts(ended time.Time) bool {
	at := ended.Sub(r.start)
	return at >= r.plan.WarmUp && (r.plan.For == 0 || at <= r.plan.For)
}

func (r *runner) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, err)
}
