package plugin

import (
	"fmt"
	"slices"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// switchEffects says what each position of the switch means.
var switchEffects = map[v1alpha1.Synchronization][]string{
	v1alpha1.SynchronizationEnabled: {
		"Requests of the identity provider are served.",
		"Synchronized users and groups can be neither changed nor deleted by hand.",
		"What was changed by hand stays until the identity provider writes the same attributes.",
	},
	v1alpha1.SynchronizationDisabled: {
		"Requests of the identity provider are refused with 403, from the next request on.",
		"It does not repeat them: a user who is deactivated there in the meantime keeps access here.",
		"People with the right in RBAC can change and delete synchronized users and groups, and delete the directory.",
	},
}

// SwitchEffects returns what a position of the switch means, in sentences.
func SwitchEffects(position v1alpha1.Synchronization) []string {
	return slices.Clone(switchEffects[position])
}

// SwitchEnd says when a break ends, if that is not when a person ends it or differs from what was set before; "" otherwise. limit
// is how long the switch is off; zero for no limit.
func SwitchEnd(d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization, limit time.Duration) string {
	switch {
	case limit > 0 && !policy.IsActivated(d):
		return fmt.Sprintf("The operator turns it on again after %s, but not before a person has activated the directory (docs/restore.md).", policy.ShortDuration(limit))
	case limit > 0:
		return fmt.Sprintf("The operator turns it on again after %s.", policy.ShortDuration(limit))
	case position == v1alpha1.SynchronizationDisabled && DisabledUntil(d) != "":
		return fmt.Sprintf("It is off%s now. That end is removed: it stays off until a person turns it on.", DisabledUntil(d))
	}
	return ""
}

// DisabledUntil says when the operator turns the switch on, as in " until 2027-01-31T12:00:00Z"; "" if it does not.
func DisabledUntil(d *v1alpha1.CloudSSODirectory) string {
	if d.Spec.ResumeAt == nil || d.Spec.SCIMSynchronization == v1alpha1.SynchronizationEnabled {
		return ""
	}
	return " until " + d.Spec.ResumeAt.UTC().Format(time.RFC3339)
}
