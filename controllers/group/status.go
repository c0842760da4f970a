package group

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// computeStatus writes a group's status.
func computeStatus(g *v1alpha1.CloudSSOGroup, holding controllerutil.NameHolding, scan memberScan) {
	g.Status.ObservedGeneration = g.Generation
	g.Status.Members = &scan.live
	g.Status.ClaimedName = claimedName(g, holding)
	meta.SetStatusCondition(&g.Status.Conditions, ready(g, holding, scan))
}

// claimedName returns the displayName that a Manual group holds. While it is not decided who holds the present one, the
// group keeps what it has.
func claimedName(g *v1alpha1.CloudSSOGroup, holding controllerutil.NameHolding) string {
	switch {
	case g.Spec.Source != v1alpha1.SourceManual, holding.Other != nil:
		return ""
	case holding.Undecided:
		return g.Status.ClaimedName
	}
	return g.Spec.DisplayName
}

func ready(g *v1alpha1.CloudSSOGroup, holding controllerutil.NameHolding, scan memberScan) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: g.Generation}
	switch {
	case holding.Other != nil:
		c.Reason = v1alpha1.ReasonDisplayNameConflict
		c.Message = fmt.Sprintf("displayName %q is already that of CloudSSOGroup %s; rename or delete one of the two%s",
			g.Spec.DisplayName, holding.Other.GetName(), controllerutil.WhereToChange(g.Spec.Source, sourceOf(holding)))
	case holding.Undecided:
		c.Reason = v1alpha1.ReasonDisplayNamePending
		c.Message = fmt.Sprintf("a request that is under way, or has failed, has claimed displayName %q for another object; this is looked at again every two seconds", g.Spec.DisplayName)
	case len(scan.unknown) > 0:
		c.Reason = v1alpha1.ReasonUnknownMembers
		c.Message = "members name no CloudSSOUser of this namespace: " + controllerutil.JoinNames(scan.unknown) + "; create those users, or take them out of spec.members" + controllerutil.WhereToChange(g.Spec.Source)
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "as declared"
		if len(scan.notLive) > 0 {
			c.Message += "; without effect because they are deprovisioned or being deleted: " + controllerutil.JoinNames(scan.notLive)
		}
	}
	return c
}

func sourceOf(holding controllerutil.NameHolding) v1alpha1.Source {
	if other, ok := holding.Other.(*v1alpha1.CloudSSOGroup); ok {
		return other.Spec.Source
	}
	return ""
}
