package controllerutil

import (
	"fmt"
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

// maxNames is how many names one message has: an Event's note ends at 1,024 characters.
const maxNames = 10

// JoinNames returns names for a message, at most ten of them.
func JoinNames(names []string) string {
	first := FirstNames{total: len(names)}
	first.names = names[:min(len(names), maxNames)]
	return first.String()
}

// FirstNames collects names for a message and keeps the first ten. The zero value is empty.
type FirstNames struct {
	names []string
	total int
}

// Add adds a name, with why it is named in brackets, if that is not "".
func (f *FirstNames) Add(name, why string) {
	f.total++
	if f.total > maxNames {
		return
	}
	if why != "" {
		name += " (" + why + ")"
	}
	f.names = append(f.names, name)
}

// Len returns how many names were added.
func (f *FirstNames) Len() int { return f.total }

// String returns the names as JoinNames does.
func (f *FirstNames) String() string {
	all := strings.Join(f.names, ", ")
	if more := f.total - len(f.names); more > 0 {
		return fmt.Sprintf("%s and %d more", all, more)
	}
	return all
}
