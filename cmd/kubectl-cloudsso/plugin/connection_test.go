package plugin

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestConnectionOf(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.CloudSSODirectory)
		want   Connection
	}{
		"a request just now":   {func(*v1alpha1.CloudSSODirectory) {}, ConnectionWorking},
		"a request on Friday":  {func(d *v1alpha1.CloudSSODirectory) { d.Status.LastRequestTime.Time = now.Add(-SilentAfter) }, ConnectionWorking},
		"a request a week ago": {func(d *v1alpha1.CloudSSODirectory) { d.Status.LastRequestTime.Time = now.AddDate(0, 0, -7) }, ConnectionSilent},
		"no request":           {func(d *v1alpha1.CloudSSODirectory) { d.Status.LastRequestTime = nil }, ConnectionNeverUsed},
		"no usable credential": {func(d *v1alpha1.CloudSSODirectory) { d.Status.Credentials = &v1alpha1.CredentialCounts{Total: 1} }, ConnectionRefused},
		"the switch off":       {func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled }, ConnectionOff},
		"a restored directory": {func(d *v1alpha1.CloudSSODirectory) { d.Status.ActivatedAt = nil }, ConnectionOff},
		"a namespace that is not selected": {func(d *v1alpha1.CloudSSODirectory) {
			d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionNamespaceSelected, Status: metav1.ConditionFalse}}
		}, ConnectionOff},
		"off, and no credentials": {func(d *v1alpha1.CloudSSODirectory) { d.Status = v1alpha1.CloudSSODirectoryStatus{} }, ConnectionOff},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := healthy()
			d.Status.ActivatedAt = &metav1.Time{Time: now.Add(-time.Hour)}
			d.Status.LastRequestTime = &metav1.Time{Time: now}
			test.change(d)
			if got := ConnectionOf(d, now); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
