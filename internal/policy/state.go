package policy

import "github.com/cloudsso/cloudsso-operator/api/v1alpha1"

// UserState returns the state of a user. conflict says that another live user holds its userName. If there are
// several reasons to have no effect, the first of Deprovisioned, Conflict, Disabled and Suspended is the state.
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

// IneffectiveReason returns the reason of a user's False Effective condition; "" if the user has effect. conflict says that
// another live user holds its userName, pending that it is not known which user does.
func IneffectiveReason(u *v1alpha1.CloudSSOUser, conflict, pending bool) string {
	switch UserState(u, conflict) {
	case v1alpha1.UserDeprovisioned:
		return v1alpha1.ReasonDeprovisioned
	case v1alpha1.UserConflict:
		return v1alpha1.ReasonUserNameConflict
	case v1alpha1.UserDisabled:
		return v1alpha1.ReasonDisabled
	case v1alpha1.UserSuspended:
		return v1alpha1.ReasonSuspended
	case v1alpha1.UserActive:
	}
	if pending {
		return v1alpha1.ReasonUserNamePending
	}
	return ""
}

// IsEffective reports whether a user has effect as a member.
func IsEffective(u *v1alpha1.CloudSSOUser, conflict bool) bool {
	return IsLive(u) && UserState(u, conflict) == v1alpha1.UserActive
}
