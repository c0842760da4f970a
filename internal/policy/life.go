package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// SwitchOf is the position of a namespace's switch; directory is nil where there is none.
func SwitchOf(directory *v1alpha1.CloudSSODirectory) v1alpha1.Synchronization {
	if directory == nil || directory.Spec.SCIMSynchronization != v1alpha1.SynchronizationEnabled {
		return v1alpha1.SynchronizationDisabled
	}
	return v1alpha1.SynchronizationEnabled
}

// IsLive reports whether a user holds its userName: it is not deprovisioned, and not on its way out.
func IsLive(u *v1alpha1.CloudSSOUser) bool {
	return u.Spec.DeprovisionedAt == nil && !IsGoing(u)
}

// IsLiveGroup reports whether a group holds its displayName: it is not on its way out.
func IsLiveGroup(g *v1alpha1.CloudSSOGroup) bool { return !IsGoing(g) }

// IsGoing reports whether an object is being deleted and nothing holds it back. One that the guard
// still holds stays in full effect until synchronization is switched off.
func IsGoing(o metav1.Object) bool {
	return o.GetDeletionTimestamp() != nil && !slices.Contains(o.GetFinalizers(), v1alpha1.FinalizerGuard)
}

// IsSentinel reports whether an object is one that fences touch, and nobody. The label alone makes none:
// whoever may label a synchronized object must not be able to take it out of everybody's sight.
func IsSentinel(o metav1.Object) bool {
	return o.GetName() == v1alpha1.SentinelName && o.GetLabels()[v1alpha1.LabelFence] != "" && !isSynchronized(o)
}

func isSynchronized(o metav1.Object) bool {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return o.Spec.Source == v1alpha1.SourceSCIM
	case *v1alpha1.CloudSSOGroup:
		return o.Spec.Source == v1alpha1.SourceSCIM
	case *v1alpha1.CloudSSOMembershipSlice:
		return o.Spec.Source == v1alpha1.SourceSCIM
	}
	return false
}

// ExpelsUnknown reports whether a group's members that name nobody are taken out: those of a synchronized
// group were users once, for SCIM adds nobody else. Where people may write the list they may be early.
func ExpelsUnknown(g *v1alpha1.CloudSSOGroup, position v1alpha1.Synchronization) bool {
	return g.Spec.Source == v1alpha1.SourceSCIM && position == v1alpha1.SynchronizationEnabled
}

// HoldsDeletion reports whether a deletion must wait: the guard is on, and its directory synchronized.
func HoldsDeletion(o metav1.Object, source v1alpha1.Source, position v1alpha1.Synchronization) bool {
	return o.GetDeletionTimestamp() != nil && source == v1alpha1.SourceSCIM &&
		position == v1alpha1.SynchronizationEnabled && slices.Contains(o.GetFinalizers(), v1alpha1.FinalizerGuard)
}
