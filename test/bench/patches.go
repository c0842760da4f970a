package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// patchedPerWorker is how many users each worker deactivates and activates in turns. No two workers share a user.
const patchedPerWorker = 50

// patchMeasurement measures the PATCH that deactivates or activates a user against the patch that the service sends to
// the API server for it.
func patchMeasurement(workers int) measurement {
	var objects []*v1alpha1.CloudSSOUser // that the baseline patches
	return measurement{
		name:  fmt.Sprintf("patch-%d", workers),
		needs: []size{small},
		rows:  []row{{figure: fmt.Sprintf("PATCH active ÷ raw patch, %s", countWorkers(workers)), target: atLeast(0.70)}},
		round: func(ctx context.Context, b *bench, round int) (_ [][]float64, err error) {
			s := b.stacks[small]
			if objects == nil {
				if objects, err = s.rawUsers(ctx, workers*patchedPerWorker); err != nil {
					return nil, err
				}
			}
			states := &userStates{s.seeded[:len(objects)], make([]bool, len(objects))}
			values, err := b.measureInTurns(ctx, round,
				s.thenIdle(b.throughput("PATCH", workers, s.toggle(states))),
				s.thenIdle(b.throughput("raw", workers, s.rawToggle(objects))))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(values[0] / values[1]), s.activateAll(ctx, states)
		},
	}
}

// userStates records which users are inactive. Each user belongs to one worker.
type userStates struct {
	ids      []string
	inactive []bool
}

func (s *stack) toggle(t *userStates) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		i := userOf(worker, n)
		if _, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+t.ids[i], load.SetActive(t.inactive[i])); err != nil {
			return err
		}
		t.inactive[i] = !t.inactive[i]
		return nil
	}
}

// userOf returns the index of the user that a worker patches in its nth operation.
func userOf(worker, n int) int { return worker*patchedPerWorker + n%patchedPerWorker }

func (s *stack) rawToggle(objects []*v1alpha1.CloudSSOUser) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		u := objects[userOf(worker, n)]
		active := u.Spec.Active == nil || *u.Spec.Active
		u.Spec.Active = new(!active)
		return s.rawPatch(ctx, u)
	}
}

// activateAll activates the users that are inactive.
func (s *stack) activateAll(ctx context.Context, t *userStates) error {
	for i, inactive := range t.inactive {
		if !inactive {
			continue
		}
		if _, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+t.ids[i], load.SetActive(true)); err != nil {
			return err
		}
	}
	return s.waitIdle(ctx)
}

// rawUsers creates the users that the baseline patches.
func (s *stack) rawUsers(ctx context.Context, n int) ([]*v1alpha1.CloudSSOUser, error) {
	objects := make([]*v1alpha1.CloudSSOUser, n)
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, Count: n}, func(ctx context.Context, _, i int) error {
		var claim *v1alpha1.CloudSSONameClaim
		claim, objects[i] = s.template.objects(rawNamespace, s.newTag())
		if err := s.raw.Create(ctx, claim); err != nil {
			return err
		}
		return s.raw.Create(ctx, objects[i])
	})
	s.users.Add(int64(n))
	if result.Err != nil {
		return nil, result.Err
	}
	return objects, s.waitIdle(ctx)
}

// accessPatchMeasurement measures what access costs the PATCH that deactivates or activates a user.
func accessPatchMeasurement(workers int) measurement {
	return measurement{
		name:  fmt.Sprintf("access-patch-%d", workers),
		needs: []size{small, opened},
		rows:  []row{{figure: fmt.Sprintf("PATCH active with access ÷ without, %s", countWorkers(workers)), target: atLeast(0.9)}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			var sides []side
			var toggled []func(context.Context) error
			for _, size := range []size{opened, small} {
				s := b.stacks[size]
				ids := s.seeded[len(s.seeded)-workers*patchedPerWorker:] // the last users, in no group
				states := &userStates{ids, make([]bool, len(ids))}
				sides = append(sides, s.thenIdle(b.throughput(string(size), workers, s.toggle(states))))
				toggled = append(toggled, func(ctx context.Context) error { return s.activateAll(ctx, states) })
			}
			values, err := b.measureInTurns(ctx, round, sides...)
			if err != nil {
				return nil, err
			}
			for _, activate := range toggled {
				if err := activate(ctx); err != nil {
					return nil, err
				}
			}
			return oneSampleEach(values[0] / values[1]), nil
		},
	}
}
