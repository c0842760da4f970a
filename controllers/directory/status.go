package directory

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// maxQuoted is how many bytes of an annotation a message quotes, because an Event's note has 1,024 bytes at most.
const maxQuoted = 40

// computeStatus writes a directory's status. The condition of the admission policies may be nil: not known yet.
func computeStatus(d *v1alpha1.CloudSSODirectory, selection policy.Selection, endpoint string, c counts, credentials []v1alpha1.SCIMCredential, now time.Time, policies *metav1.Condition) {
	position := policy.SwitchOf(d)
	d.Status.ObservedGeneration = d.Generation
	d.Status.Endpoint = endpoint
	recordSwitch(d, now)
	d.Status.RefusedWrites = policy.MissedWrites(d, now)
	recordCounts(d, position, c)
	recordWithheld(d, c.withheld, metav1.NewTime(now))
	d.Status.Credentials = countCredentials(credentials, now)
	conditions := []metav1.Condition{ready(d), activated(d), resync(d, position.In(selection), now)}
	if policies != nil {
		conditions = append(conditions, *policies)
	}
	for _, condition := range conditions {
		condition.ObservedGeneration = d.Generation
		condition.LastTransitionTime = metav1.NewTime(now)
		meta.SetStatusCondition(&d.Status.Conditions, condition)
	}
}

// recordSwitch sets the position of the switch, and the time if it has changed.
func recordSwitch(d *v1alpha1.CloudSSODirectory, now time.Time) {
	position := v1alpha1.SynchronizationDisabled
	if d.Spec.SCIMSynchronization == v1alpha1.SynchronizationEnabled {
		position = v1alpha1.SynchronizationEnabled
	}
	if d.Status.SCIMSynchronization == position {
		return
	}
	at := metav1.NewTime(now)
	d.Status.SCIMSynchronization, d.Status.SwitchedAt = position, &at
}

func recordCounts(d *v1alpha1.CloudSSODirectory, position policy.Switch, c counts) {
	d.Status.Users, d.Status.Groups = c.userCounts(), c.groupCounts()
	if position.HoldsDeletions() {
		d.Status.Users.DeletionHeld, d.Status.Groups.DeletionHeld = c.guardUsers, c.guardGroups
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

func ready(d *v1alpha1.CloudSSODirectory) metav1.Condition {
	position := policy.SwitchOf(d)
	if position == policy.SwitchAwaitingActivation {
		return metav1.Condition{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAwaitingActivation, Message: activated(d).Message,
		}
	}
	reason := v1alpha1.ReasonSynchronizationDisabled
	message := "SCIM synchronization is switched off" + until(d) + ": requests are refused, and synchronized users and groups may be edited and deleted"
	if position == policy.SwitchEnabled {
		reason, message = v1alpha1.ReasonReady, "SCIM requests are served, and synchronized users and groups are locked"
	}
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

// until returns when the switch is turned on again, as the end of a message; "" if a person has to turn it.
func until(d *v1alpha1.CloudSSODirectory) string {
	if d.Spec.ResumeAt == nil {
		return ""
	}
	return " until " + timeOf(*d.Spec.ResumeAt)
}

func timeOf(t metav1.Time) string { return t.UTC().Format(time.RFC3339) }

func resync(d *v1alpha1.CloudSSODirectory, position policy.Switch, now time.Time) metav1.Condition {
	missed := d.Status.RefusedWrites
	if missed == nil {
		return metav1.Condition{
			Type: v1alpha1.ConditionResyncNeeded, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNothingRefused,
			Message: "no write of the identity provider is missing: none was refused, or a full push has made up for it",
		}
	}
	condition := metav1.Condition{Type: v1alpha1.ConditionResyncNeeded, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonWritesRefused}
	when := "when the directory is served again, start"
	if position == policy.SwitchEnabled {
		condition.Status, when = metav1.ConditionTrue, "start"
	}
	condition.Message = fmt.Sprintf("%s refused while the directory was not served, and the identity provider does not retry: "+
		"%s a full push or import there, and when that has succeeded, run: %s%s",
		wereWrites(missed.Count), when, acknowledgeCommand(d), whyNotAcknowledged(d, now))
	return condition
}

// wereWrites returns a number of writes, and the verb that follows it.
func wereWrites(n int64) string {
	if n == 1 {
		return "1 write was"
	}
	return fmt.Sprintf("%d writes were", n)
}

// acknowledgeCommand returns the kubectl command that acknowledges a full push.
func acknowledgeCommand(d *v1alpha1.CloudSSODirectory) string {
	return fmt.Sprintf("kubectl -n %s annotate --overwrite cloudssodirectory %s %s=$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)",
		d.Namespace, d.Name, v1alpha1.AnnotationResynced)
}

// whyNotAcknowledged returns why the directory's acknowledgement has no effect; "" if it has none.
func whyNotAcknowledged(d *v1alpha1.CloudSSODirectory, now time.Time) string {
	at, err := policy.ResyncedAt(d)
	switch {
	case err != nil:
		return fmt.Sprintf(" (the annotation has no effect, because %q is not an RFC 3339 time such as 2027-01-31T12:00:00Z)", brief(d.Annotations[v1alpha1.AnnotationResynced]))
	case at.After(now):
		return " (the annotation has no effect yet, because its time is in the future)"
	}
	return ""
}

// maxCause is how many bytes of an error a message quotes. With the rest of it they fit into an Event's note.
const maxCause = 600

// brief returns the first maxQuoted bytes of a value.
func brief(value string) string { return first(value, maxQuoted) }

// first returns the first bytes of a text, at most n.
func first(text string, n int) string { return strings.ToValidUTF8(text[:min(len(text), n)], "") }
