package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// idleTime is how long the operator has had nothing to do when it is called idle: time to give memory back.
const idleTime = 30 * time.Second

// emptyRSS is the resident memory of an idle operator without users, in bytes.
type emptyRSS struct{ empty []float64 }

// restarts measures how soon the operator is ready, against an informer that reads the same, and how much
// memory it holds then, as the leader, after its controllers have looked at every user.
func restarts() measurement {
	return measurement{
		name:  "restart",
		needs: []size{large},
		rows: []row{
			{figure: "ready with " + largeUsers + " users ÷ bare informer's sync", target: atMost(1.2)},
			{figure: "resident memory per user at " + largeUsers + " users, idle", unit: "KB", target: atMost(2.2)},
		},
		before: measureEmpty,
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[large]
			values, err := b.beside(ctx, round, s.settled(s.restart), func(ctx context.Context) (float64, error) {
				took, err := s.bareSync(ctx)
				return took.Seconds(), err
			})
			if err != nil {
				return nil, err
			}
			b.observe("ready s", values[0])
			b.observe("informer s", values[1])
			each, err := b.memoryPerUser(ctx, s)
			return one(values[0]/values[1], each), err
		},
	}
}

// restart is a side: how long the manager takes from its start until it is ready, in seconds.
func (s *stack) restart(ctx context.Context) (float64, error) {
	if err := s.Manager.Stop(); err != nil {
		return 0, err
	}
	s.scim.Close() // its connections are dead
	began := time.Now()
	err := s.RestartManager(ctx)
	return time.Since(began).Seconds(), err
}

// measureEmpty restarts the operator over an empty directory, as often as spread can be seen.
func measureEmpty(ctx context.Context, b *bench) error {
	if len(b.empty) > 0 {
		return nil
	}
	s := b.stacks[large]
	for range 2 {
		if _, err := s.settled(s.restart)(ctx); err != nil {
			return err
		}
		bytes, err := s.idleRSS(ctx)
		if err != nil {
			return err
		}
		b.empty = append(b.empty, bytes)
	}
	return nil
}

func (s *stack) idleRSS(ctx context.Context) (float64, error) {
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return rss(ctx, s.Manager.PID())
}

// memoryPerUser is what an idle operator holds for each user, in KB of 1,000 bytes.
func (b *bench) memoryPerUser(ctx context.Context, s *stack) (float64, error) {
	bytes, err := s.idleRSS(ctx)
	if err != nil {
		return 0, err
	}
	empty := load.Median(b.empty)
	b.observe("MB", bytes/1e6)
	b.observe("MB without users", empty/1e6)
	return (bytes - empty) / float64(s.objects.Load()) / 1000, nil
}

// memoryAfterLoad measures the operator's memory once a load of 16 workers is over.
func memoryAfterLoad() measurement {
	return measurement{
		name:   "memory-after-load",
		needs:  []size{large},
		rows:   []row{{figure: "resident memory per user at " + largeUsers + " users, after load", unit: "KB", target: atMost(4.5)}},
		before: measureEmpty,
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[large]
			if _, err := s.settled(b.throughput("requests", manyWorkers, s.mixed()))(ctx); err != nil {
				return nil, err
			}
			each, err := b.memoryPerUser(ctx, s)
			return one(each), err
		},
	}
}

// mixed is what a provider sends in a day: it looks, reads and creates.
func (s *stack) mixed() load.Operation {
	sorts := []load.Operation{s.getAny(s.scim), s.findAny("userName"), s.findAny("externalId"), s.findNobody, s.post(&ids{})}
	return func(ctx context.Context, worker, n int) error {
		return sorts[rand.IntN(len(sorts))](ctx, worker, n)
	}
}
