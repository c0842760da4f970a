package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// side is one of several things that are compared: it measures one round of one of them.
type side func(ctx context.Context) (float64, error)

// measureInTurns measures the sides one after the other, and begins each round with another one, so that no side always
// runs first or last.
func (b *bench) measureInTurns(ctx context.Context, round int, sides ...side) ([]float64, error) {
	values := make([]float64, len(sides))
	for i := range sides {
		at := (i + round) % len(sides)
		runtime.GC() // the benchmark's own garbage collection would slow down the side
		var err error
		if values[at], err = sides[at](ctx); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// runLoad runs an operation for the time of a round. It fails if one operation fails.
func (b *bench) runLoad(ctx context.Context, workers int, operation load.Operation) (load.Result, error) {
	result := load.Run(ctx, load.Plan{Workers: workers, For: b.roundTime, WarmUp: b.roundTime / 5}, operation)
	switch {
	case result.Errors > 0:
		return result, fmt.Errorf("%d operations failed, such as:\n%w", result.Errors, result.Err)
	case len(result.Latencies) == 0:
		return result, errors.New("no operation ended in time")
	}
	return result, nil
}

// throughput returns a side that measures operations per second.
func (b *bench) throughput(name string, workers int, operation load.Operation) side {
	return func(ctx context.Context) (float64, error) {
		result, err := b.runLoad(ctx, workers, operation)
		b.observe(name+"/s", result.Throughput())
		return result.Throughput(), err
	}
}

// medianLatency returns a side that measures the median latency of one worker, in milliseconds.
func (b *bench) medianLatency(name string, operation load.Operation) side {
	return func(ctx context.Context) (float64, error) {
		result, err := b.runLoad(ctx, 1, operation)
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

// oneSampleEach returns the samples of rows that have one sample a round.
func oneSampleEach(values ...float64) [][]float64 {
	samples := make([][]float64, len(values))
	for i, v := range values {
		samples[i] = []float64{v}
	}
	return samples
}

// countWorkers returns "1 worker" or "16 workers".
func countWorkers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}
