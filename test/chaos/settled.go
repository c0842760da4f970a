package chaos

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

const (
	// settleTimeout is how long the controllers may take to finish: the lease of a leader that was killed, and half a
	// minute for the number of a large group's members.
	settleTimeout  = time.Minute
	settleInterval = 250 * time.Millisecond
)

// AwaitSettled waits until the controllers have finished. It returns the objects as they were read last, and what is still wrong
// with them.
func (r *Replicas) AwaitSettled(ctx context.Context) (o Objects, wrong []string, err error) {
	err = wait.PollUntilContextTimeout(ctx, settleInterval, settleTimeout, true, func(ctx context.Context) (bool, error) {
		current, err := r.objects(ctx)
		if err != nil {
			return false, err
		}
		o, wrong = current, current.unsettled()
		return len(wrong) == 0, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil && !o.ReadAt.IsZero() {
		err = nil // wrong says it all
	}
	return o, wrong, err
}

// unsettled returns everything that a controller has yet to do.
func (o Objects) unsettled() (wrong []string) {
	live, hidden := map[string]bool{}, o.hidden()
	for i := range o.Users {
		u := &o.Users[i]
		live[u.Name] = isLive(u)
		if problem := unsettledUser(u, hidden[u.Name]); problem != "" {
			wrong = append(wrong, fmt.Sprintf("user %s %s", u.Name, problem))
		}
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		for _, problem := range o.unsettledGroup(g, live) {
			wrong = append(wrong, fmt.Sprintf("group %s %s", g.Name, problem))
		}
	}
	return slices.Concat(wrong, o.unsettledSlices(), o.undecidedNames(), o.unsettledNamespaces(), o.unsettledAccess())
}

// undecidedNames returns the names that several live objects have and none of them holds.
func (o Objects) undecidedNames() (wrong []string) {
	holders := o.holders()
	for key, ids := range o.named() {
		if len(ids) > 1 && !slices.Contains(ids, holders[key]) {
			wrong = append(wrong, fmt.Sprintf("%s is the name of %v, and the claim is that of %q", key, ids, holders[key]))
		}
	}
	return wrong
}

// stateOf returns the state that a user's status must have.
func stateOf(u *v1alpha1.CloudSSOUser, hidden bool) v1alpha1.UserState {
	switch {
	case u.Spec.DeprovisionedAt != nil:
		return v1alpha1.UserDeprovisioned
	case hidden:
		return v1alpha1.UserConflict
	case u.Spec.Active != nil && !*u.Spec.Active:
		return v1alpha1.UserDisabled
	case u.Spec.Suspended:
		return v1alpha1.UserSuspended
	}
	return v1alpha1.UserActive
}

func unsettledUser(u *v1alpha1.CloudSSOUser, hidden bool) string {
	state := stateOf(u, hidden)
	isOrdinary := state == v1alpha1.UserActive && len(u.Status.Conditions) == 0
	switch {
	case u.Status.State != state:
		return fmt.Sprintf("is %s and should be %s", u.Status.State, state)
	case !isOrdinary && !hasCondition(u, v1alpha1.ConditionReady, !hidden):
		return fmt.Sprintf("is %s and Ready should be %t: %v", state, !hidden, u.Status.Conditions)
	case !isOrdinary && !hasCondition(u, v1alpha1.ConditionEffective, state == v1alpha1.UserActive):
		return fmt.Sprintf("is %s and Effective should be %t: %v", state, state == v1alpha1.UserActive, u.Status.Conditions)
	case u.Spec.Source == v1alpha1.SourceManual && isLive(u) && !hidden && u.Status.ClaimedName != u.Spec.UserName:
		return fmt.Sprintf("is called %q and its claimedName is %q", u.Spec.UserName, u.Status.ClaimedName)
	}
	return ""
}

// hasCondition reports whether a user has a condition with the status given.
func hasCondition(u *v1alpha1.CloudSSOUser, conditionType string, want bool) bool {
	c := meta.FindStatusCondition(u.Status.Conditions, conditionType)
	return c != nil && (c.Status == metav1.ConditionTrue) == want
}

// unsettledGroup returns what a controller has yet to do for a group. live says of each user that exists whether it is.
func (o Objects) unsettledGroup(g *v1alpha1.CloudSSOGroup, live map[string]bool) (wrong []string) {
	if isTerminating(g) {
		return []string{"is still being deleted"}
	}
	if g.Status.ObservedGeneration != g.Generation {
		wrong = append(wrong, fmt.Sprintf("is at generation %d, its status at %d", g.Generation, g.Status.ObservedGeneration))
	}
	seen := map[string]bool{}
	for _, m := range o.members(g) {
		if seen[m] {
			wrong = append(wrong, fmt.Sprintf("has member %s twice", m))
		}
		seen[m] = true
		if !live[m] {
			wrong = append(wrong, fmt.Sprintf("has member %s, which is not live", m))
		}
	}
	if n := g.Status.Members; n == nil || int(*n) != len(seen) {
		wrong = append(wrong, fmt.Sprintf("has %d members and counts another number", len(seen)))
	}
	return wrong
}

// creationLifetime is how long a slice may be without a group: a request creates it before the group, and may have died then.
const creationLifetime = 10 * time.Minute

// unsettledSlices returns the slices that a controller has yet to delete: those without members or without a group.
func (o Objects) unsettledSlices() (wrong []string) {
	for i := range o.Slices {
		s := &o.Slices[i]
		if _, found := o.group(s.Spec.Group); !found && o.ReadAt.Sub(s.CreationTimestamp.Time) > creationLifetime {
			wrong = append(wrong, fmt.Sprintf("slice %s exists, and its group %s does not", s.Name, s.Spec.Group))
		}
		if len(s.Spec.Members) == 0 {
			wrong = append(wrong, fmt.Sprintf("slice %s of group %s has no members", s.Name, s.Spec.Group))
		}
	}
	return wrong
}

// acknowledgedNames returns the names under which the last answers said that objects are stored, by id: of creates and
// renames that were done.
func acknowledgedNames(ops []*Op) map[string]map[string]bool {
	names := map[string]map[string]bool{}
	for _, o := range ops {
		if !o.Names() || o.Outcome != Done {
			continue
		}
		if names[o.about()] == nil {
			names[o.about()] = map[string]bool{}
		}
		names[o.about()][fold.Name(o.Name)] = true
	}
	return names
}
