package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// opened is a stack of the size of the large one, with access.
	opened size = "opened"
	// assignments is how many access assignments there are, each of one group.
	assignments = 1000
	// groupsOfUser is in how many of those groups each of assignments users is.
	groupsOfUser = 10
	// openedNamespaces is how many namespaces the assignments give access to.
	openedNamespaces = 20
	// revokedPerRound is how many users lose access in each part of a round, each part others.
	revokedPerRound = 60
	// pushedMembers is the size of the group that is pushed meanwhile.
	pushedMembers = 10_000
)

// revocationMeasurement measures how long after the answer to a deactivation the user is in no binding: alone, under an
// import, and while a large group is pushed.
func revocationMeasurement() measurement {
	const figure = "SCIM 2xx of a deactivation → subject gone from every binding, " + largeUsers + " users, 1,000 assignments, user in 10 of them, "
	return measurement{
		name:  "revocation",
		needs: []size{opened},
		rows: []row{
			{figure: figure + "p99", unit: "ms", target: atMost(250), quantile: 0.99},
			{figure: "… p50", unit: "ms", target: atMost(60), quantile: 0.5},
			{figure: "… under a 16-worker import, p99", unit: "ms", target: atMost(400), quantile: 0.99},
			{figure: "… while a group of 10,000 members is pushed, p99", unit: "ms", target: atMost(400), quantile: 0.99},
			{figure: "… first request of the revoked user that is refused, p99", unit: "ms", target: atMost(500), quantile: 0.99},
		},
		round: func(ctx context.Context, b *bench, round int) (samples [][]float64, err error) {
			s := b.stacks[opened]
			if len(s.seeded) < assignments || (round+1)*4*revokedPerRound > assignments {
				return nil, notMeasured("too few users")
			}
			if err := s.openDoors(ctx); err != nil {
				return nil, err
			}
			if _, err := b.medianLatency("raw patch of a binding", s.patchBinding)(ctx); err != nil {
				return nil, err
			}
			users := s.seeded[round*4*revokedPerRound:]
			for _, part := range []struct {
				revoke     func(context.Context, *stack, []string) ([]float64, error)
				background func(context.Context) error
			}{
				{b.revoke, nil},
				{b.revoke, func(ctx context.Context) error { return b.importUsers(ctx, s) }},
				{b.revoke, func(ctx context.Context) error { return s.pushUntil(ctx, round) }},
				{b.firstRefusals, nil},
			} {
				measured, err := b.underLoad(ctx, s, users[:revokedPerRound], part.revoke, part.background)
				if err != nil {
					return nil, err
				}
				if samples = append(samples, measured); len(samples) == 1 {
					samples = append(samples, measured)
				}
				users = users[revokedPerRound:]
			}
			return samples, nil
		},
	}
}

// underLoad measures while something goes on in the background; nil is nothing.
func (b *bench) underLoad(ctx context.Context, s *stack, users []string, measure func(context.Context, *stack, []string) ([]float64, error), background func(context.Context) error) (samples []float64, err error) {
	var failure error
	var running sync.WaitGroup
	loadCtx, end := context.WithCancel(ctx)
	if background != nil {
		running.Go(func() { failure = background(loadCtx) })
	}
	samples, err = measure(ctx, s, users)
	end()
	running.Wait()
	if errors.Is(failure, context.Canceled) { // a request was under way
		failure = nil
	}
	if err := errors.Join(err, failure); err != nil {
		return nil, err
	}
	return samples, s.waitIdle(ctx)
}

// openDoors creates the groups and the assignments, once, and waits until every binding has its subjects.
func (s *stack) openDoors(ctx context.Context) error {
	if s.doorsOpen {
		return nil
	}
	for i := range openedNamespaces {
		if err := s.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: openedNamespace(i)}}); err != nil {
			return err
		}
	}
	result := load.Run(ctx, load.Plan{Workers: manyWorkers, Count: assignments}, func(ctx context.Context, _, n int) error {
		members := make([]string, groupsOfUser)
		for i := range members {
			members[i] = s.seeded[(n+i)%assignments]
		}
		name := fmt.Sprintf("opened-%04d", n)
		if _, err := s.scim.Do(ctx, http.MethodPost, "/Groups", load.Group(name, members...)); err != nil {
			return err
		}
		return s.assign(ctx, name, openedNamespace(n%openedNamespaces))
	})
	if result.Err != nil {
		return result.Err
	}
	if err := s.Admin.Create(ctx, s.rawBinding()); err != nil {
		return err
	}
	s.doorsOpen = true
	return s.awaitSubjects(ctx, assignments*groupsOfUser)
}

