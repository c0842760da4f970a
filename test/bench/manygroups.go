package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// smallGroups is how many groups the small directory has when the large one has any.
const smallGroups = 100

// growthBound is how much more may be asked of a directory's size: nothing, but for chance.
const growthBound = 1.15

// seededGroup is the displayName of one of the groups that are there first.
func seededGroup(n int) string { return fmt.Sprintf("Seeded %d", n) }

// ofGroups are the measurements of a directory with many groups.
func (b *bench) ofGroups() []measurement {
	against := func(name, what string, operation func(*stack) load.Operation) measurement {
		return measurement{
			name:  "groups-" + name,
			needs: []size{small, large},
			rows:  []row{{figure: fmt.Sprintf("%s p50 at %s groups ÷ at %d", what, thousands(b.groups), smallGroups), target: atMost(growthBound)}},
			round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
				values, err := b.beside(ctx, round,
					b.middle("large", operation(b.stacks[large])),
					b.middle("small", operation(b.stacks[small])))
				if err != nil {
					return nil, err
				}
				return one(values[0] / values[1]), errors.Join(b.stacks[large].settle(ctx), b.stacks[small].settle(ctx))
			},
		}
	}
	return []measurement{
		against("get", "GET of a group by id", (*stack).getAnyGroup),
		against("find", "filter `displayName eq` of groups", (*stack).findAnyGroup),
		against("get-user", "GET of a user, with its groups,", func(s *stack) load.Operation { return s.getAny(s.scim) }),
		against("patch", "PATCH of a group, one member in and out,", (*stack).patchAnyGroup),
		b.listsOfGroups(),
	}
}

// listsOfGroups measures reading all groups, page by page: the last pages against the first.
func (b *bench) listsOfGroups() measurement {
	const pages = 10 // one alone would be chance
	return measurement{
		name:  "groups-list",
		needs: []size{large},
		rows:  []row{{figure: fmt.Sprintf("full list of %s groups in pages of 100: last page ÷ first page", thousands(b.groups)), target: atMost(1.5)}},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			var latencies []float64
			for page := -1; page < b.groups/pageSize; page++ { // the first is read once to warm up
				began := time.Now()
				_, err := b.stacks[large].scim.Do(ctx, http.MethodGet, fmt.Sprintf("/Groups?startIndex=%d&count=%d", max(page, 0)*pageSize+1, pageSize), "")
				if err != nil {
					return nil, err
				}
				if page >= 0 {
					latencies = append(latencies, milliseconds(time.Since(began)))
				}
			}
			n := min(pages, len(latencies)/2)
			first, last := load.Median(latencies[:n]), load.Median(latencies[len(latencies)-n:])
			b.observe("first ms", first)
			b.observe("last ms", last)
			return one(last / first), nil
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
		return expect(answer, path, `"members":[`)
	}
}

func (s *stack) findAnyGroup() load.Operation {
	return func(ctx context.Context, _, _ int) error {
		path := "/Groups?filter=" + url.QueryEscape(fmt.Sprintf("displayName eq %q", seededGroup(rand.IntN(len(s.seededGroups)))))
		answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
		if err != nil {
			return err
		}
		return expect(answer, path, `"totalResults":1`)
	}
}

// patchAnyGroup adds a user to a group that has it not, and takes it out.
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
