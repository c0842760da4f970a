package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// gets measures GET by id against a handler that answers with the same bytes.
func gets(workers int) measurement {
	return measurement{
		name:  fmt.Sprintf("get-%d", workers),
		needs: []size{small, large},
		rows: []row{
			{figure: fmt.Sprintf("GET by id ÷ bare handler, %s, at 1,000 users", workersOf(workers)), target: atLeast(0.75)},
			{figure: fmt.Sprintf("GET by id ÷ bare handler, %s, at "+largeUsers+" users", workersOf(workers)), target: atLeast(0.75)},
		},
		round: func(ctx context.Context, b *bench, round int) (samples [][]float64, err error) {
			for _, size := range []size{small, large} {
				ratio, err := b.getRatio(ctx, b.stacks[size], round, workers)
				if err != nil {
					return nil, err
				}
				samples = append(samples, []float64{ratio})
			}
			return samples, nil
		},
	}
}

func (b *bench) getRatio(ctx context.Context, s *stack, round, workers int) (ratio float64, err error) {
	bare, err := s.startBare(ctx, "/Users/"+s.seeded[0])
	if err != nil {
		return 0, err
	}
	defer bare.stop() //nolint:errcheck // it has served
	values, err := b.beside(ctx, round,
		b.costing(fmt.Sprintf("GET (%s)", s.size), s.Manager.PID(), workers, s.getAny(s.scim)),
		b.costing("bare", bare.command.Process.Pid, workers, s.getAny(bare.client)))
	if err != nil {
		return 0, err
	}
	return values[0] / values[1], nil
}

// getAny gets a user by its id, any of those that were there first.
func (s *stack) getAny(c *load.Client) load.Operation {
	return func(ctx context.Context, _, _ int) error {
		_, err := c.Do(ctx, http.MethodGet, "/Users/"+s.seeded[rand.IntN(len(s.seeded))], "")
		return err
	}
}
