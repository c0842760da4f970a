package chaos

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// poolSize is more members than one object of a group takes.
const poolSize = v1alpha1.SliceSize + 50

// createPool creates the users that fill large groups, with the operator's own identity and not over SCIM: what counts is
// their number.
func (r *Replicas) createPool(ctx context.Context) (pool []string, err error) {
	for i := range poolSize {
		u := &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: r.Environment.Namespace, Name: fmt.Sprintf("pool-%d", i),
				Finalizers: []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerMemberships},
			},
			Spec: v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: fmt.Sprintf("pool-%d@example.com", i)},
		}
		if err := r.operator.Create(ctx, u); err != nil {
			return nil, err
		}
		pool = append(pool, u.Name)
	}
	return pool, nil
}

// slicesOf returns the slices of a group that count.
func (o Objects) slicesOf(g *v1alpha1.CloudSSOGroup) (all []*v1alpha1.CloudSSOMembershipSlice) {
	for i := range o.Slices {
		if s := &o.Slices[i]; s.Spec.Group == g.Name && s.Spec.Source == g.Spec.Source && !isTerminating(s) {
			all = append(all, s)
		}
	}
	return all
}

// members returns the members in the group's own list and in its slices, each as often as it is listed.
func (o Objects) members(g *v1alpha1.CloudSSOGroup) []string {
	names := []string{}
	add := func(list []v1alpha1.Member) {
		for _, m := range list {
			names = append(names, m.Name)
		}
	}
	add(g.Spec.Members)
	for _, s := range o.slicesOf(g) {
		add(s.Spec.Members)
	}
	return names
}

// CheckSlicing checks how large groups are stored. Requests do that alone, not controllers.
func (o Objects) CheckSlicing() (violations []Violation) {
	report := func(format string, args ...any) {
		violations = append(violations, Violation{Rule: "at the end", Text: fmt.Sprintf(format, args...)})
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		all := o.slicesOf(g)
		if len(all) > 0 && !g.Spec.Sliced {
			report("group %s has %d slices, and is not marked sliced", g.Name, len(all))
		}
		if n := len(g.Spec.Members); n > v1alpha1.SliceSize {
			report("group %s lists %d members itself", g.Name, n)
		}
		for _, s := range all {
			if n := len(s.Spec.Members); n > v1alpha1.SliceSize {
				report("slice %s of group %s lists %d members", s.Name, g.Name, n)
			}
		}
	}
	return violations
}

// CheckCreated checks that groups whose members no request has changed have those that they were created with, also if the
// create was not answered: a group is stored whole or not at all.
func (o Objects) CheckCreated(ops []*Op) (violations []Violation) {
	changed := map[string]bool{}
	for _, op := range ops {
		switch op.Kind {
		case AddMembers, RemoveMembers, ReplaceMembers, EmptyGroup:
			changed[op.Subject] = true
		}
	}
	for _, op := range ops {
		g, found := o.group(op.Result)
		if op.Kind != Create || op.Outcome != Done && !op.Resolved || !found || changed[op.Result] || isTerminating(g) {
			continue
		}
		has, want := toSet(o.members(g)), toSet(op.Members)
		if missing, invented := difference(want, has), difference(has, want); len(missing)+len(invented) > 0 {
			violations = append(violations, Violation{"at the end", fmt.Sprintf("group %s, created by #%d with %d members, has %d; missing: %s; not asked for: %s",
				g.Name, op.ID, len(want), len(has), listed(missing), listed(invented)), []*Op{op}})
		}
	}
	return violations
}

// checkLargeGroups checks that a replica shows the members of large groups that the API server holds.
func (r *Replicas) checkLargeGroups(ctx context.Context, slot int, o Objects) (violations []Violation, err error) {
	p, err := r.Provider(r.urls[slot])
	if err != nil {
		return nil, err
	}
	defer p.HTTP.CloseIdleConnections()
	_, visible := o.visible()
	for i := range o.Groups {
		g := &o.Groups[i]
		if !g.Spec.Sliced || !visible[g.Name] {
			continue
		}
		answer, err := p.Do(ctx, http.MethodGet, "/Groups/"+g.Name, "")
		if err != nil {
			return nil, err
		}
		shown := (&Op{Group: true}).seen(answer.Body).Members
		want, got := toSet(o.members(g)), toSet(shown)
		if missing, invented := difference(want, got), difference(got, want); len(missing)+len(invented) > 0 || len(got) < len(shown) {
			violations = append(violations, Violation{Rule: "at the end", Text: fmt.Sprintf(
				"replica %d shows group %s with %d members, the API server holds %d; not shown: %s; shown only: %s",
				slot, g.Name, len(shown), len(want), listed(missing), listed(invented))})
		}
	}
	return violations, nil
}

func toSet(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
