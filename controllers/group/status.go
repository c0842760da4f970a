package group

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// judge writes into the status what the group amounts to, and returns what became of its members.
//
// The namesakes come first: they are as of the group's own revision, and so is from then on the index by
// which a user that comes or goes finds this group again.
func (r *Reconciler) judge(ctx context.Context, g *v1alpha1.CloudSSOGroup) (called roll, err error) {
	candidates, err := r.Namesakes(ctx, g)
	if err != nil {
		return roll{}, fmt.Errorf("looking for other groups named %q in namespace %s: %w", g.Spec.DisplayName, g.Namespace, err)
	}
	if !slices.ContainsFunc(candidates, func(other *v1alpha1.CloudSSOGroup) bool { return other.Name == g.Name }) {
		return roll{}, controllerutil.ErrUnsettled
	}
	if called, err = r.callRoll(ctx, g); err != nil {
		return roll{}, err
	}
	holder := policy.GroupHolder(candidates)
	g.Status.ObservedGeneration = g.Generation
	g.Status.Members = &called.present
	g.Status.DisplayName = g.Spec.DisplayName
	if conflicts(g, holder) {
		g.Status.DisplayName = "" // it has to be accepted anew
	}
	meta.SetStatusCondition(&g.Status.Conditions, ready(g, holder, called))
	return called, nil
}

func conflicts(g, holder *v1alpha1.CloudSSOGroup) bool { return holder != nil && holder.Name != g.Name }

func ready(g, holder *v1alpha1.CloudSSOGroup, called roll) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: g.Generation}
	switch {
	case conflicts(g, holder):
		c.Reason = v1alpha1.ReasonDisplayNameConflict
		c.Message = fmt.Sprintf("displayName %q is already that of CloudSSOGroup %s; rename or delete one of the two%s",
			g.Spec.DisplayName, holder.Name, controllerutil.Unlock(g.Spec.Source, holder.Spec.Source))
	case len(called.unknown) > 0:
		c.Reason = v1alpha1.ReasonUnknownMembers
		c.Message = "members name no CloudSSOUser of this namespace: " + controllerutil.Listed(called.unknown) + "; create those users, or take them out of spec.members" + controllerutil.Unlock(g.Spec.Source)
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "as declared"
	}
	return c
}
