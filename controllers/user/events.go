package user

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// Reasons of Events that are no reasons of conditions.
const (
	eventEnabled            = "Enabled"
	eventMembershipsRemoved = "MembershipsRemoved"
	eventApplied            = "DeactivationApplied"
	eventDiscarded          = "DeactivationDiscarded"
)

// statusEvents returns the Events of the change from one status to the next.
func statusEvents(before, after *v1alpha1.CloudSSOUser) []controllerutil.Event {
	all := controllerutil.DeletionHeldEvents(before.Status.Conditions, after.Status.Conditions)
	if was, is := before.Status.State, after.Status.State; was != is && !isRoutine(after.Spec.Source, was, is) {
		all = append(all, stateEvent(is, after))
	}
	return all
}

// isRoutine reports whether a change of state needs no Event: a new user is active, and a synchronized one follows the
// identity provider. Its status says since when, and an Event would be one more write for each deactivated user
// (docs/adr/0009-one-write.md).
func isRoutine(source v1alpha1.Source, was, is v1alpha1.UserState) bool {
	const active, disabled = v1alpha1.UserActive, v1alpha1.UserDisabled
	if was == "" && is == active {
		return true
	}
	return source == v1alpha1.SourceSCIM && (was == "" || was == active || was == disabled) && (is == active || is == disabled)
}

func stateEvent(is v1alpha1.UserState, after *v1alpha1.CloudSSOUser) controllerutil.Event {
	effect := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionEffective)
	switch is {
	case v1alpha1.UserConflict:
		return controllerutil.Warning(effect.Reason, "Refuse", effect.Message)
	case v1alpha1.UserActive:
		return controllerutil.Normal(eventEnabled, "Enable", "active again: counts as a member of its groups")
	case v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserDeprovisioned:
	}
	return controllerutil.Normal(effect.Reason, "Disable", effect.Message)
}
