package credential

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Reasons of Events that are no reasons of conditions. None holds a token.
const (
	eventMinted   = "Minted"
	eventExpiring = "Expiring"
	eventEnabled  = "Enabled"
)

// notice is one Event on a credential.
type notice struct {
	kind   string // corev1.EventTypeNormal or EventTypeWarning
	reason string
	action string // what the operator did about it, as the events API wants it
	note   string
}

// transitions returns the Events that tell of the way from one status to the next.
func transitions(before, after *v1alpha1.SCIMCredential, minted bool) []notice {
	var all []notice
	if minted {
		all = append(all, notice{corev1.EventTypeNormal, eventMinted, "Mint", fmt.Sprintf(
			"a token was minted into Secret %s; hand it to the identity provider, then remove the key %q from the Secret: %q goes on authenticating",
			after.Name, v1alpha1.SecretKeyToken, v1alpha1.SecretKeyTokenHash)})
	}
	was, is := reasonOf(before), reasonOf(after)
	if was != is {
		all = append(all, changed(was, is, after)...)
	}
	if expiring(after) && !expiring(before) && is != v1alpha1.ReasonExpired {
		all = append(all, notice{corev1.EventTypeWarning, eventExpiring, "Warn", messageOf(after, v1alpha1.ConditionExpiring)})
	}
	return all
}

func changed(was, is string, after *v1alpha1.SCIMCredential) []notice {
	var all []notice
	if was == v1alpha1.ReasonDisabledCredential {
		all = append(all, notice{corev1.EventTypeNormal, eventEnabled, "Enable", "spec.disabled is no longer true"})
	}
	note := messageOf(after, v1alpha1.ConditionReady)
	switch is {
	case v1alpha1.ReasonDisabledCredential:
		all = append(all, notice{corev1.EventTypeNormal, is, "Disable", note})
	case v1alpha1.ReasonReady:
	default:
		all = append(all, notice{corev1.EventTypeWarning, is, "Refuse", note})
	}
	return all
}

func reasonOf(c *v1alpha1.SCIMCredential) string {
	if ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ""
}

func messageOf(c *v1alpha1.SCIMCredential, condition string) string {
	if found := meta.FindStatusCondition(c.Status.Conditions, condition); found != nil {
		return found.Message
	}
	return ""
}

func expiring(c *v1alpha1.SCIMCredential) bool {
	return meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionExpiring)
}

func (r *Reconciler) emit(c *v1alpha1.SCIMCredential, all []notice) {
	for _, e := range all {
		r.Events.Eventf(c, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
}
