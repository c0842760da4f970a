package main

import (
	"context"
	"fmt"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// createMeasurement measures POST /Users against the same objects written straight to the API server. With many workers,
// as in an import, it also measures the processor time that API server and etcd spend on each user.
func createMeasurement(workers int) measurement {
	m := measurement{
		name:  fmt.Sprintf("create-%d", workers),
		needs: []size{small},
		rows: []row{
			{figure: fmt.Sprintf("POST /Users throughput ÷ raw pair (claim, then user), %s", countWorkers(workers)), target: atLeast(0.75)},
			{figure: "… ÷ raw create of the user alone"},
		},
	}
	if workers > 1 {
		m.rows[0].target = atLeast(0.80)
		m.rows = append(m.rows,
			row{figure: "processor time of API server and etcd for each imported user", unit: "ms"},
			row{figure: "… ÷ for each raw create of the user alone"})
	}
	m.round = func(ctx context.Context, b *bench, round int) ([][]float64, error) {
		s := b.stacks[small]
		post := creation{bench: b, stack: s, name: "POST", workers: workers, operation: s.post(&createdUsers{})}
		pair := creation{bench: b, stack: s, name: "raw pair", workers: workers, operation: s.rawPair()}
		user := creation{bench: b, stack: s, name: "raw create", workers: workers, operation: s.rawUser()}
		rates, err := b.measureInTurns(ctx, round, post.run, pair.run, user.run)
		if err != nil {
			return nil, err
		}
		samples := oneSampleEach(rates[0]/rates[1], rates[0]/rates[2])
		if workers > 1 && user.cpu > 0 { // known where there is /proc
			samples = append(samples, oneSampleEach(post.cpu, post.cpu/user.cpu)...)
		}
		return samples, nil
	}
	return m
}

// creation is a side that creates users, and measures what API server and etcd spend on each.
type creation struct {
	bench     *bench
	stack     *stack
	name      string
	workers   int
	operation load.Operation

	cpu float64 // processor time for each user, in ms; 0 if it is not known
}

// run measures the throughput. The processor time includes the work of the controllers that follows.
func (c *creation) run(ctx context.Context) (float64, error) {
	pids, err := c.stack.ControlPlane.PIDs()
	if err != nil {
		return 0, err
	}
	var count counted
	before, known := cpuTime(pids...)
	rate, err := c.stack.thenIdle(c.bench.throughput(c.name, c.workers, count.each(c.operation)))(ctx)
	after, _ := cpuTime(pids...)
	if known {
		c.cpu = count.share(after - before)
		c.bench.observe(c.name+" CPU ms", c.cpu)
	}
	return rate, err
}

// growthMeasurement measures POST /Users in a large directory against a small one.
func growthMeasurement() measurement {
	return measurement{
		name:  "create-growth",
		needs: []size{small, large},
		rows:  []row{{figure: "POST throughput with " + largeUsers + " users ÷ at 1,000, 16 workers", target: atLeast(0.90)}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			values, err := b.measureInTurns(ctx, round, b.postAndRemove(large), b.postAndRemove(small))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(values[0] / values[1]), nil
		},
	}
}

// postAndRemove returns a side that leaves the directory as large as it was.
func (b *bench) postAndRemove(size size) side {
	s := b.stacks[size]
	return func(ctx context.Context) (float64, error) {
		var created createdUsers
		rate, err := s.thenIdle(b.throughput(fmt.Sprintf("POST (%s)", size), manyWorkers, s.post(&created)))(ctx)
		if err != nil {
			return 0, err
		}
		if err := s.remove(ctx, created.users); err != nil {
			return 0, err
		}
		return rate, s.waitIdle(ctx)
	}
}
