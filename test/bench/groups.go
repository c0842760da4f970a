package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// edgeBatches is how many batches at either end are compared.
	edgeBatches = 10
	// largeGroupRounds is for what takes a minute each.
	largeGroupRounds = 2
	// slicesResource is that of CloudSSOMembershipSlice.
	slicesResource = "cloudssomembershipslices"
)

func (s *stack) createGroup(ctx context.Context, name string) (id string, err error) {
	answer, err := s.scim.Do(ctx, http.MethodPost, "/Groups", load.Group(name))
	if err != nil {
		return "", err
	}
	return answer.ID(), nil
}

// push adds users to a group, a hundred each time.
func (s *stack) push(group string, users []string) load.Operation {
	return func(ctx context.Context, _, n int) error {
		_, err := s.scim.Do(ctx, http.MethodPatch, "/Groups/"+group, load.AddMembers(users[n*pushSize:(n+1)*pushSize]))
		return err
	}
}

// growingGroup measures adding members a hundred at a time until there are so many.
func growingGroup(members int) measurement {
	m := measurement{
		name:  fmt.Sprintf("group-%d", members),
		needs: []size{large},
		rows: []row{
			{figure: fmt.Sprintf("group grown to %d by 100s: last ten batches ÷ first ten (p50)", members), target: atMost(1.5)},
			{figure: "… first ten batches (p50)", unit: "ms", target: atMost(30)},
		},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			latencies, err := b.stacks[large].growGroup(ctx, fmt.Sprintf("Grown to %d, %d", members, round), members)
			samples := make([][]float64, 2)
			if len(latencies) >= edgeBatches {
				samples[1] = []float64{load.Median(latencies[:edgeBatches])}
			}
			if err == nil {
				last := load.Median(latencies[len(latencies)-edgeBatches:])
				b.observe("last ten ms", last)
				samples[0] = []float64{last / samples[1][0]}
			}
			return samples, err
		},
	}
	if members > 20_000 {
		m.rounds = largeGroupRounds
	}
	return m
}

// growGroup returns how long each batch took, in milliseconds; those before an error too.
func (s *stack) growGroup(ctx context.Context, name string, members int) (latencies []float64, err error) {
	group, err := s.createGroup(ctx, name)
	if err != nil {
		return nil, err
	}
	push := s.push(group, s.seeded)
	for n := range min(members, len(s.seeded)) / pushSize {
		began := time.Now()
		if err := push(ctx, 0, n); err != nil {
			return latencies, endsEarly(err)
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	if members > len(s.seeded) {
		return latencies, notMeasured(fmt.Sprintf("it takes %d users", members))
	}
	return latencies, s.settle(ctx)
}

// endsEarly recognises a service whose groups are not that large.
func endsEarly(err error) error {
	var refusal *load.Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusBadRequest && strings.Contains(refusal.Body, "at most 1000 are supported") {
		return notMeasured("groups end at 1,000 members")
	}
	return err
}

// shrinkingGroup measures removing random members a hundred at a time from a group of 100,000, against the
// writes of slices that it takes done straight to the API server.
func shrinkingGroup() measurement {
	const members, batches = 100_000, 30
	return measurement{
		name:   "group-removal",
		needs:  []size{large},
		rounds: largeGroupRounds,
		rows:   []row{{figure: "random members removed 100 at a time from 100,000 ÷ the same slice writes done raw", target: atMost(1.5)}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[large]
			name := fmt.Sprintf("Shrinking %d", round)
			if _, err := s.growGroup(ctx, name, members); err != nil {
				return nil, err
			}
			group, err := s.groupNamed(ctx, name)
			if err != nil {
				return nil, err
			}
			victims := rand.Perm(members)[:batches*pushSize]
			before, err := s.writes(ctx)
			if err != nil {
				return nil, err
			}
			took, err := s.removeMembers(ctx, group, victims)
			if err != nil {
				return nil, err
			}
			after, err := s.writes(ctx)
			if err != nil {
				return nil, err
			}
			writes := int(after[slicesResource]-before[slicesResource]) / batches
			raw, err := s.rewriteSlices(ctx, group, writes, batches)
			if err != nil {
				return nil, err
			}
			b.observe("slices written per batch", float64(writes))
			b.observe("removal p50 ms", took)
			b.observe("raw p50 ms", raw)
			return one(took / raw), nil
		},
	}
}

func (s *stack) groupNamed(ctx context.Context, name string) (id string, err error) {
	path := strings.Replace(load.Find("displayName", name), "/Users", "/Groups", 1) + "&excludedAttributes=members"
	answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(answer.Body), `"id":"`)
	id, _, found := strings.Cut(rest, `"`)
	if !found {
		return "", fmt.Errorf("%s: no id in the answer", path)
	}
	return id, nil
}

// removeMembers removes the users of those numbers a hundred at a time: the median latency in milliseconds.
func (s *stack) removeMembers(ctx context.Context, group string, numbers []int) (float64, error) {
	var latencies []float64
	for at := 0; at < len(numbers); at += pushSize {
		var batch []string
		for _, n := range numbers[at : at+pushSize] {
			batch = append(batch, s.seeded[n])
		}
		began := time.Now()
		if _, err := s.scim.Do(ctx, http.MethodPatch, "/Groups/"+group, load.RemoveMembers(batch)); err != nil {
			return 0, err
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	return load.Median(latencies), nil
}
