package main

import (
	"context"
	"fmt"
	"time"
)

// creates measures POST /Users against the same object written straight to the API server.
func creates(workers int) measurement {
	m := measurement{
		name:  fmt.Sprintf("create-%d", workers),
		needs: []size{small},
		rows: []row{
			{figure: fmt.Sprintf("POST /Users throughput ÷ raw create, %s", workersOf(workers)), target: atLeast(0.80)},
			{figure: "… statuses complete after the load's end", unit: "s"},
		},
	}
	if workers > 1 {
		m.rows[0].target, m.rows[1].target = atLeast(0.60), atMost(5)
	}
	m.round = func(ctx context.Context, b *bench, round int) ([][]float64, error) {
		s := b.stacks[small]
		var late time.Duration
		values, err := b.beside(ctx, round,
			func(ctx context.Context) (rate float64, err error) {
				rate, late, err = b.postAll(ctx, s, workers)
				return rate, err
			},
			s.settled(b.throughput("raw", workers, s.rawCreate())))
		if err != nil {
			return nil, err
		}
		return one(values[0]/values[1], late.Seconds()), nil
	}
	return m
}

// settled is a side that leaves nothing to be done behind it.
func (s *stack) settled(measure side) side {
	return func(ctx context.Context) (float64, error) {
		value, err := measure(ctx)
		if err != nil {
			return value, err
		}
		return value, s.settle(ctx)
	}
}

// postAll creates users for the time of a round, and says how long after its end all had their status.
func (b *bench) postAll(ctx context.Context, s *stack, workers int) (rate float64, late time.Duration, err error) {
	since, err := s.revision(ctx)
	if err != nil {
		return 0, 0, err
	}
	var created ids
	rate, err = b.throughput(fmt.Sprintf("POST (%s)", s.size), workers, s.post(&created))(ctx)
	if err != nil {
		return 0, 0, err
	}
	ended := time.Now()
	if err := s.awaitStatuses(ctx, since, created.ids); err != nil {
		return 0, 0, err
	}
	return rate, time.Since(ended), s.settle(ctx)
}

// growth measures POST /Users in a large directory against a small one.
func growth() measurement {
	return measurement{
		name:  "create-growth",
		needs: []size{small, large},
		rows:  []row{{figure: "POST throughput with " + largeUsers + " users ÷ at 1,000, 16 workers", target: atLeast(0.90)}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			values, err := b.beside(ctx, round, b.postAndRemove(large), b.postAndRemove(small))
			if err != nil {
				return nil, err
			}
			return one(values[0] / values[1]), nil
		},
	}
}

func (b *bench) postAndRemove(size size) side {
	s := b.stacks[size]
	return func(ctx context.Context) (float64, error) {
		var created ids
		rate, err := s.settled(b.throughput(fmt.Sprintf("POST (%s)", size), manyWorkers, s.post(&created)))(ctx)
		if err != nil {
			return 0, err
		}
		if err := s.remove(ctx, created.ids); err != nil {
			return 0, err
		}
		return rate, s.settle(ctx)
	}
}
