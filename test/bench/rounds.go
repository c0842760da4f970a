package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// side is one of those that are measured beside each other.
type side func(ctx context.Context) (float64, error)

// beside measures the sides one after another, from another one on in each round: what warms up, or is in
// the way of the next, is so for all of them.
func (b *bench) beside(ctx context.Context, round int, sides ...side) ([]float64, error) {
	values := make([]float64, len(sides))
	for i := range sides {
		at := (i + round) % len(sides)
		runtime.GC() // ours is no part of what is measured
		var err error
		if values[at], err = sides[at](ctx); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// plan is a side of a round.
func (b *bench) plan(workers int) load.Plan {
	return load.Plan{Workers: workers, For: b.roundTime, WarmUp: b.roundTime / 5}
}

// run runs a side. One failed operation fails it.
func (b *bench) run(ctx context.Context, workers int, operation load.Operation) (load.Result, error) {
	result := load.Run(ctx, b.plan(workers), operation)
	switch {
	case result.Errors > 0:
		return result, fmt.Errorf("%d operations failed, such as:\n%w", result.Errors, result.Err)
	case len(result.Latencies) == 0:
		return result, errors.New("no operation ended in time")
	}
	return result, nil
}

// throughput is a side that counts operations per second.
func (b *bench) throughput(name string, workers int, operation load.Operation) side {
	return func(ctx context.Context) (float64, error) {
		result, err := b.run(ctx, workers, operation)
		b.observe(name+"/s", result.Throughput())
		return result.Throughput(), err
	}
}

// middle is a side that measures the median latency of one worker, in milliseconds.
func (b *bench) middle(name string, operation load.Operation) side {
	return func(ctx context.Context) (float64, error) {
		result, err := b.run(ctx, 1, operation)
		p50 := milliseconds(result.Latencies.Percentile(0.5))
		b.observe(name+" p50 ms", p50)
		return p50, err
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func allMilliseconds(s load.Samples) []float64 {
	values := make([]float64, len(s))
	for i := range s {
		values[i] = milliseconds(s[i])
	}
	return values
}

// one is the samples of rows that have one a round.
func one(values ...float64) [][]float64 {
	samples := make([][]float64, len(values))
	for i, v := range values {
		samples[i] = []float64{v}
	}
	return samples
}

func workersOf(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}
