package policy

import "github.com/cloudsso/cloudsso-operator/api/v1alpha1"

// UserState returns the state of a user. conflict says that another live user holds its userName. If there are
// several reasons to have no access, the first of Deprovisioned, Conflict, Disabled and Suspended is the state.
func UserState(u *v1alpha1.CloudSSOUser, conflict bool) v1alpha1.UserState {
	switch {
	case u.Spec.DeprovisionedAt != nil:
		return v1alpha1.UserDeprovisioned
	case conflict:
		return v1alpha1.UserConflict
	case u.Spec.Active != nil && !*u.Spec.Active:
		return v1alpha1.UserDisabled
	case u.Spec.Suspended:
		return v1alpha1.UserSuspended
	}
	return v1alpha1.UserActive
}

// IsEffective reports whether a user has the access that its memberships and assignments give.
func IsEffective(u *v1alpha1.CloudSSOUser, conflict bool) bool {
	return IsLive(u) && UserState(u, conflict) == v1alpha1.UserActive
}
