package plugin

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var now = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

func healthy() (*v1alpha1.CloudSSODirectory, *v1alpha1.SCIMCredential) {
	at := &metav1.Time{Time: now}
	d := &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme"},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
		Status:     v1alpha1.CloudSSODirectoryStatus{LastRequestTime: at},
	}
	c := &v1alpha1.SCIMCredential{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta"},
		Spec:       v1alpha1.SCIMCredentialSpec{ExpiresAt: &metav1.Time{Time: now.AddDate(1, 0, 0)}},
		Status: v1alpha1.SCIMCredentialStatus{
			SlotHeldSince: at, Conditions: []metav1.Condition{{Type: v1alpha1.ConditionUsable, Status: metav1.ConditionTrue}},
		},
	}
	return d, c
}

// The condition is behind the acknowledgement until the operator has looked.
func TestAcknowledgedPushIsNotAskedForAgain(t *testing.T) {
	d, c := healthy()
	d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionResyncNeeded, Status: metav1.ConditionTrue}}
	d.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: 1, Last: []v1alpha1.RefusedWrite{{Time: metav1.NewTime(now.Add(-time.Minute))}}}
	d.Annotations = map[string]string{v1alpha1.AnnotationResynced: now.Format(time.RFC3339)}
	if next := Advise(d, []v1alpha1.SCIMCredential{*c}, now); next[0].Topic != TopicNothing {
		t.Errorf("got %q", Sentences(next))
	}
}

func TestAdvice(t *testing.T) {
	is := func(kind string, status metav1.ConditionStatus) func(*v1alpha1.CloudSSODirectory, *v1alpha1.SCIMCredential) {
		return func(d *v1alpha1.CloudSSODirectory, _ *v1alpha1.SCIMCredential) {
			d.Status.Conditions = append(d.Status.Conditions, metav1.Condition{Type: kind, Status: status})
		}
	}
	for want, change := range map[string]func(*v1alpha1.CloudSSODirectory, *v1alpha1.SCIMCredential){
		"Nothing has to be done.":        func(*v1alpha1.CloudSSODirectory, *v1alpha1.SCIMCredential) {},
		`docs/install.md, "Repair"`:      is(v1alpha1.ConditionPoliciesInstalled, metav1.ConditionFalse),
		"--directory-namespace-selector": is(v1alpha1.ConditionNamespaceSelected, metav1.ConditionFalse),
		"docs/restore.md":                is(v1alpha1.ConditionActivated, metav1.ConditionFalse),
		"kubectl cloudsso resync -n acme": func(d *v1alpha1.CloudSSODirectory, c *v1alpha1.SCIMCredential) {
			is(v1alpha1.ConditionResyncNeeded, metav1.ConditionTrue)(d, c)
			d.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: 1}
		},
		"kubectl cloudsso sync enable -n acme": func(d *v1alpha1.CloudSSODirectory, _ *v1alpha1.SCIMCredential) {
			d.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled
		},
		"kubectl cloudsso check -n acme": func(d *v1alpha1.CloudSSODirectory, _ *v1alpha1.SCIMCredential) { d.Status.LastRequestTime = nil },
		"valid token since 2027-01-24T12:00:00Z": func(d *v1alpha1.CloudSSODirectory, _ *v1alpha1.SCIMCredential) {
			d.Status.ActivatedAt, d.Status.LastRequestTime = &metav1.Time{Time: now.AddDate(0, -1, 0)}, &metav1.Time{Time: now.AddDate(0, 0, -7)}
		},
		"docs/budget.md": func(d *v1alpha1.CloudSSODirectory, _ *v1alpha1.SCIMCredential) {
			d.Status.Users = &v1alpha1.UserCounts{Withheld: 1}
		},
		"Create one: kubectl cloudsso credential create NAME -n acme": func(_ *v1alpha1.CloudSSODirectory, c *v1alpha1.SCIMCredential) {
			c.Spec.Disabled, c.Spec.ExpiresAt = true, &metav1.Time{Time: now}
		},
		"okta is disabled. Enable it: kubectl -n acme patch scimcredential okta": func(_ *v1alpha1.CloudSSODirectory, c *v1alpha1.SCIMCredential) { c.Spec.Disabled = true },
		"kubectl cloudsso credential rotate okta -n acme": func(_ *v1alpha1.CloudSSODirectory, c *v1alpha1.SCIMCredential) {
			c.Spec.ExpiresAt = &metav1.Time{Time: now.AddDate(0, 0, 80)}
		},
	} {
		d, c := healthy()
		change(d, c)
		next := Sentences(Advise(d, []v1alpha1.SCIMCredential{*c}, now))
		if len(next) != 1 || !strings.Contains(next[0], want) {
			t.Errorf("want %q, got %q", want, next)
		}
	}
}

func TestProviderOfARestoredDirectoryNeedsAFullPushAndNoToken(t *testing.T) {
	d, c := healthy()
	d.Annotations = map[string]string{v1alpha1.AnnotationRestored: "yes"}
	waiting := v1alpha1.CloudSSODirectoryStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionActivated, Status: metav1.ConditionFalse}}}
	activated := v1alpha1.CloudSSODirectoryStatus{ActivatedAt: &metav1.Time{Time: now}}
	pushed := v1alpha1.CloudSSODirectoryStatus{ActivatedAt: &metav1.Time{Time: now}, LastRequestTime: &metav1.Time{Time: now}}
	for want, status := range map[Topic]v1alpha1.CloudSSODirectoryStatus{TopicActivation: waiting, TopicRestored: activated, TopicNothing: pushed} {
		d.Status = status
		if next := Advise(d, []v1alpha1.SCIMCredential{*c}, now); len(next) != 1 || next[0].Topic != want {
			t.Errorf("want %s, got %q", want, Sentences(next))
		}
	}
}
