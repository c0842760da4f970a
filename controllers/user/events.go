package user

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// Reasons of Events that are no reasons of conditions.
const (
	eventEnabled            = "Enabled"
	eventRestored           = "Restored"
	eventMembershipsRemoved = "MembershipsRemoved"
)

// transitions returns the Events that tell of the way from one status to the next.
func transitions(before, after *v1alpha1.CloudSSOUser) []controllerutil.Notice {
	all := controllerutil.NoticesOfHold(before.Status.Conditions, after.Status.Conditions)
	if was, is := before.Status.State, after.Status.State; was != is && !isEveryday(after.Spec.Source, was, is) {
		all = append(all, became(was, is, after))
	}
	return all
}

// isEveryday reports whether a change of state needs no Event: a new user is active, and a synchronized one is what the
// provider says. Its status says since when, and an Event would be one more write for each leaver
// (docs/adr/0009-one-write.md).
func isEveryday(source v1alpha1.Source, was, is v1alpha1.UserState) bool {
	const active, disabled = v1alpha1.UserActive, v1alpha1.UserDisabled
	if was == "" && is == active {
		return true
	}
	return source == v1alpha1.SourceSCIM && (was == "" || was == active || was == disabled) && (is == active || is == disabled)
}

func became(was, is v1alpha1.UserState, after *v1alpha1.CloudSSOUser) controllerutil.Notice {
	ready := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	switch is {
	case v1alpha1.UserConflict:
		return controllerutil.Warning(ready.Reason, "Refuse", ready.Message)
	case v1alpha1.UserActive:
		if was == v1alpha1.UserDeprovisioned {
			return controllerutil.Normal(eventRestored, "Restore", "created again by the identity provider: has access, and no memberships until they are pushed")
		}
		return controllerutil.Normal(eventEnabled, "Enable", "has access again")
	case v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserDeprovisioned:
	}
	return controllerutil.Normal(ready.Reason, "Disable", ready.Message)
}
