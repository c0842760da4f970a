package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// crowdSize is more than a group has room for in one object.
const crowdSize = v1alpha1.SliceSize + 50

// newCrowd creates users who are only ever members. They come by the operator's own identity, past the SCIM
// service: what they are needed for is their number.
func (w *Workload) newCrowd(ctx context.Context) error {
	operator, err := w.Replicas.operator(ctx)
	if err != nil {
		return err
	}
	for i := range crowdSize {
		u := &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: w.Replicas.Environment.Namespace, Name: fmt.Sprintf("crowd-%d", i),
				Finalizers: []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerMemberships},
			},
			Spec: v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: fmt.Sprintf("crowd-%d@example.com", i)},
		}
		if err := operator.Create(ctx, u); err != nil {
			return err
		}
		w.crowd = append(w.crowd, u.Name)
	}
	return nil
}

// operator has the operator's own identity.
func (r *Replicas) operator(ctx context.Context) (client.Client, error) {
	config, err := r.Environment.ControlPlane.Operator(ctx)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// slicesOf are the slices that count for a group.
func (o Objects) slicesOf(g *v1alpha1.CloudSSOGroup) (all []*v1alpha1.CloudSSOMembershipSlice) {
	for i := range o.Slices {
		if s := &o.Slices[i]; s.Spec.Group == g.Name && s.Spec.Source == g.Spec.Source && !policy.IsGoing(s) {
			all = append(all, s)
		}
	}
	return all
}

// members are those of the group's own list and of its slices, copies too.
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

func (o Objects) group(name string) (*v1alpha1.CloudSSOGroup, bool) {
	i := slices.IndexFunc(o.Groups, func(g v1alpha1.CloudSSOGroup) bool { return g.Name == name })
	if i < 0 {
		return nil, false
	}
	return &o.Groups[i], true
}

// unsettledSlices is what a controller has yet to collect: slices that hold nobody, or have no group.
func (o Objects) unsettledSlices() (wrong []string) {
	for i := range o.Slices {
		s := &o.Slices[i]
		if _, found := o.group(s.Spec.Group); !found {
			wrong = append(wrong, fmt.Sprintf("slice %s is there, and its group %s is not", s.Name, s.Spec.Group))
		}
		if len(s.Spec.Members) == 0 {
			wrong = append(wrong, fmt.Sprintf("slice %s of group %s holds nobody", s.Name, s.Spec.Group))
		}
	}
	return wrong
}

// Slicing checks how large groups are kept, which is not left to any controller.
func (o Objects) Slicing() (violations []Violation) {
	wrong := func(format string, args ...any) {
		violations = append(violations, Violation{Rule: "at the end", Text: fmt.Sprintf(format, args...)})
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		all := o.slicesOf(g)
		if len(all) > 0 && !g.Spec.Sliced {
			wrong("group %s has %d slices, and is not marked sliced", g.Name, len(all))
		}
		if n := len(g.Spec.Members); n > v1alpha1.SliceSize {
			wrong("group %s lists %d members itself", g.Name, n)
		}
		for _, s := range all {
			if n := len(s.Spec.Members); n > v1alpha1.SliceSize {
				wrong("slice %s of group %s lists %d members", s.Name, g.Name, n)
			}
		}
	}
	return violations
}

// Whole checks that groups whose members nobody has changed have those that they were created with.
func (o Objects) Whole(ops []*Op) (violations []Violation) {
	changed := map[string]bool{}
	for _, op := range ops {
		switch op.Kind {
		case AddMembers, RemoveMembers, ReplaceMembers, EmptyGroup:
			changed[op.Subject] = true
		}
	}
	for _, op := range ops {
		g, found := o.group(op.Result)
		if op.Kind != Create || op.Outcome != Done || !found || changed[op.Result] || !policy.IsLiveGroup(g) {
			continue
		}
		has, want := toSet(o.members(g)), toSet(op.Members)
		if missing, invented := without(want, has), without(has, want); len(missing)+len(invented) > 0 {
			violations = append(violations, Violation{"at the end", fmt.Sprintf("group %s, acknowledged by #%d with %d members, has %d; missing: %s; not asked for: %s",
				g.Name, op.ID, len(want), len(has), listed(missing), listed(invented)), []*Op{op}})
		}
	}
	return violations
}

// crowdsThrough checks that a replica shows the members of large groups that the API server holds.
func (r *Replicas) crowdsThrough(ctx context.Context, slot int, o Objects) (violations []Violation, err error) {
	p, err := r.Provider(r.urls[slot])
	if err != nil {
		return nil, err
	}
	defer p.HTTP.CloseIdleConnections()
	for i := range o.Groups {
		g := &o.Groups[i]
		if !g.Spec.Sliced || !policy.IsLiveGroup(g) {
			continue
		}
		answer, err := p.Do(ctx, http.MethodGet, "/Groups/"+g.Name, "")
		if err != nil {
			return nil, err
		}
		shown := (&Op{Group: true}).seen(answer.Body).Members
		want, got := toSet(o.members(g)), toSet(shown)
		if missing, invented := without(want, got), without(got, want); len(missing)+len(invented) > 0 || len(got) < len(shown) {
			violations = append(violations, Violation{Rule: "at the end", Text: fmt.Sprintf(
				"replica %d shows group %s with %d members, the API server holds %d; not shown: %s; not there: %s",
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