// rawBinding returns a binding as large as one of an assignment, which the operator leaves alone.
func (s *stack) rawBinding() *rbacv1.RoleBinding {
	names := make([]string, access.MaxSubjects)
	for i := range names {
		names[i] = load.UserName(fmt.Sprintf("raw-%d", i))
	}
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: openedNamespace(0), Name: "raw"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}, Subjects: access.Subjects(names),
	}
}

// patchBinding takes the last subject out of that binding, or puts it back.
func (s *stack) patchBinding(ctx context.Context, _, n int) error {
	b := s.rawBinding()
	if n%2 == 0 {
		b.Subjects = b.Subjects[:len(b.Subjects)-1]
	}
	subjects, err := json.Marshal(b.Subjects)
	if err != nil {
		return err
	}
	return s.raw.Patch(ctx, b, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"subjects":%s}`, subjects)))
}

func openedNamespace(n int) string { return fmt.Sprintf("opened-%02d", n) }

// assign creates an assignment of a group.
func (s *stack) assign(ctx context.Context, group string, namespaces ...string) error {
	return s.Admin.Create(ctx, &v1alpha1.CloudSSOAccessAssignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: group},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: group},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Target:    v1alpha1.AccessTarget{Namespaces: namespaces},
		},
	})
}

// projected selects the bindings that the operator has made for the stack's directory.
func (s *stack) projected() client.MatchingLabels {
	return client.MatchingLabels{v1alpha1.LabelDirectory: s.Namespace}
}

// awaitSubjects waits until the bindings have so many subjects.
func (s *stack) awaitSubjects(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	for ticker := time.NewTicker(pollInterval); ; {
		subjects, err := s.countSubjects(ctx)
		if err != nil || subjects == want {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the bindings have %d of %d subjects: %w", subjects, want, ctx.Err())
		}
	}
}

func (s *stack) countSubjects(ctx context.Context) (subjects int, err error) {
	var bindings rbacv1.RoleBindingList
	err = s.Admin.List(ctx, &bindings, s.projected())
	for _, b := range bindings.Items {
		subjects += len(b.Subjects)
	}
	return subjects, err
}

// kubernetesUsernames returns the ids of users by the names that their subjects have.
func (s *stack) kubernetesUsernames(ctx context.Context, ids []string) (map[string]string, error) {
	var d v1alpha1.CloudSSODirectory
	if err := s.Admin.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: v1alpha1.DirectoryName}, &d); err != nil {
		return nil, err
	}
	named := map[string]string{}
	for _, id := range ids {
		var u v1alpha1.CloudSSOUser
		if err := s.Admin.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: id}, &u); err != nil {
			return nil, err
		}
		name, err := access.Username(d.Spec.KubernetesUsername, &u)
		if err != nil {
			return nil, err
		}
		named[name] = id
	}
	return named, nil
}

// revoke deactivates users, and returns how long after its acknowledgement each was in no binding, in milliseconds.
func (b *bench) revoke(ctx context.Context, s *stack, ids []string) ([]float64, error) {
	named, err := s.kubernetesUsernames(ctx, ids)
	if err != nil {
		return nil, err
	}
	seen, stop, err := s.watchGone(ctx, named)
	if err != nil {
		return nil, err
	}
	defer stop()
	acknowledged, err := b.deactivate(ctx, s, ids)
	if err != nil {
		return nil, err
	}
	return awaitDisabled(ctx, acknowledged, seen)
}

// watchGone reports each of the users once no binding has it. Its channel closes when the watch ends.
func (s *stack) watchGone(ctx context.Context, named map[string]string) (<-chan sighting, func(), error) {
	var list rbacv1.RoleBindingList
	if err := s.raw.List(ctx, &list, s.projected()); err != nil {
		return nil, nil, err
	}
	held := map[client.ObjectKey][]string{} // users of each binding
	bindings := map[string]int{}            // in which each user is
	for _, b := range list.Items {
		held[client.ObjectKeyFromObject(&b)] = among(b.Subjects, named)
		for _, id := range held[client.ObjectKeyFromObject(&b)] {
			bindings[id]++
		}
	}
	for _, id := range named {
		if bindings[id] != groupsOfUser {
			return nil, nil, fmt.Errorf("%s is in %d bindings before it is deactivated", id, bindings[id])
		}
	}
	w, err := s.raw.Watch(ctx, &rbacv1.RoleBindingList{}, s.projected(), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return nil, nil, err
	}
	seen := make(chan sighting, len(named))
	go func() {
		defer close(seen)
		for event := range w.ResultChan() {
			b, ok := event.Object.(*rbacv1.RoleBinding)
			if !ok {
				return
			}
			key, after := client.ObjectKeyFromObject(b), []string{}
			if event.Type != watch.Deleted {
				after = among(b.Subjects, named)
			}
			for _, id := range after {
				bindings[id]++
			}
			for _, id := range held[key] {
				if bindings[id]--; bindings[id] == 0 {
					seen <- sighting{id, time.Now()}
				}
			}
			held[key] = after
		}
	}()
	return seen, w.Stop, nil
}

// among returns the ids of the users that are subjects.
func among(subjects []rbacv1.Subject, named map[string]string) (ids []string) {
	for _, s := range subjects {
		if id, known := named[s.Name]; known {
			ids = append(ids, id)
		}
	}
	return ids
}

// firstRefusals deactivates users one after the other, and returns how long after its acknowledgement each was refused a
// request that it was permitted before, in milliseconds.
func (b *bench) firstRefusals(ctx context.Context, s *stack, ids []string) (samples []float64, err error) {
	named, err := s.kubernetesUsernames(ctx, ids)
	if err != nil {
		return nil, err
	}
	for name, id := range named {
		latency, err := s.firstRefusal(ctx, name, id)
		if err != nil {
			return nil, err
		}
		samples = append(samples, milliseconds(latency))
	}
	return samples, nil
}

func (s *stack) firstRefusal(ctx context.Context, name, id string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, disabledTimeout)
	defer cancel()
	var bindings rbacv1.RoleBindingList
	if err := s.Admin.List(ctx, &bindings, s.projected()); err != nil {
		return 0, err
	}
	namespace := ""
	for _, b := range bindings.Items {
		if len(among(b.Subjects, map[string]string{name: id})) > 0 {
			namespace = b.Namespace
		}
	}
	config := rest.CopyConfig(s.ControlPlane.Admin())
	config.Impersonate.UserName = name
	person, err := client.New(config, client.Options{})
	if err != nil {
		return 0, err
	}
	list := func() error { return person.List(ctx, &corev1.PodList{}, client.InNamespace(namespace)) }
	if err := list(); err != nil {
		return 0, fmt.Errorf("%s may not list pods before it is deactivated: %w", name, err)
	}
	if _, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+id, load.SetActive(false)); err != nil {
		return 0, err
	}
	took, err := untilForbidden(list)
	if err != nil {
		return 0, fmt.Errorf("%s is not refused to list pods after it was deactivated: %w", name, err)
	}
	return took, nil
}

// untilForbidden repeats a request until the API server forbids it, and returns how long that took. Another error is none of its
// refusals: the API server may be away, or the time over.
func untilForbidden(request func() error) (time.Duration, error) {
	for began := time.Now(); ; {
		err := request()
		switch {
		case apierrors.IsForbidden(err):
			return time.Since(began), nil
		case err != nil:
			return 0, err
		}
	}
}

// pushUntil pushes a large group, a hundred members at a time, until ctx ends.
func (s *stack) pushUntil(ctx context.Context, round int) error {
	name := fmt.Sprintf("pushed-%d", round)
	group, err := s.createGroup(ctx, name)
	if err != nil {
		return err
	}
	if err := s.assign(ctx, name, openedNamespace(0)); err != nil {
		return err
	}
	users := s.seeded[assignments:]
	push := s.push(group, users)
	for n := range min(pushedMembers, len(users)) / pushSize {
		if ctx.Err() != nil {
			return nil
		}
		if err := push(ctx, 0, n); err != nil {
			return err
		}
	}
	return nil
}
