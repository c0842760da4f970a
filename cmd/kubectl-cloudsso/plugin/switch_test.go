package plugin

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestSwitchEndSaysWhenABreakEnds(t *testing.T) {
	created := metav1.NewTime(start)
	activated := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: created}, Status: v1alpha1.CloudSSODirectoryStatus{ActivatedAt: &created}}
	paused := activated.DeepCopy()
	paused.Spec = v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationDisabled, ResumeAt: &created}
	for name, test := range map[string]struct {
		directory *v1alpha1.CloudSSODirectory
		position  v1alpha1.Synchronization
		limit     time.Duration
		want      string
	}{
		"off":               {activated, v1alpha1.SynchronizationDisabled, 0, ""},
		"on":                {paused, v1alpha1.SynchronizationEnabled, 0, ""},
		"a break":           {activated, v1alpha1.SynchronizationDisabled, time.Minute, "after 1m."},
		"not activated yet": {&v1alpha1.CloudSSODirectory{}, v1alpha1.SynchronizationDisabled, time.Minute, "not before a person has activated"},
		"a break no more":   {paused, v1alpha1.SynchronizationDisabled, 0, "until 2027-01-31T12:00:00Z now. That end is removed"},
	} {
		if got := SwitchEnd(test.directory, test.position, test.limit); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
