package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// countedWrites is how many operations of a sort the API server's writes are divided by.
	countedWrites = 100
	// countedPushes is how many times a hundred members are added: until all of the small directory's are.
	countedPushes = smallUsers / pushSize
	pushSize      = 100
	// lastStatus is when a group has been looked at for its slices' sake: sliceInterval in controllers/group, and some.
	lastStatus = 1500 * time.Millisecond
)

// apiWrites counts what one request of a provider makes the operator write, effects included.
func apiWrites() measurement {
	return measurement{
		name:  "api-writes",
		needs: []size{small},
		rows: []row{
			{figure: "API writes per create", target: atMost(2)},
			{figure: "API writes per update", target: atMost(1)},
			{figure: "API writes per deactivation", target: atMost(2)},
			{figure: "API writes per 100-member PATCH", target: atMost(2)},
		},
		round: func(ctx context.Context, b *bench, round int) (samples [][]float64, err error) {
			s := b.stacks[small]
			var created ids
			group, err := s.createGroup(ctx, fmt.Sprintf("Counted %d", round))
			if err != nil {
				return nil, err
			}
			for _, sort := range []struct {
				name      string
				count     int
				operation load.Operation
			}{
				{"create", countedWrites, s.post(&created)},
				{"update", countedWrites, s.updateNth(&created, func(n int) string { return load.SetDisplayName(fmt.Sprint("Renamed ", n)) })},
				{"deactivation", countedWrites, s.updateNth(&created, func(int) string { return load.SetActive(false) })},
				{"push", countedPushes, s.push(group, s.seeded)},
			} {
				writes, err := b.writesPer(ctx, s, sort.name, sort.count, sort.operation)
				if err != nil {
					return nil, err
				}
				samples = append(samples, []float64{writes})
			}
			return samples, s.remove(ctx, created.ids)
		},
	}
}

// writesPer is how many writes to users, groups, slices and Events each operation causes, until all is settled. Those
// to other resources do not grow with the operations, such as the directory's counts; they are noted.
func (b *bench) writesPer(ctx context.Context, s *stack, name string, count int, operation load.Operation) (float64, error) {
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	before, err := s.writes(ctx)
	if err != nil {
		return 0, err
	}
	if result := load.Run(ctx, load.Plan{Workers: 1, Count: count}, operation); result.Err != nil {
		return 0, result.Err
	}
	select {
	case <-time.After(lastStatus):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	after, err := s.writes(ctx)
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, resource := range slices.Sorted(maps.Keys(after)) {
		each := (after[resource] - before[resource]) / float64(count)
		if each == 0 {
			continue
		}
		b.observe(name+": "+resource, each)
		kind, _, _ := strings.Cut(resource, "/")
		if slices.Contains([]string{"cloudssousers", "cloudssogroups", slicesResource, "events"}, kind) {
			total += each
		}
	}
	return total, nil
}

// updateNth patches the users that were created, one after the other.
func (s *stack) updateNth(created *ids, body func(n int) string) load.Operation {
	return func(ctx context.Context, _, n int) error {
		if n >= len(created.ids) {
			return errors.New("there are not so many users")
		}
		_, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+created.ids[n], body(n))
		return err
	}
}
