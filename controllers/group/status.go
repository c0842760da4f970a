package group

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// computeStatus writes a group's status.
func computeStatus(g *v1alpha1.CloudSSOGroup, holding controllerutil.NameHolding, scan memberScan) {
	g.Status.ObservedGeneration = g.Generation
	g.Status.Members = &scan.live
	g.Status.ClaimedName = holding.ClaimedName(g, g.Spec.DisplayName, g.Status.ClaimedName)
	meta.SetStatusCondition(&g.Status.Conditions, ready(g, holding, scan))
}

func ready(g *v1alpha1.CloudSSOGroup, holding controllerutil.NameHolding, scan memberScan) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: g.Generation}
	switch {
	case holding.Other != nil:
		c.Reason, c.Message = v1alpha1.ReasonDisplayNameConflict, holding.ConflictMessage(g, g.Spec.DisplayName)
	case holding.Undecided:
		c.Reason, c.Message = v1alpha1.ReasonDisplayNamePending, controllerutil.PendingMessage(g, g.Spec.DisplayName)
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
