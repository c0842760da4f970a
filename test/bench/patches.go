package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// patchedPerWorker is how many users each worker deactivates and activates in turn: no two workers the same.
const patchedPerWorker = 50

// patches measures the PATCH by which a user is deactivated, or activated, against the patch that the
// service makes of it.
func patches(workers int) measurement {
	var objects []*v1alpha1.CloudSSOUser // those of the baseline
	return measurement{
		name:  fmt.Sprintf("patch-%d", workers),
		needs: []size{small},
		rows:  []row{{figure: fmt.Sprintf("PATCH active ÷ raw patch, %s", workersOf(workers)), target: atLeast(0.70)}},
		round: func(ctx context.Context, b *bench, round int) (_ [][]float64, err error) {
			s := b.stacks[small]
			if objects == nil {
				if objects, err = s.rawUsers(ctx, workers*patchedPerWorker); err != nil {
					return nil, err
				}
			}
			states := newStates(s.seeded[:len(objects)])
			values, err := b.beside(ctx, round,
				s.settled(b.throughput("PATCH", workers, s.toggle(states))),
				s.settled(b.throughput("raw", workers, s.rawToggle(objects))))
			if err != nil {
				return nil, err
			}
			return one(values[0] / values[1]), s.activateAll(ctx, states)
		},
	}
}

// states are users and whether they are active. Each belongs to one worker.
type states struct {
	ids      []string
	inactive []bool
}

func newStates(ids []string) *states { return &states{ids, make([]bool, len(ids))} }

func (s *stack) toggle(t *states) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		i := ownOf(worker, n)
		if _, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+t.ids[i], load.SetActive(t.inactive[i])); err != nil {
			return err
		}
		t.inactive[i] = !t.inactive[i]
		return nil
	}
}

// ownOf is the nth turn of a worker, as an index into what all workers have.
func ownOf(worker, n int) int { return worker*patchedPerWorker + n%patchedPerWorker }

func (s *stack) rawToggle(objects []*v1alpha1.CloudSSOUser) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		u := objects[ownOf(worker, n)]
		active := u.Spec.Active == nil || *u.Spec.Active
		u.Spec.Active = new(!active)
		return s.rawPatch(ctx, u)
	}
}

// activateAll leaves the users as they were found.
func (s *stack) activateAll(ctx context.Context, t *states) error {
	for i, inactive := range t.inactive {
		if !inactive {
			continue
		}
		if _, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+t.ids[i], load.SetActive(true)); err != nil {
			return err
		}
	}
	return s.settle(ctx)
}

// rawUsers creates users for the baseline to patch.
func (s *stack) rawUsers(ctx context.Context, n int) ([]*v1alpha1.CloudSSOUser, error) {
	objects := make([]*v1alpha1.CloudSSOUser, n)
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, Count: n}, func(ctx context.Context, _, i int) error {
		objects[i] = s.user(rawNamespace, s.tag())
		return s.raw.Create(ctx, objects[i])
	})
	s.objects.Add(int64(n))
	if result.Err != nil {
		return nil, result.Err
	}
	return objects, s.settle(ctx)
}
