package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// replicaMeasurement measures whether the next request by id or userName finds an acknowledged create at either of two
// replicas, and when an update does. Other filters are as fresh as the replica's watch.
func replicaMeasurement() measurement {
	var pair *replicaPair
	return measurement{
		name:  "replicas",
		needs: []size{small},
		rows: []row{
			{figure: "own write missing from the next read by id or userName, at either of two replicas, 16 workers", unit: "reads", target: atMost(0), quantile: 1},
			{figure: "… until an update shows through the other replica, p50", unit: "ms", quantile: 0.5},
			{figure: "… p99", unit: "ms", quantile: 0.99},
		},
		round: func(ctx context.Context, b *bench, round int) (_ [][]float64, err error) {
			s := b.stacks[small]
			if pair == nil {
				if pair, err = s.startPair(ctx); err != nil {
					return nil, err
				}
			}
			pair.missing.Store(0)
			pair.lags = nil
			result, err := b.runLoad(ctx, manyWorkers, pair.writeAndRead)
			if err != nil {
				return nil, err
			}
			b.observe("writes and their reads/s", result.Throughput())
			if round == b.rounds-1 {
				err = pair.second.Stop()
			}
			missing := []float64{float64(pair.missing.Load())}
			return [][]float64{missing, pair.lags, pair.lags}, errors.Join(err, s.waitIdle(ctx))
		},
	}
}

type replicaPair struct {
	stack   *stack
	clients [2]*load.Client
	second  *quickstart.Manager
	missing atomic.Int64

	mu   sync.Mutex
	lags []float64 // in milliseconds
}

// lagTimeout is when the wait for an update that a replica does not show is given up.
const lagTimeout = 10 * time.Second

func (s *stack) startPair(ctx context.Context) (*replicaPair, error) {
	second, err := s.AddManager(ctx)
	if err != nil {
		return nil, err
	}
	client, err := s.connectTo(second.URL)
	return &replicaPair{stack: s, clients: [2]*load.Client{s.scim, client}, second: second}, err
}

// writeAndRead creates a user through one replica, reads it through the other by id and userName, and changes it there.
// Every second operation swaps the replicas.
func (p *replicaPair) writeAndRead(ctx context.Context, _, n int) error {
	one, other := p.clients[n%2], p.clients[(n+1)%2]
	tag := p.stack.newTag()
	answer, err := one.Do(ctx, http.MethodPost, "/Users", load.User(tag))
	if err != nil {
		return err
	}
	p.stack.users.Add(1)
	id := answer.ID()
	for _, path := range []string{"/Users/" + id, load.Find("userName", load.UserName(tag))} {
		if err := p.readThrough(ctx, other, path, id, &p.missing); err != nil {
			return err
		}
	}
	name := "Renamed " + tag
	if _, err := other.Do(ctx, http.MethodPatch, "/Users/"+id, load.SetDisplayName(name)); err != nil {
		return err
	}
	if err := p.readThrough(ctx, other, "/Users/"+id, name, &p.missing); err != nil {
		return err
	}
	return p.awaitUpdate(ctx, one, "/Users/"+id, name)
}

// awaitUpdate measures how long it takes from now until a replica shows an update.
func (p *replicaPair) awaitUpdate(ctx context.Context, c *load.Client, path, part string) error {
	began := time.Now()
	for {
		var absent atomic.Int64
		if err := p.readThrough(ctx, c, path, part, &absent); err != nil {
			return err
		}
		lag := time.Since(began)
		if absent.Load() == 0 {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.lags = append(p.lags, milliseconds(lag))
			return nil
		}
		if lag > lagTimeout {
			return fmt.Errorf("GET %s: the other replica does not show the update after %s", path, lag)
		}
	}
}

// readThrough counts an answer in which the part is absent, or that is 404.
func (*replicaPair) readThrough(ctx context.Context, c *load.Client, path, part string, absent *atomic.Int64) error {
	answer, err := c.Do(ctx, http.MethodGet, path, "")
	var refusal *load.Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		absent.Add(1)
		return nil
	}
	if err == nil && !bytes.Contains(answer.Body, fmt.Appendf(nil, "%q", part)) {
		absent.Add(1)
	}
	return err
}
