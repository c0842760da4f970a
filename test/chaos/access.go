package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

// grantedRole is the ClusterRole that every assignment grants. The operator may bind it.
const grantedRole = "view"

// subjectOf returns the Kubernetes user name of a user: package quickstart has the directory make it of the userName, in
// lower case.
func subjectOf(userName string) string { return oidcissuer.UsernamePrefix + strings.ToLower(userName) }

// userNameOf returns the userName in lower case that a Kubernetes user name is made of.
func userNameOf(subject string) string { return strings.TrimPrefix(subject, oidcissuer.UsernamePrefix) }

// assignments returns the assignments of the round number n: to teams, whose members change; to a group and a user that
// compete for their names, so that the principal may be deleted and another object get its name; and to a user that is
// disabled and enabled. The large team needs several bindings in each namespace. One selects namespaces that come and go. Some have
// times: within the round, and ahead of it by less than the clock may jump.
func (r *round) assignments(n int, created time.Time) []*v1alpha1.CloudSSOAccessAssignment {
	readers, writers, large := r.teams[0], r.teams[1], r.teams[2]
	group := func(p v1alpha1.AccessPrincipal) v1alpha1.AccessPrincipal {
		p.Kind = v1alpha1.PrincipalGroup
		return p
	}
	user := func(p v1alpha1.AccessPrincipal) v1alpha1.AccessPrincipal {
		p.Kind = v1alpha1.PrincipalUser
		return p
	}
	return []*v1alpha1.CloudSSOAccessAssignment{
		newAssignment("readers", n, group(v1alpha1.AccessPrincipal{DisplayName: readers.name}), targetNamespaces),
		newAssignment(withdrawn, n, group(v1alpha1.AccessPrincipal{Name: writers.id}), targetNamespaces[:2]),
		newAssignment(largeTeam, n, group(v1alpha1.AccessPrincipal{Name: large.id}), targetNamespaces[:2]),
		selecting("selecting", n, group(v1alpha1.AccessPrincipal{Name: readers.id})),
		newAssignment("group", n, group(v1alpha1.AccessPrincipal{DisplayName: r.groups.names[0]}), targetNamespaces[1:]),
		newAssignment("user", n, user(v1alpha1.AccessPrincipal{UserName: r.users[0].names[0]}), targetNamespaces[1:]),
		newAssignment("permanent", n, user(v1alpha1.AccessPrincipal{Name: r.permanent.ids[0].ID}), targetNamespaces),
		timed("ending", n, group(v1alpha1.AccessPrincipal{Name: readers.id}), nil, &metav1.Time{Time: created.Add(roundTime / 2)}),
		timed("beginning", n, user(v1alpha1.AccessPrincipal{Name: r.permanent.ids[1].ID}), &metav1.Time{Time: created.Add(roundTime / 2)}, nil),
		timed("ahead", n, user(v1alpha1.AccessPrincipal{Name: r.permanent.ids[0].ID}), &metav1.Time{Time: created.Add(farthestJump / 2)}, nil),
	}
}

// selecting returns an assignment that gives its role in the namespaces that come and go.
func selecting(name string, n int, principal v1alpha1.AccessPrincipal) *v1alpha1.CloudSSOAccessAssignment {
	a := newAssignment(name, n, principal, nil)
	a.Spec.Target.NamespaceSelector = &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{selectedLabel: selected}}
	return a
}

// timed returns an assignment that gives its role for a time.
func timed(name string, n int, principal v1alpha1.AccessPrincipal, from, until *metav1.Time) *v1alpha1.CloudSSOAccessAssignment {
	a := newAssignment(name, n, principal, targetNamespaces[:1])
	a.Spec.NotBefore, a.Spec.ExpiresAt = from, until
	return a
}

// withdrawn begins the name of the assignment that is deleted when the next round begins.
const withdrawn = "writers"

func newAssignment(name string, n int, principal v1alpha1.AccessPrincipal, namespaces []string) *v1alpha1.CloudSSOAccessAssignment {
	return &v1alpha1.CloudSSOAccessAssignment{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, n)},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: principal,
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: grantedRole},
			Target:    v1alpha1.AccessTarget{Namespaces: namespaces},
		},
	}
}

// assign creates the assignments of the round number n, and deletes one of the round before.
func (w *Workload) assign(ctx context.Context, r *round, n int) error {
	environment := w.Replicas.Environment
	for _, a := range r.assignments(n, time.Now()) {
		a.Namespace = environment.Namespace
		err := surely(ctx, func(ctx context.Context) error {
			return client.IgnoreAlreadyExists(environment.Admin.Create(ctx, a.DeepCopy()))
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	before := &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: fmt.Sprintf("%s-%d", withdrawn, n-1)}}
	return surely(ctx, func(ctx context.Context) error { return client.IgnoreNotFound(environment.Admin.Delete(ctx, before)) })
}

// deactivation returns the deactivation of a user of the present round that is never deleted: one that has access now, if
// there is one. It reports false before the first round.
func (w *Workload) deactivation(random *rand.Rand) (o Op, found bool) {
	r := w.current.Load()
	if r == nil {
		return o, false
	}
	users, present := r.permanent.all(), w.Sightings.Present()
	chosen := pick(random, users)
	for _, i := range random.Perm(len(users)) {
		if u := users[i]; present[subjectOf(u.Name)] {
			chosen = u
			break
		}
	}
	return Op{Partition: r.permanent.partition, Kind: Deactivate, Subject: chosen.ID}, true
}
