package group

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// eventMembersDeparted is the reason of an Event that is no reason of a condition.
const eventMembersDeparted = "MembersDeparted"

// transitions returns the Events that tell of the way from one status to the next.
func transitions(before, after *v1alpha1.CloudSSOGroup) []controllerutil.Notice {
	all := controllerutil.NoticesOfHold(before.Status.Conditions, after.Status.Conditions)
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
