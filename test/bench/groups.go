package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// mediumGroup and largeGroup are the sizes that groups grow to, if there are so many users.
	mediumGroup, largeGroup = 20_000, 100_000
	// edgeBatches is how many batches at either end of the growth are compared.
	edgeBatches = 10
	// slicesResource is the resource of CloudSSOMembershipSlice.
	slicesResource = "cloudssomembershipslices"
	// sliceWriters is how many slices the service writes at a time: maxParallelWrites in internal/store.
	sliceWriters = 8
	// removals is how many batches of members are removed from the largest group.
	removals = 30
)

func (s *stack) createGroup(ctx context.Context, name string) (id string, err error) {
	answer, err := s.scim.Do(ctx, http.MethodPost, "/Groups", load.Group(name))
	if err != nil {
		return "", err
	}
	return answer.ID(), nil
}

// push adds users to a group, a hundred at a time.
func (s *stack) push(group string, users []string) load.Operation {
	return func(ctx context.Context, _, n int) error {
		_, err := s.scim.Do(ctx, http.MethodPatch, "/Groups/"+group, load.AddMembers(users[n*pushSize:(n+1)*pushSize]))
		return err
	}
}

// groupGrowthMeasurements returns the measurements of groups in a directory of so many users.
func groupGrowthMeasurements(users int) []measurement {
	if users <= mediumGroup {
		return []measurement{largestGroupMeasurement(users)}
	}
	return []measurement{groupGrowthMeasurement(mediumGroup), largestGroupMeasurement(min(largeGroup, users))}
}

// groupGrowthMeasurement measures adding members a hundred at a time until there are so many.
func groupGrowthMeasurement(members int) measurement {
	return measurement{
		name:  fmt.Sprintf("group-%d", members),
		needs: []size{large},
		rows: []row{
			{figure: fmt.Sprintf("group grown to %s by 100s: last ten batches ÷ first ten (p50)", withCommas(members)), target: atMost(1.5)},
			{figure: "… first ten batches (p50)", unit: "ms", target: atMost(30)},
		},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			group, samples, err := b.measureGrowth(ctx, members, round)
			if err != nil {
				return samples, err
			}
			return samples, b.stacks[large].deleteGroup(ctx, group)
		},
	}
}

// largestGroupMeasurement also measures removing random members a hundred at a time from the group that has grown,
// against the same writes of slices sent straight to the API server.
func largestGroupMeasurement(members int) measurement {
	m := groupGrowthMeasurement(members)
	m.rows = append(m.rows, row{figure: fmt.Sprintf("random members removed 100 at a time from %s ÷ raw writes of the same slices", withCommas(members)), target: atMost(1.5)})
	m.round = func(ctx context.Context, b *bench, round int) ([][]float64, error) {
		s := b.stacks[large]
		group, samples, err := b.measureGrowth(ctx, members, round)
		if err != nil {
			return samples, err
		}
		ratio, err := b.measureRemoval(ctx, group, members)
		if err != nil {
			return samples, err
		}
		return append(samples, []float64{ratio}), s.deleteGroup(ctx, group)
	}
	return m
}

// measureGrowth returns the samples of both figures, and the group.
func (b *bench) measureGrowth(ctx context.Context, members, round int) (group string, samples [][]float64, err error) {
	group, latencies, err := b.stacks[large].growGroup(ctx, fmt.Sprintf("Grown to %d, %d", members, round), members)
	if err != nil {
		return "", nil, err
	}
	if len(latencies) < edgeBatches {
		return "", nil, notMeasured("too few users")
	}
	first, last := load.Median(latencies[:edgeBatches]), load.Median(latencies[len(latencies)-edgeBatches:])
	b.observe("last ten ms", last)
	return group, oneSampleEach(last/first, first), nil
}

func (b *bench) measureRemoval(ctx context.Context, group string, members int) (ratio float64, err error) {
	s := b.stacks[large]
	if err := s.awaitMemberCount(ctx, group, members); err != nil {
		return 0, err
	}
	copies, err := s.copySlices(ctx, group)
	if err != nil {
		return 0, err
	}
	took, writes, err := s.removeMembers(ctx, group, rand.Perm(members)[:min(removals*pushSize, members)])
	if err != nil {
		return 0, err
	}
	raw, err := s.rewriteSlices(ctx, copies[:min(writes, len(copies))])
	if err != nil {
		return 0, err
	}
	b.observe("slices written per batch", float64(writes))
	b.observe("removal p50 ms", took)
	b.observe("raw p50 ms", raw)
	return took / raw, nil
}

// growGroup returns the latency of each batch, in milliseconds.
func (s *stack) growGroup(ctx context.Context, name string, members int) (group string, latencies []float64, err error) {
	if group, err = s.createGroup(ctx, name); err != nil {
		return "", nil, err
	}
	push := s.push(group, s.seeded)
	for n := range members / pushSize {
		began := time.Now()
		if err := push(ctx, 0, n); err != nil {
			return "", nil, err
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	return group, latencies, s.waitIdle(ctx)
}

// deleteGroup deletes a group, so that the next one does not add to the memory of the replicas.
func (s *stack) deleteGroup(ctx context.Context, group string) error {
	if _, err := s.scim.Do(ctx, http.MethodDelete, "/Groups/"+group, ""); err != nil {
		return err
	}
	return s.waitIdle(ctx)
}

// awaitMemberCount waits until the controller has written the number of members. The controller delays that, so its work
// queue may be empty before.
func (s *stack) awaitMemberCount(ctx context.Context, group string, members int) error {
	err := wait.PollUntilContextTimeout(ctx, pollInterval, effectTimeout, true, func(ctx context.Context) (bool, error) {
		var g v1alpha1.CloudSSOGroup
		err := s.raw.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: group}, &g)
		return err == nil && g.Status.Members != nil && int(*g.Status.Members) == members, err
	})
	if err != nil {
		return fmt.Errorf("waiting for the status of a group of %d members: %w", members, err)
	}
	return s.waitIdle(ctx)
}

// removeMembers removes the seeded users of those numbers from a group, a hundred at a time. It returns the median
// latency in milliseconds, and how many slices each batch wrote.
func (s *stack) removeMembers(ctx context.Context, group string, numbers []int) (p50 float64, writes int, err error) {
	before, err := s.writes(ctx)
	if err != nil {
		return 0, 0, err
	}
	var latencies []float64
	for at := 0; at < len(numbers); at += pushSize {
		var batch []string
		for _, n := range numbers[at:min(at+pushSize, len(numbers))] {
			batch = append(batch, s.seeded[n])
		}
		began := time.Now()
		if _, err := s.scim.Do(ctx, http.MethodPatch, "/Groups/"+group, load.RemoveMembers(batch)); err != nil {
			return 0, 0, err
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	after, err := s.writes(ctx)
	return load.Median(latencies), int(after[slicesResource]-before[slicesResource]) / len(latencies), err
}
