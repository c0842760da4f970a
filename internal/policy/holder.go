package policy

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

// UserHolder is the user that stands for a userName, of all live users that have it in some spelling:
// whose userName was accepted first. Nil of none.
func UserHolder(candidates []*v1alpha1.CloudSSOUser) *v1alpha1.CloudSSOUser {
	return holder(candidates, IsAccepted)
}

// GroupHolder is the group that stands for a displayName, of all live groups that have it in some
// spelling: whose displayName was accepted first. Nil of none.
func GroupHolder(candidates []*v1alpha1.CloudSSOGroup) *v1alpha1.CloudSSOGroup {
	return holder(candidates, IsAcceptedGroup)
}

// holder prefers who was accepted; of several or none, the oldest, and of one age the first by name. So
// everybody who knows the same candidates picks the same one.
func holder[T metav1.Object](candidates []T, isAccepted func(T) bool) (none T) {
	if len(candidates) == 0 {
		return none
	}
	return slices.MinFunc(candidates, func(a, b T) int {
		return cmp.Or(
			compareBool(isAccepted(b), isAccepted(a)),
			a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
			cmp.Compare(a.GetName(), b.GetName()),
		)
	})
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

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
