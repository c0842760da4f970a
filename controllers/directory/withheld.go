package directory

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// eventDecided is the reason of the Event that no deactivation is withheld any more.
const eventDecided = "DeactivationsDecided"

// recordWithheld sets the condition DeactivationsWithheld. Without a budget, and without a withheld deactivation, there is no
// such condition. Without a budget nothing is counted either.
func recordWithheld(d *v1alpha1.CloudSSODirectory, n int32, now metav1.Time) {
	d.Status.Users.Withheld = n
	if d.Spec.DisablementBudget == nil {
		d.Status.Deactivations = nil
		if n == 0 {
			meta.RemoveStatusCondition(&d.Status.Conditions, v1alpha1.ConditionDeactivationsWithheld)
			return
		}
	}
	since := now
	if isWithholding(d.Status.Conditions) {
		since = meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionDeactivationsWithheld).LastTransitionTime
	}
	condition := deactivationsWithheld(d, n, since.Time)
	condition.ObservedGeneration, condition.LastTransitionTime = d.Generation, now
	meta.SetStatusCondition(&d.Status.Conditions, condition)
}

// deactivationsWithheld returns the condition, which says how to decide. Its message fits into an Event.
func deactivationsWithheld(d *v1alpha1.CloudSSODirectory, n int32, since time.Time) metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionDeactivationsWithheld, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNothingWithheld,
		Message: "no deactivation waits for a decision",
	}
	if n == 0 {
		return condition
	}
	condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonBudgetExceeded
	are := "1 deactivation is"
	if n > 1 {
		are = fmt.Sprintf("%d deactivations are", n)
	}
	condition.Message = fmt.Sprintf("%s withheld, since %s, because spec.disablementBudget is used up; these users stay active. "+
		"Find out whether the identity provider means it. To apply one: %s NAME; to apply all: %s; to discard them, replace Apply by Discard",
		are, since.UTC().Format(time.RFC3339), policy.DecideCommand(d.Namespace, v1alpha1.DecisionApply), policy.DecideAllCommand(d.Namespace, v1alpha1.DecisionApply))
	return condition
}

func isWithholding(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionDeactivationsWithheld)
}

// withheldEvents returns the Event that deactivations are withheld, or not any more.
func withheldEvents(before, after []metav1.Condition) []controllerutil.Event {
	switch was, is := isWithholding(before), isWithholding(after); {
	case is && !was:
		return []controllerutil.Event{controllerutil.Warning(v1alpha1.ConditionDeactivationsWithheld, "Withhold", controllerutil.MessageOf(after, v1alpha1.ConditionDeactivationsWithheld))}
	case was && !is:
		return []controllerutil.Event{controllerutil.Normal(eventDecided, "Decide", "no deactivation is withheld any more")}
	}
	return nil
}
