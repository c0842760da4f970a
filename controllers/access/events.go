package access

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// eventDriftRepaired is the reason of an Event that is no reason of a condition.
const eventDriftRepaired = "DriftRepaired"

// maxNote is how much an Event says of what was repaired: its note ends at 1,024 characters.
const maxNote = 700

// repairedEvent returns the Event that bindings were changed by another hand, and are as declared again.
func repairedEvent(repaired []string) controllerutil.Event {
	what := strings.Join(repaired, "; ")
	if len(what) > maxNote {
		what = strings.ToValidUTF8(what[:maxNote], "") + " …"
	}
	return controllerutil.Warning(eventDriftRepaired, "Repair", what+
		"; the bindings are as declared again: to change who has access, change the members of the principal, or this assignment")
}

// statusEvents returns the Events of the change from one status to the next.
func statusEvents(before, after *v1alpha1.CloudSSOAccessAssignment) (all []controllerutil.Event) {
	for _, conditionType := range []string{v1alpha1.ConditionUsersSkipped, v1alpha1.ConditionManySubjects} {
		was, is := meta.FindStatusCondition(before.Status.Conditions, conditionType), meta.FindStatusCondition(after.Status.Conditions, conditionType)
		if is != nil && (was == nil || was.Reason != is.Reason) {
			all = append(all, controllerutil.Warning(conditionType, "Report", is.Message))
		}
	}
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case was != nil && was.Reason == is.Reason, was == nil && is.Status == metav1.ConditionTrue:
	case is.Status == metav1.ConditionTrue:
		all = append(all, controllerutil.Normal(is.Reason, "Project", is.Message))
	default:
		all = append(all, controllerutil.Warning(is.Reason, "Report", is.Message))
	}
	return all
}
