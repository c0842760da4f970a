package directory

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// Reasons of Events on a directory, beside v1alpha1.ConditionResyncNeeded and ReasonWritesRefused.
const (
	eventEnabled  = "SynchronizationEnabled"
	eventDisabled = "SynchronizationDisabled"
	eventResynced = "Resynced"
)

// statusEvents returns the Events of the change from one status to the next: the switch was turned, a write was
// refused (the first since the last full push), a full push is needed, a full push was acknowledged, and an admission
// policy is missing.
func statusEvents(before, after *v1alpha1.CloudSSODirectory) []controllerutil.Event {
	var all []controllerutil.Event
	conditionsBefore, conditions := before.Status.Conditions, after.Status.Conditions
	if was, is := before.Status.SCIMSynchronization, after.Status.SCIMSynchronization; was != is {
		reason := eventDisabled
		if is == v1alpha1.SynchronizationEnabled {
			reason = eventEnabled
		}
		all = append(all, controllerutil.Normal(reason, "Switch", controllerutil.MessageOf(conditions, v1alpha1.ConditionReady)))
	}
	switch {
	case needsResync(conditions) && !needsResync(conditionsBefore):
		all = append(all, controllerutil.Warning(v1alpha1.ConditionResyncNeeded, "Report", controllerutil.MessageOf(conditions, v1alpha1.ConditionResyncNeeded)))
	case refused(conditions) && !refused(conditionsBefore):
		all = append(all, controllerutil.Warning(v1alpha1.ReasonWritesRefused, "Refuse", controllerutil.MessageOf(conditions, v1alpha1.ConditionResyncNeeded)))
	case refused(conditionsBefore) && !refused(conditions):
		all = append(all, controllerutil.Normal(eventResynced, "Report", controllerutil.MessageOf(conditions, v1alpha1.ConditionResyncNeeded)))
	}
	if isMissing(conditions) && !isMissing(conditionsBefore) {
		all = append(all, controllerutil.Warning(v1alpha1.ReasonPolicyMissing, "Check", controllerutil.MessageOf(conditions, v1alpha1.ConditionPoliciesInstalled)))
	}
	return all
}

func isMissing(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionPoliciesInstalled)
}

func needsResync(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionResyncNeeded)
}

func refused(conditions []metav1.Condition) bool {
	return controllerutil.ReasonOf(conditions, v1alpha1.ConditionResyncNeeded) == v1alpha1.ReasonWritesRefused
}
