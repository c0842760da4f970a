package group

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// eventMembersRemoved is the reason of an Event that is no reason of a condition.
const eventMembersRemoved = "MembersRemoved"

// statusEvents returns the Events of the change from one status to the next.
func statusEvents(before, after *v1alpha1.CloudSSOGroup) []controllerutil.Event {
	all := controllerutil.DeletionHeldEvents(before.Status.Conditions, after.Status.Conditions)
	if !hasManualMembers(before) && hasManualMembers(after) {
		all = append(all, controllerutil.Warning(v1alpha1.ConditionManualMembers, "Report",
			controllerutil.MessageOf(after.Status.Conditions, v1alpha1.ConditionManualMembers)))
	}
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case was != nil && was.Reason == is.Reason, was == nil && is.Reason == v1alpha1.ReasonReady:
	case is.Reason == v1alpha1.ReasonReady:
		all = append(all, controllerutil.Normal(is.Reason, "Accept", is.Message))
	default:
		all = append(all, controllerutil.Warning(is.Reason, "Report", is.Message))
	}
	return all
}

func hasManualMembers(g *v1alpha1.CloudSSOGroup) bool {
	return meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.ConditionManualMembers)
}
