package directory

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// record writes into the status what the directory amounts to.
func record(d *v1alpha1.CloudSSODirectory, endpoint string, t tally, credentials []v1alpha1.SCIMCredential, now time.Time) {
	position := policy.SwitchOf(d)
	d.Status.ObservedGeneration = d.Generation
	d.Status.Endpoint = endpoint
	recordSwitch(d, position, now)
	recordCounts(d, position, t)
	d.Status.Credentials = countCredentials(credentials, now)
	for _, condition := range []metav1.Condition{ready(position), resync(d, position)} {
		condition.ObservedGeneration = d.Generation
		condition.LastTransitionTime = metav1.NewTime(now)
		meta.SetStatusCondition(&d.Status.Conditions, condition)
	}
}

// recordSwitch notes when the switch was turned. What is refused is counted anew from when it is off.
func recordSwitch(d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization, now time.Time) {
	was := d.Status.SCIMSynchronization
	if was == position {
		return
	}
	at := metav1.NewTime(now)
	d.Status.SCIMSynchronization, d.Status.SwitchedAt = position, &at
	if was == v1alpha1.SynchronizationEnabled {
		d.Status.RefusedWrites = nil
	}
}

func recordCounts(d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization, t tally) {
	d.Status.Users = &v1alpha1.UserCounts{
		Active: t.active, Disabled: t.disabled, Deprovisioned: t.deprovisioned, SCIM: t.scimUsers, Manual: t.manualUsers,
	}
	d.Status.Groups = &v1alpha1.GroupCounts{SCIM: t.scimGroups, Manual: t.manualGroups}
	if position == v1alpha1.SynchronizationEnabled {
		d.Status.Users.DeletionHeld, d.Status.Groups.DeletionHeld = t.guardUsers, t.guardGroups
	}
}

func countCredentials(credentials []v1alpha1.SCIMCredential, now time.Time) *v1alpha1.CredentialCounts {
	counts := &v1alpha1.CredentialCounts{}
	for i := range credentials {
		counts.Total++
		if policy.CredentialUsable(&credentials[i], now) {
			counts.Usable++
		}
	}
	return counts
}

func ready(position v1alpha1.Synchronization) metav1.Condition {
	message := "SCIM synchronization is switched off: requests are refused, and synchronized users and groups may be edited and deleted"
	if position == v1alpha1.SynchronizationEnabled {
		message = "SCIM requests are served, and synchronized users and groups are locked"
	}
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady, Message: message}
}

func resync(d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization) metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionResyncNeeded, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNothingRefused,
		Message: "nothing was refused while SCIM synchronization was last switched off",
	}
	refused := refusedCount(d)
	if refused == 0 {
		return condition
	}
	condition.Reason = v1alpha1.ReasonWritesRefused
	condition.Message = fmt.Sprintf("%d writes of the identity provider were refused since SCIM synchronization was switched off; "+
		"it does not retry them: once it is on again, start a full push or import there", refused)
	if position == v1alpha1.SynchronizationEnabled {
		condition.Status = metav1.ConditionTrue
	}
	return condition
}

func refusedCount(d *v1alpha1.CloudSSODirectory) int64 {
	if d.Status.RefusedWrites == nil {
		return 0
	}
	return d.Status.RefusedWrites.Count
}
