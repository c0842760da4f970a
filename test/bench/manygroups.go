package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// smallGroups is how many groups the small directory has if the large one has any.
const smallGroups = 100

// growthBound is the target of figures that must not depend on the size of a directory, with room for their spread.
const growthBound = 1.15

// seededGroup returns the displayName of a seeded group.
func seededGroup(n int) string { return fmt.Sprintf("Seeded %d", n) }

// groupMeasurements returns the measurements of a directory with many groups.
func (b *bench) groupMeasurements() []measurement {
	return []measurement{
		b.groupMeasurement("get", "GET of a group by id", (*stack).getAnyGroup),
		b.groupMeasurement("filter", "filter `displayName eq` of groups", (*stack).findAnyGroup),
		b.groupMeasurement("get-user", "GET of a user, with its groups,", func(s *stack) load.Operation { return s.getAnyUser(s.scim) }),
		b.groupMeasurement("patch", "PATCH of a group, one member added and removed,", (*stack).patchAnyGroup),
		b.groupListMeasurement(),
	}
}

// groupMeasurement measures an operation in a directory of many groups against one of few.
func (b *bench) groupMeasurement(name, what string, operation func(*stack) load.Operation) measurement {
	return measurement{
		name:  "groups-" + name,
		needs: []size{small, large},
		rows:  []row{{figure: fmt.Sprintf("%s p50 at %s groups ÷ at %d", what, withCommas(b.groups), smallGroups), target: atMost(growthBound)}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			values, err := b.measureInTurns(ctx, round,
				b.medianLatency("large", operation(b.stacks[large])),
				b.medianLatency("small", operation(b.stacks[small])))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(values[0] / values[1]), errors.Join(b.stacks[large].waitIdle(ctx), b.stacks[small].waitIdle(ctx))
		},
	}
}

// groupListMeasurement measures reading all groups, page by page: the last pages against the first.
func (b *bench) groupListMeasurement() measurement {
	return measurement{
		name:  "groups-list",
		needs: []size{large},
		rows:  []row{{figure: fmt.Sprintf("full list of %s groups in pages of 100: last page ÷ first page", withCommas(b.groups)), target: atMost(1.5)}},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			if b.groups < pageSize {
				return nil, notMeasured("fewer groups than a page holds")
			}
			latencies, err := b.stacks[large].listAll(ctx, "/Groups", b.groups)
			if err != nil {
				return nil, err
			}
			return oneSampleEach(b.lastToFirst(latencies)), nil
		},
	}
}

func (s *stack) getAnyGroup() load.Operation {
	return func(ctx context.Context, _, _ int) error {
		path := "/Groups/" + s.seededGroups[rand.IntN(len(s.seededGroups))]
		answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
		if err != nil {
			return err
		}
		return expectPart(answer, path, `"members":[`)
	}
}

func (s *stack) findAnyGroup() load.Operation {
	return func(ctx context.Context, _, _ int) error {
		path := "/Groups?filter=" + url.QueryEscape(fmt.Sprintf("displayName eq %q", seededGroup(rand.IntN(len(s.seededGroups)))))
		answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
		if err != nil {
			return err
		}
		return expectPart(answer, path, `"totalResults":1`)
	}
}

// patchAnyGroup adds a user to a group that does not have it, and removes it.
func (s *stack) patchAnyGroup() load.Operation {
	return func(ctx context.Context, _, _ int) error {
		n := rand.IntN(len(s.seededGroups))
		member := []string{s.seeded[((n+1)*seededGroupMembers+1)%len(s.seeded)]}
		for _, change := range []string{load.AddMembers(member), load.RemoveMembers(member)} {
			if _, err := s.scim.Do(ctx, http.MethodPatch, "/Groups/"+s.seededGroups[n], change); err != nil {
				return err
			}
		}
		return nil
	}
}
