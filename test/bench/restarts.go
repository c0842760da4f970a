package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// idleTime is how long the operator is left idle before its memory is measured. While nothing is allocated, the Go
	// runtime collects garbage every two minutes, and after the second collection it returns what the first has freed.
	idleTime = 5 * time.Minute
	// shortRest is how long after a load or a start the memory is measured, before the Go runtime returns much of it.
	shortRest = 30 * time.Second
)

// restartMeasurement measures how soon the operator is ready, against an informer that reads the same, and after the last
// round its memory when its controllers have reconciled every user.
func restartMeasurement() measurement {
	return measurement{
		name:  "restart",
		needs: []size{large},
		rows: []row{
			{figure: "ready with " + largeUsers + " users ÷ bare informer's sync", target: atMost(1.2)},
			{figure: "resident memory per user at " + largeUsers + " users, idle", unit: "KB", target: atMost(2.5)},
		},
		before: measureEmptyRSS,
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[large]
			values, err := b.measureInTurns(ctx, round, s.thenIdle(s.restart), s.syncBareInformer)
			if err != nil {
				return nil, err
			}
			b.observe("ready s", values[0])
			b.observe("informer s", values[1])
			ratio := []float64{values[0] / values[1]}
			if round < b.rounds-1 {
				return [][]float64{ratio, nil}, nil
			}
			perUser, err := b.memoryPerUser(ctx, s, idleTime)
			return [][]float64{ratio, {perUser}}, err
		},
	}
}

// restart returns how long the manager takes from its start until it is ready, in seconds.
func (s *stack) restart(ctx context.Context) (float64, error) {
	if err := s.Manager.Stop(); err != nil {
		return 0, err
	}
	s.scim.Close() // the manager has closed its connections
	began := time.Now()
	err := s.RestartManager(ctx)
	return time.Since(began).Seconds(), err
}

// measureEmptyRSS measures the memory of the idle operator over an empty directory.
func measureEmptyRSS(ctx context.Context, b *bench) error {
	if b.emptyRSS > 0 {
		return nil
	}
	s := b.stacks[large]
	if _, err := s.thenIdle(s.restart)(ctx); err != nil {
		return err
	}
	bytes, err := s.rssAfter(ctx, idleTime)
	b.emptyRSS = bytes
	return err
}

// rssAfter returns the operator's resident memory after a time without requests, in bytes.
func (s *stack) rssAfter(ctx context.Context, idle time.Duration) (float64, error) {
	if err := pause(ctx, idle); err != nil {
		return 0, err
	}
	return rss(ctx, s.Manager.PID())
}

// memoryPerUser returns the operator's resident memory for each user after a time without requests, in KB of 1,000 bytes.
func (b *bench) memoryPerUser(ctx context.Context, s *stack, idle time.Duration) (float64, error) {
	bytes, err := s.rssAfter(ctx, idle)
	if err != nil {
		return 0, err
	}
	b.observe("MB", bytes/1e6)
	b.observe("MB without users", b.emptyRSS/1e6)
	return (bytes - b.emptyRSS) / float64(s.users.Load()) / 1000, nil
}

// memoryAfterLoadMeasurement measures the operator's memory after a load of 16 workers.
func memoryAfterLoadMeasurement() measurement {
	return measurement{
		name:   "memory-after-load",
		needs:  []size{large},
		rows:   []row{{figure: "resident memory per user at " + largeUsers + " users, after load", unit: "KB", target: atMost(4.5)}},
		before: measureEmptyRSS,
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[large]
			if _, err := s.thenIdle(b.throughput("requests", manyWorkers, s.anyRequest()))(ctx); err != nil {
				return nil, err
			}
			perUser, err := b.memoryPerUser(ctx, s, shortRest)
			return oneSampleEach(perUser), err
		},
	}
}

// anyRequest sends what a provider sends: queries, reads and creates.
func (s *stack) anyRequest() load.Operation {
	return anyOf(s.getAnyUser(s.scim), s.findAnyUser("userName"), s.findAnyUser("externalId"), s.findAbsentUser, s.post(&createdUsers{}))
}

// anyOf runs one of the operations, at random.
func anyOf(operations ...load.Operation) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		return operations[rand.IntN(len(operations))](ctx, worker, n)
	}
}
