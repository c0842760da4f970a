package controllerutil

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Event is a Kubernetes Event that has yet to be recorded.
type Event struct{ kind, reason, action, note string }

// Normal returns an Event of type Normal. action is what the operator did, in one word, as the events API wants it.
func Normal(reason, action, note string) Event {
	return Event{corev1.EventTypeNormal, reason, action, note}
}

// Warning returns an Event of type Warning, which a person should look at.
func Warning(reason, action, note string) Event {
	return Event{corev1.EventTypeWarning, reason, action, note}
}

// DeletionHeldEvents returns the Event that a deletion is held, if that is new.
func DeletionHeldEvents(before, after []metav1.Condition) []Event {
	if IsDeletionHeld(before) || !IsDeletionHeld(after) {
		return nil
	}
	return []Event{Warning(v1alpha1.ConditionDeletionHeld, "Hold", MessageOf(after, v1alpha1.ConditionDeletionHeld))}
}

// ReasonOf returns the reason of a condition; "" if there is none of that type.
func ReasonOf(conditions []metav1.Condition, conditionType string) string {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return c.Reason
	}
	return ""
}

// MessageOf returns the message of a condition; "" if there is none of that type.
func MessageOf(conditions []metav1.Condition, conditionType string) string {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return c.Message
	}
	return ""
}

// WhereToChange returns the end of an advice to change objects: people cannot change synchronized objects while the switch
// is on. It is "" if none of the sources is SCIM.
func WhereToChange(sources ...v1alpha1.Source) string {
	const where = "in the identity provider, or after switching SCIM synchronization off"
	switch {
	case !slices.Contains(sources, v1alpha1.SourceSCIM):
		return ""
	case slices.ContainsFunc(sources, func(s v1alpha1.Source) bool { return s != v1alpha1.SourceSCIM }):
		return "; the one of source SCIM " + where
	}
	return ", " + where
}

// maxNames is how many names one message has: an Event's note ends at 1,024 characters.
const maxNames = 10

// JoinNames returns names for a message, at most ten of them.
func JoinNames(names []string) string {
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}
