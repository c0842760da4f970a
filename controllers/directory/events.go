package directory

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Reasons of Events on a directory, beside v1alpha1.ConditionResyncNeeded and ReasonWritesRefused.
const (
	eventEnabled  = "SynchronizationEnabled"
	eventDisabled = "SynchronizationDisabled"
)

// notice is one Event on a directory.
type notice struct {
	kind   string // corev1.EventTypeNormal or EventTypeWarning
	reason string
	action string // what the operator did about it, as the events API wants it
	note   string
}

// transitions returns the Events that tell of the way from one status to the next. before is the status
// as the SCIM side had last written it: refused writes are told of when Ready has not been told of them.
func transitions(before, after *v1alpha1.CloudSSODirectory) []notice {
	var all []notice
	if was, is := before.Status.SCIMSynchronization, after.Status.SCIMSynchronization; was != is {
		reason := eventDisabled
		if is == v1alpha1.SynchronizationEnabled {
			reason = eventEnabled
		}
		all = append(all, notice{corev1.EventTypeNormal, reason, "Switch", messageOf(after, v1alpha1.ConditionReady)})
	}
	switch {
	case needsResync(after) && !needsResync(before):
		all = append(all, notice{corev1.EventTypeWarning, v1alpha1.ConditionResyncNeeded, "Report", messageOf(after, v1alpha1.ConditionResyncNeeded)})
	case reasonOfResync(after) == v1alpha1.ReasonWritesRefused && reasonOfResync(before) != v1alpha1.ReasonWritesRefused:
		all = append(all, notice{corev1.EventTypeWarning, v1alpha1.ReasonWritesRefused, "Refuse", messageOf(after, v1alpha1.ConditionResyncNeeded)})
	}
	return all
}

func needsResync(d *v1alpha1.CloudSSODirectory) bool {
	return meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionResyncNeeded)
}

func reasonOfResync(d *v1alpha1.CloudSSODirectory) string {
	if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionResyncNeeded); c != nil {
		return c.Reason
	}
	return ""
}

func messageOf(d *v1alpha1.CloudSSODirectory, condition string) string {
	if c := meta.FindStatusCondition(d.Status.Conditions, condition); c != nil {
		return c.Message
	}
	return ""
}
