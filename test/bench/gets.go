package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// getMeasurement measures GET by id against a handler that answers with the same bytes.
func getMeasurement(workers int) measurement {
	return measurement{
		name:  fmt.Sprintf("get-%d", workers),
		needs: []size{small, large},
		rows: []row{
			{figure: fmt.Sprintf("GET by id ÷ bare handler, %s, at 1,000 users", countWorkers(workers)), target: atLeast(0.75)},
			{figure: fmt.Sprintf("GET by id ÷ bare handler, %s, at "+largeUsers+" users", countWorkers(workers)), target: atLeast(0.75)},
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
	defer bare.stop() //nolint:errcheck // its answers have been measured
	values, err := b.measureInTurns(ctx, round,
		b.throughputAndCPU(fmt.Sprintf("GET (%s)", s.size), s.Manager.PID(), workers, s.getAnyUser(s.scim)),
		b.throughputAndCPU("bare", bare.command.Process.Pid, workers, s.getAnyUser(bare.client)))
	if err != nil {
		return 0, err
	}
	return values[0] / values[1], nil
}

// getAnyUser gets a seeded user by its id.
func (s *stack) getAnyUser(c *load.Client) load.Operation {
	return func(ctx context.Context, _, _ int) error {
		_, err := c.Do(ctx, http.MethodGet, "/Users/"+s.seeded[rand.IntN(len(s.seeded))], "")
		return err
	}
}
