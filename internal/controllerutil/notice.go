package controllerutil

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Notice is one Event that tells a person what became of an object.
type Notice struct{ kind, reason, action, note string }

// Normal is a notice of what went as it should. action is what the operator did, as the events API wants
// it: one word.
func Normal(reason, action, note string) Notice {
	return Notice{corev1.EventTypeNormal, reason, action, note}
}

// Warning is a notice of what somebody should look at, likewise.
func Warning(reason, action, note string) Notice {
	return Notice{corev1.EventTypeWarning, reason, action, note}
}

// Emit records notices on an object.
func Emit(recorder events.EventRecorder, o runtime.Object, all ...Notice) {
	for _, n := range all {
		recorder.Eventf(o, nil, n.kind, n.reason, n.action, "%s", n.note)
	}
}

// NoticesOfHold tell that a deletion has come to be held, if it has.
func NoticesOfHold(before, after []metav1.Condition) []Notice {
	if IsHeld(before) || !IsHeld(after) {
		return nil
	}
	return []Notice{Warning(v1alpha1.ConditionDeletionHeld, "Hold", MessageOf(after, v1alpha1.ConditionDeletionHeld))}
}

// ReasonOf is the reason of a condition; empty if there is none of that type.
func ReasonOf(conditions []metav1.Condition, conditionType string) string {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return c.Reason
	}
	return ""
}

// MessageOf is the message of a condition; empty if there is none of that type.
func MessageOf(conditions []metav1.Condition, conditionType string) string {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return c.Message
	}
	return ""
}

// Unlock tells, at the end of an advice to change objects, where that is possible: what is synchronized no
// person can change while the switch is on. It is empty if nothing of it is synchronized.
func Unlock(sources ...v1alpha1.Source) string {
	const where = "in the identity provider, or after switching SCIM synchronization off"
	switch {
	case !slices.Contains(sources, v1alpha1.SourceSCIM):
		return ""
	case slices.ContainsFunc(sources, func(s v1alpha1.Source) bool { return s != v1alpha1.SourceSCIM }):
		return "; the one of source SCIM " + where
	}
	return ", " + where
}

// maxListed is how many names one message lists: an Event's note ends at 1,024 characters.
const maxListed = 10

// Listed names what a message is about, at most ten by name.
func Listed(names []string) string {
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
}
