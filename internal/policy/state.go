package policy

import "github.com/cloudsso/cloudsso-operator/api/v1alpha1"

// UserState is what a user amounts to. Conflict says that another live user stands for its userName, see
// UserHolder. Of several reasons to have no access, the one that only others can lift comes first.
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

// HasDeparted reports whether a user has to leave its groups: deprovisioned, or on its way out.
func HasDeparted(u *v1alpha1.CloudSSOUser) bool { return !IsLive(u) }
