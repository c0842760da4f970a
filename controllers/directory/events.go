package directory

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// Reasons of Events on a directory, beside those of its conditions.
const (
	eventEnabled    = "SynchronizationEnabled"
	eventDisabled   = "SynchronizationDisabled"
	eventResumed    = "SynchronizationResumed"
	eventNotResumed = "SynchronizationNotResumed"
	eventResynced   = "Resynced"
)

// statusEvents returns the Events of the change from one status to the next: the directory waits for its activation, or was
// activated after that, the switch was turned, a write was refused (the first since the last full push), a full push is
// needed, a full push was acknowledged, deactivations are withheld, or decided, the namespace is not selected, and an
// admission policy is missing.
func statusEvents(before, after *v1alpha1.CloudSSODirectory) []controllerutil.Event {
	var all []controllerutil.Event
	conditionsBefore, conditions := before.Status.Conditions, after.Status.Conditions
	all = append(all, activationEvents(conditionsBefore, conditions)...)
	if was, is := before.Status.SCIMSynchronization, after.Status.SCIMSynchronization; was != is && !isAwaitingActivation(conditions) {
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
	all = append(all, withheldEvents(conditionsBefore, conditions)...)
	if isUnselected(conditions) && !isUnselected(conditionsBefore) {
		all = append(all, controllerutil.Warning(v1alpha1.ReasonNamespaceNotSelected, "Check", controllerutil.MessageOf(conditions, v1alpha1.ConditionNamespaceSelected)))
	}
	if isMissing(conditions) && !isMissing(conditionsBefore) {
		all = append(all, controllerutil.Warning(v1alpha1.ReasonPolicyMissing, "Check", controllerutil.MessageOf(conditions, v1alpha1.ConditionPoliciesInstalled)))
	}
	return all
}

func activationEvents(before, after []metav1.Condition) []controllerutil.Event {
	message := controllerutil.MessageOf(after, v1alpha1.ConditionActivated)
	switch was, is := isAwaitingActivation(before), isAwaitingActivation(after); {
	case is && !was:
		return []controllerutil.Event{controllerutil.Warning(v1alpha1.ReasonAwaitingActivation, "Activate", message)}
	case was && !is:
		return []controllerutil.Event{controllerutil.Normal(v1alpha1.ReasonActivated, "Activate", message)}
	}
	return nil
}

func isAwaitingActivation(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionActivated)
}

func isUnselected(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionNamespaceSelected)
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
