package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// SwitchOf returns the position of a namespace's switch; directory is nil if there is none.
func SwitchOf(directory *v1alpha1.CloudSSODirectory) v1alpha1.Synchronization {
	if directory == nil || directory.Spec.SCIMSynchronization != v1alpha1.SynchronizationEnabled {
		return v1alpha1.SynchronizationDisabled
	}
	return v1alpha1.SynchronizationEnabled
}

// IsLive reports whether a user can hold its userName: it is not deprovisioned, and not terminating.
func IsLive(u *v1alpha1.CloudSSOUser) bool {
	return u.Spec.DeprovisionedAt == nil && !IsTerminating(u)
}

// IsLiveGroup reports whether a group can hold its displayName: it is not terminating.
func IsLiveGroup(g *v1alpha1.CloudSSOGroup) bool { return !IsTerminating(g) }

// IsTerminating reports whether an object is being deleted and the guard does not hold it. An object that the guard holds
// stays in full effect until synchronization is switched off. One that is terminating can never be live again.
func IsTerminating(o metav1.Object) bool {
	return o.GetDeletionTimestamp() != nil && !slices.Contains(o.GetFinalizers(), v1alpha1.FinalizerGuard)
}

// IsDeleted reports whether an object is being deleted, or was when it was seen last.
func IsDeleted(o metav1.Object) bool { return o.GetDeletionTimestamp() != nil }

// RemovesUnknownMembers reports whether members of a group that are no users are taken out. Those of a synchronized group
// were users once, because SCIM adds no others. If people may write the list, a member may be created later.
func RemovesUnknownMembers(g *v1alpha1.CloudSSOGroup, position v1alpha1.Synchronization) bool {
	return g.Spec.Source == v1alpha1.SourceSCIM && position == v1alpha1.SynchronizationEnabled
}

// ProtectsDeletion reports whether a deletion must wait: the guard is on, and the directory is synchronized.
func ProtectsDeletion(o metav1.Object, source v1alpha1.Source, position v1alpha1.Synchronization) bool {
	return o.GetDeletionTimestamp() != nil && source == v1alpha1.SourceSCIM &&
		position == v1alpha1.SynchronizationEnabled && slices.Contains(o.GetFinalizers(), v1alpha1.FinalizerGuard)
}
