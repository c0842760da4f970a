package user

import (
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

// transitions returns the Events that tell of the way from one status to the next.
func transitions(before, after *v1alpha1.CloudSSOUser) []objects.Notice {
	all := objects.NoticesOfHold(before.Status.Conditions, after.Status.Conditions)
	was, is := before.Status.State, after.Status.State
	if was != is && (!isEveryday(was) || !isEveryday(is)) {
		all = append(all, became(was, is, after))
	}
	return all
}

// isEveryday reports whether a state comes of no more than the provider's word. The status says since when, and an
// Event would be one more write for each joiner and leaver (docs/adr/0009-one-write.md).
func isEveryday(s v1alpha1.UserState) bool {
	return s == "" || s == v1alpha1.UserActive || s == v1alpha1.UserDisabled
}

func became(was, is v1alpha1.UserState, after *v1alpha1.CloudSSOUser) objects.Notice {
	ready := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	switch is {
	case v1alpha1.UserConflict:
		return objects.Warning(ready.Reason, "Refuse", ready.Message)
	case v1alpha1.UserActive:
		if was == v1alpha1.UserDeprovisioned {
			return objects.Normal(eventRestored, "Restore", "created again by the identity provider: has access, and no memberships until they are pushed")
		}
		return objects.Normal(eventEnabled, "Enable", "has access again")
	case v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserDeprovisioned:
	}
	return objects.Normal(ready.Reason, "Disable", ready.Message)
}
