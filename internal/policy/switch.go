package policy

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Switch is what is in effect in a namespace: whether SCIM requests are served, and if not, why.
type Switch string

// The states of a namespace.
const (
	// SwitchEnabled serves SCIM requests. Only the operator writes synchronized objects.
	SwitchEnabled Switch = "Enabled"
	// SwitchAwaitingActivation refuses SCIM requests: the switch is Enabled, but the directory is not activated. People
	// may create and change synchronized objects, as a restore does. Deletions are held.
	SwitchAwaitingActivation Switch = "AwaitingActivation"
	// SwitchDisabled refuses SCIM requests. People may write and delete synchronized objects.
	SwitchDisabled Switch = "Disabled"
	// SwitchNotSelected refuses SCIM requests like SwitchAwaitingActivation: the cluster's administrator has not selected the
	// namespace for a directory.
	SwitchNotSelected Switch = "NotSelected"
	// SwitchSelectionUnknown is SwitchNotSelected while it is not known whether the namespace is selected.
	SwitchSelectionUnknown Switch = "SelectionUnknown"
	// SwitchAbsent is SwitchDisabled in a namespace without a directory.
	SwitchAbsent Switch = "Absent"
)

// SwitchOf returns what is in effect in a namespace; directory is nil if there is none.
func SwitchOf(directory *v1alpha1.CloudSSODirectory) Switch {
	switch {
	case directory == nil:
		return SwitchAbsent
	case directory.Spec.SCIMSynchronization != v1alpha1.SynchronizationEnabled:
		return SwitchDisabled
	case !IsActivated(directory):
		return SwitchAwaitingActivation
	}
	return SwitchEnabled
}

// Selection says whether a namespace may be a directory.
type Selection string

// The selections of a namespace.
const (
	NamespaceSelected    Selection = "Selected"
	NamespaceNotSelected Selection = "NotSelected"
	NamespaceUnknown     Selection = "Unknown" // its labels cannot be read
)

// In returns what is in effect in a namespace of that selection. The switch decides first, because a person can turn it.
func (s Switch) In(selection Selection) Switch {
	switch {
	case s == SwitchDisabled, s == SwitchAbsent, selection == NamespaceSelected:
		return s
	case selection == NamespaceNotSelected:
		return SwitchNotSelected
	}
	return SwitchSelectionUnknown
}

// HoldsDeletions reports whether people may not delete synchronized objects.
func (s Switch) HoldsDeletions() bool { return s == SwitchEnabled || s == SwitchAwaitingActivation }

// IsRestored reports whether an object was restored from a backup, as its metadata say.
func IsRestored(o metav1.Object) bool {
	_, byVelero := o.GetLabels()[v1alpha1.LabelRestored]
	_, byHand := o.GetAnnotations()[v1alpha1.AnnotationRestored]
	return byVelero || byHand
}

// IsActivated reports whether a directory is activated. A tool that restores a status too brings back a time before the
// creation of the restored directory, which has no effect.
func IsActivated(d *v1alpha1.CloudSSODirectory) bool {
	at := d.Status.ActivatedAt
	return at != nil && !at.Time.Before(d.CreationTimestamp.Time)
}

// MayActivate reports whether the operator may activate a directory: one that was restored only if a person says so.
func MayActivate(d *v1alpha1.CloudSSODirectory) bool {
	return !IsRestored(d) || d.Annotations[v1alpha1.AnnotationActivate] == string(d.UID)
}

// ActivationTime returns the status.activatedAt of a directory that is activated now. The clock of the API server, which
// wrote the creation time, may be ahead.
func ActivationTime(d *v1alpha1.CloudSSODirectory, now time.Time) metav1.Time {
	if now.Before(d.CreationTimestamp.Time) {
		return d.CreationTimestamp
	}
	return metav1.NewTime(now)
}

// ActivateCommand returns the kubectl command that activates a restored directory.
func ActivateCommand(d *v1alpha1.CloudSSODirectory) string {
	return fmt.Sprintf("kubectl -n %s annotate --overwrite cloudssodirectory %s %s=%s", d.Namespace, v1alpha1.DirectoryName, v1alpha1.AnnotationActivate, d.UID)
}
