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
	g.Status.ClaimedName = holding.ClaimedName(g, g.Spec.DisplayName, g.Status.ClaimedName)
	recordMembers(g, scan)
	set(g, ready(g, holding, scan))
	set(g, effective(g, holding))
	if scan.manual.Len() > 0 {
		set(g, manualMembers(scan))
	} else {
		meta.RemoveStatusCondition(&g.Status.Conditions, v1alpha1.ConditionManualMembers)
	}
	if scan.ineffective.Len() > 0 {
		set(g, ineffectiveMembers(scan))
	} else {
		meta.RemoveStatusCondition(&g.Status.Conditions, v1alpha1.ConditionIneffectiveMembers)
	}
}

func set(g *v1alpha1.CloudSSOGroup, c metav1.Condition) {
	c.ObservedGeneration = g.Generation
	meta.SetStatusCondition(&g.Status.Conditions, c)
}

// recordMembers writes the numbers of members. Those that do not apply to the group's source are absent.
func recordMembers(g *v1alpha1.CloudSSOGroup, scan memberScan) {
	g.Status.Members, g.Status.EffectiveMembers, g.Status.ManualMembers = &scan.live, nil, nil
	if g.Spec.Source == v1alpha1.SourceSCIM {
		g.Status.ManualMembers = new(int32(scan.manual.Len())) //nolint:gosec // a group has fewer members
	} else {
		g.Status.EffectiveMembers = &scan.effective
	}
}

func ready(g *v1alpha1.CloudSSOGroup, holding controllerutil.NameHolding, scan memberScan) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse}
	switch {
	case holding.Other != nil:
		c.Reason, c.Message = v1alpha1.ReasonDisplayNameConflict, holding.ConflictMessage(g, g.Spec.DisplayName)
	case holding.Undecided:
		c.Reason, c.Message = v1alpha1.ReasonDisplayNamePending, controllerutil.PendingMessage(g, g.Spec.DisplayName)
	case len(scan.unknown) > 0:
		c.Reason = v1alpha1.ReasonUnknownMembers
		c.Message = "members name no CloudSSOUser of this namespace: " + controllerutil.JoinNames(scan.unknown) + "; create those users, or take them out of spec.members" + untilSwitchedOn(g)
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "as declared"
	}
	return c
}

// untilSwitchedOn returns what becomes of unknown members of a synchronized group, which may have some while the switch is
// off.
func untilSwitchedOn(g *v1alpha1.CloudSSOGroup) string {
	if g.Spec.Source == v1alpha1.SourceSCIM {
		return "; when SCIM synchronization is switched on, the operator takes them out"
	}
	return ""
}

// effective returns the condition Effective. A Manual group whose name is not decided has effect as long as its claimedName
// is its displayName.
func effective(g *v1alpha1.CloudSSOGroup, holding controllerutil.NameHolding) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionEffective, Status: metav1.ConditionFalse}
	switch {
	case holding.Other != nil:
		c.Reason, c.Message = v1alpha1.ReasonDisplayNameConflict, holding.ConflictMessage(g, g.Spec.DisplayName)
	case holding.Undecided && g.Status.ClaimedName != g.Spec.DisplayName:
		c.Reason, c.Message = v1alpha1.ReasonDisplayNamePending, controllerutil.PendingMessage(g, g.Spec.DisplayName)
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonEffective, "holds its displayName: each member that has effect counts"
	}
	return c
}

func manualMembers(scan memberScan) metav1.Condition {
	return metav1.Condition{
		Type: v1alpha1.ConditionManualMembers, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAddedByHand,
		Message: "members of source Manual, which the identity provider neither sees nor removes: " + scan.manual.String() +
			"; to take them out of spec.members, first switch SCIM synchronization off",
	}
}

func ineffectiveMembers(scan memberScan) metav1.Condition {
	return metav1.Condition{
		Type: v1alpha1.ConditionIneffectiveMembers, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonWithoutEffect,
		Message: "members that are listed without effect: " + scan.ineffective.String() + "; take out those that are not to come back",
	}
}
