package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// IsLive reports whether a user or group can hold its name: it is not terminating, and not a deprovisioned user.
func IsLive(o metav1.Object) bool {
	u, isUser := o.(*v1alpha1.CloudSSOUser)
	return !IsTerminating(o) && (!isUser || u.Spec.DeprovisionedAt == nil)
}

// IsTerminating reports whether an object is being deleted and the guard does not hold it. An object that the guard holds
// stays in full effect until synchronization is switched off. One that is terminating can never be live again.
func IsTerminating(o metav1.Object) bool {
	return IsBeingDeleted(o) && !slices.Contains(o.GetFinalizers(), v1alpha1.FinalizerGuard)
}

// IsBeingDeleted reports whether the deletion of an object has begun; the guard may hold it.
func IsBeingDeleted(o metav1.Object) bool { return o.GetDeletionTimestamp() != nil }

// SourceOf returns the source of a user, a group or a slice; "" for any other object.
func SourceOf(o metav1.Object) v1alpha1.Source {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return o.Spec.Source
	case *v1alpha1.CloudSSOGroup:
		return o.Spec.Source
	case *v1alpha1.CloudSSOMembershipSlice:
		return o.Spec.Source
	}
	return ""
}

// HasOwners reports whether a synchronized object has owner references. The operator sets none, because the garbage collector
// would delete the object with its owner.
func HasOwners(o metav1.Object) bool {
	return SourceOf(o) == v1alpha1.SourceSCIM && len(o.GetOwnerReferences()) > 0
}

// RemovesUnknownMembers reports whether members of a group that are no users are taken out. Those of a synchronized group
// were users once, because SCIM adds no others. If people may write the list, a member may be created later.
func RemovesUnknownMembers(g *v1alpha1.CloudSSOGroup, position Switch) bool {
	return g.Spec.Source == v1alpha1.SourceSCIM && position == SwitchEnabled
}

// ProtectsDeletion reports whether a deletion must wait: the guard is on, and the directory is synchronized.
func ProtectsDeletion(o metav1.Object, position Switch) bool {
	return IsBeingDeleted(o) && SourceOf(o) == v1alpha1.SourceSCIM &&
		position.HoldsDeletions() && slices.Contains(o.GetFinalizers(), v1alpha1.FinalizerGuard)
}
