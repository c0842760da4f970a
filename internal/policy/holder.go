package policy

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

// UserHolder is the user that stands for a userName, of all live users that have it in some spelling, in the order in
// which they took it: the first whose userName was accepted, or of none the first. Nil of none.
func UserHolder(candidates []*v1alpha1.CloudSSOUser) *v1alpha1.CloudSSOUser {
	return holder(candidates, IsAccepted)
}

// GroupHolder is the group that stands for a displayName, likewise.
func GroupHolder(candidates []*v1alpha1.CloudSSOGroup) *v1alpha1.CloudSSOGroup {
	return holder(candidates, IsAcceptedGroup)
}

func holder[T any](candidates []T, isAccepted func(T) bool) (none T) {
	if i := slices.IndexFunc(candidates, isAccepted); i >= 0 {
		return candidates[i]
	}
	if len(candidates) > 0 {
		return candidates[0]
	}
	return none
}

// IsAccepted reports whether a user has been found to stand for its userName.
func IsAccepted(u *v1alpha1.CloudSSOUser) bool { return accepted(u.Spec.UserName, u.Status.UserName) }

// IsAcceptedGroup reports whether a group has been found to stand for its displayName.
func IsAcceptedGroup(g *v1alpha1.CloudSSOGroup) bool {
	return accepted(g.Spec.DisplayName, g.Status.DisplayName)
}

func accepted(name, acceptedName string) bool {
	return acceptedName != "" && fold.Name(name) == fold.Name(acceptedName)
}

// IsInConflict reports whether a user, as it is now, has been found to have the userName of another.
func IsInConflict(u *v1alpha1.CloudSSOUser) bool {
	return inConflict(u.Generation, u.Status.Conditions, v1alpha1.ReasonUserNameConflict)
}

// IsGroupInConflict reports whether a group, as it is now, has been found to have the displayName of another.
func IsGroupInConflict(g *v1alpha1.CloudSSOGroup) bool {
	return inConflict(g.Generation, g.Status.Conditions, v1alpha1.ReasonDisplayNameConflict)
}

func inConflict(generation int64, conditions []metav1.Condition, reason string) bool {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	return c != nil && c.Reason == reason && c.ObservedGeneration == generation
}
