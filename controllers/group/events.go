package group

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/objects"
)

// eventMembersDeparted is the reason of an Event that is no reason of a condition.
const eventMembersDeparted = "MembersDeparted"

// notice is one Event on a group.
type notice struct {
	kind   string // corev1.EventTypeNormal or EventTypeWarning
	reason string
	action string // what the operator did about it, as the events API wants it
	note   string
}

// transitions returns the Events that tell of the way from one status to the next.
func transitions(before, after *v1alpha1.CloudSSOGroup) []notice {
	var all []notice
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case was != nil && was.Reason == is.Reason, was == nil && is.Reason == v1alpha1.ReasonReady:
	case is.Reason == v1alpha1.ReasonReady:
		all = append(all, notice{corev1.EventTypeNormal, is.Reason, "Accept", is.Message})
	default:
		all = append(all, notice{corev1.EventTypeWarning, is.Reason, "Report", is.Message})
	}
	if objects.IsHeld(after.Status.Conditions) && !objects.IsHeld(before.Status.Conditions) {
		all = append(all, notice{
			corev1.EventTypeWarning, v1alpha1.ConditionDeletionHeld, "Hold",
			meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionDeletionHeld).Message,
		})
	}
	return all
}

func (r *Reconciler) emit(g *v1alpha1.CloudSSOGroup, all []notice) {
	for _, e := range all {
		r.Events.Eventf(g, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
}
