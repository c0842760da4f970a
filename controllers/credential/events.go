package credential

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// Reasons of Events beside those of the conditions.
const (
	eventMinted   = "Minted"
	eventExpiring = "Expiring"
	eventEnabled  = "Enabled"
)

// statusEvents returns the Events of the change from one status to the next.
func statusEvents(before, after *v1alpha1.SCIMCredential, minted bool) []controllerutil.Event {
	var all []controllerutil.Event
	if minted {
		all = append(all, controllerutil.Normal(eventMinted, "Mint", fmt.Sprintf(
			"a token was minted into Secret %s; give it to the identity provider, then delete the Secret: every reader of it can use the token, and spec.tokenHash goes on authenticating",
			after.Status.SecretName)))
	}
	was, is := controllerutil.ReasonOf(before.Status.Conditions, v1alpha1.ConditionReady), controllerutil.ReasonOf(after.Status.Conditions, v1alpha1.ConditionReady)
	if was != is {
		all = append(all, readyEvents(was, is, after)...)
	}
	if expiring(after) && !expiring(before) && is != v1alpha1.ReasonExpired {
		all = append(all, controllerutil.Warning(eventExpiring, "Warn", controllerutil.MessageOf(after.Status.Conditions, v1alpha1.ConditionExpiring)))
	}
	return all
}

// readyEvents returns the Events of a changed reason of the condition Ready.
func readyEvents(was, is string, after *v1alpha1.SCIMCredential) []controllerutil.Event {
	var all []controllerutil.Event
	if was == v1alpha1.ReasonDisabledCredential {
		all = append(all, controllerutil.Normal(eventEnabled, "Enable", "spec.disabled is no longer true"))
	}
	note := controllerutil.MessageOf(after.Status.Conditions, v1alpha1.ConditionReady)
	switch is {
	case v1alpha1.ReasonDisabledCredential:
		all = append(all, controllerutil.Normal(is, "Disable", note))
	case v1alpha1.ReasonReady:
	default:
		all = append(all, controllerutil.Warning(is, "Refuse", note))
	}
	return all
}

func expiring(c *v1alpha1.SCIMCredential) bool {
	return meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionExpiring)
}
