package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// grantMeasurement measures how long a large group takes to be granted in ten namespaces.
func grantMeasurement() measurement {
	const namespaces = 10
	return measurement{
		name:      "grant",
		needs:     []size{opened},
		maxRounds: 1,
		rows:      []row{{figure: "a group of 10,000 members granted in 10 namespaces: complete", unit: "s", target: atMost(60)}},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[opened]
			if len(s.seeded) < pushedMembers {
				return nil, notMeasured("too few users")
			}
			var targets []string
			for i := range namespaces {
				targets = append(targets, fmt.Sprintf("granted-%d", i))
				if err := s.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: targets[i]}}); err != nil {
					return nil, err
				}
			}
			name := "granted"
			group, err := s.createGroup(ctx, name)
			if err != nil {
				return nil, err
			}
			push := s.push(group, s.seeded[len(s.seeded)-pushedMembers:])
			for n := range pushedMembers / pushSize {
				if err := push(ctx, 0, n); err != nil {
					return nil, err
				}
			}
			if err := s.waitIdle(ctx); err != nil {
				return nil, err
			}
			before, err := s.countSubjects(ctx)
			if err != nil {
				return nil, err
			}
			began := time.Now()
			if err := s.assign(ctx, name, targets...); err != nil {
				return nil, err
			}
			if err := s.awaitSubjects(ctx, before+namespaces*pushedMembers); err != nil {
				return nil, err
			}
			return oneSampleEach(time.Since(began).Seconds()), s.waitIdle(ctx)
		},
	}
}

// bystanderMeasurement measures what many subjects in a namespace cost the requests of another user there.
func bystanderMeasurement() measurement {
	const subjects = 10_000
	prepared := false
	return measurement{
		name:  "bystander",
		needs: []size{opened},
		rows: []row{{
			figure: "request of a user in a namespace with 10,000 projected subjects ÷ with none, p50", target: atMost(1.3),
		}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[opened]
			if !prepared {
				if err := s.fillNamespace(ctx, "crowded", subjects); err != nil {
					return nil, err
				}
				if err := s.fillNamespace(ctx, "empty", 0); err != nil {
					return nil, err
				}
				prepared = true
			}
			crowded, err := s.bystander("crowded")
			if err != nil {
				return nil, err
			}
			empty, err := s.bystander("empty")
			if err != nil {
				return nil, err
			}
			values, err := b.measureInTurns(ctx, round, b.medianLatency("crowded", crowded), b.medianLatency("empty", empty))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(values[0] / values[1]), nil
		},
	}
}

// bystanderName is a user that no assignment names.
const bystanderName = "bystander"

// fillNamespace creates a namespace with bindings of so many subjects, as the operator makes them, and one of the bystander.
func (s *stack) fillNamespace(ctx context.Context, name string, subjects int) error {
	if err := s.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return err
	}
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	if err := s.Admin.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: bystanderName}, RoleRef: role, Subjects: access.Subjects([]string{bystanderName}),
	}); err != nil {
		return err
	}
	for n := range subjects / access.MaxSubjects {
		names := make([]string, access.MaxSubjects)
		for i := range names {
			names[i] = load.UserName(fmt.Sprintf("crowd-%d-%d", n, i))
		}
		if err := s.Admin.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: fmt.Sprintf("crowd-%d", n)}, RoleRef: role, Subjects: access.Subjects(names),
		}); err != nil {
			return err
		}
	}
	return nil
}

// bystander lists the pods of a namespace as the bystander.
func (s *stack) bystander(namespace string) (load.Operation, error) {
	config := rest.CopyConfig(s.ControlPlane.Admin())
	config.Impersonate.UserName = bystanderName
	person, err := client.New(config, client.Options{})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _, _ int) error {
		return person.List(ctx, &corev1.PodList{}, client.InNamespace(namespace))
	}, nil
}
