package user

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/objects"
)

// Reasons of Events that are no reasons of conditions.
const (
	eventEnabled            = "Enabled"
	eventRestored           = "Restored"
	eventMembershipsRemoved = "MembershipsRemoved"
)

// notice is one Event on a user.
type notice struct {
	kind   string // corev1.EventTypeNormal or EventTypeWarning
	reason string
	action string // what the operator did about it, as the events API wants it
	note   string
}

// transitions returns the Events that tell of the way from one status to the next. That a new user is
// active goes without saying.
func transitions(before, after *v1alpha1.CloudSSOUser) []notice {
	var all []notice
	was, is := before.Status.State, after.Status.State
	if was != is && (was != "" || is != v1alpha1.UserActive) {
		all = append(all, became(was, is, after))
	}
	if objects.IsHeld(after.Status.Conditions) && !objects.IsHeld(before.Status.Conditions) {
		all = append(all, notice{
			corev1.EventTypeWarning, v1alpha1.ConditionDeletionHeld, "Hold",
			meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionDeletionHeld).Message,
		})
	}
	return all
}

func became(was, is v1alpha1.UserState, after *v1alpha1.CloudSSOUser) notice {
	ready := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	switch is {
	case v1alpha1.UserConflict:
		return notice{corev1.EventTypeWarning, ready.Reason, "Refuse", ready.Message}
	case v1alpha1.UserActive:
		if was == v1alpha1.UserDeprovisioned {
			return notice{corev1.EventTypeNormal, eventRestored, "Restore", "created again by the identity provider: has access, and no memberships until they are pushed"}
		}
		return notice{corev1.EventTypeNormal, eventEnabled, "Enable", "has access again"}
	case v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserDeprovisioned:
	}
	return notice{corev1.EventTypeNormal, ready.Reason, "Disable", ready.Message}
}

func (r *Reconciler) emit(u *v1alpha1.CloudSSOUser, all []notice) {
	for _, e := range all {
		r.Events.Eventf(u, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
}
