package directory

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func newBudget() *v1alpha1.DisablementBudget {
	return &v1alpha1.DisablementBudget{Count: new(int32(1)), Window: metav1.Duration{Duration: time.Hour}}
}

func TestConditionOfWithheldDeactivations(t *testing.T) {
	for _, test := range []struct {
		name   string
		budget *v1alpha1.DisablementBudget
		n      int32
		reason string
	}{
		{"no budget", nil, 0, ""},
		{"a budget", newBudget(), 0, v1alpha1.ReasonNothingWithheld},
		{"a budget, one withheld", newBudget(), 1, v1alpha1.ReasonBudgetExceeded},
		{"a budget that was removed, some withheld", nil, 2, v1alpha1.ReasonBudgetExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{DisablementBudget: test.budget}}
			d.Status.Users = &v1alpha1.UserCounts{}
			d.Status.Deactivations = []v1alpha1.CountedDeactivations{{Count: 1, Last: metav1.Now()}}
			recordWithheld(d, test.n, metav1.Now())
			c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionDeactivationsWithheld)
			if c == nil {
				c = &metav1.Condition{}
			}
			if c.Reason != test.reason || (c.Status == metav1.ConditionTrue) != (test.n > 0) {
				t.Errorf("%+v", c)
			}
			if isCounted := len(d.Status.Deactivations) > 0; isCounted != (test.budget != nil) || d.Status.Users.Withheld != test.n {
				t.Errorf("%+v", d.Status)
			}
		})
	}
}

// The message is the note of an Event too, which has 1,024 bytes at most.
func TestConditionSaysSinceWhenDeactivationsAreWithheld(t *testing.T) {
	d := &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{DisablementBudget: newBudget()}}
	d.Namespace, d.Status.Users = strings.Repeat("n", 63), &v1alpha1.UserCounts{}
	first := metav1.Date(2027, time.January, 31, 12, 0, 0, 0, time.UTC)
	for i, n := range []int32{1, 100_000} {
		recordWithheld(d, n, metav1.NewTime(first.Add(time.Duration(i)*time.Hour)))
		message := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionDeactivationsWithheld).Message
		if len(message) > 1024 || !strings.Contains(message, "since 2027-01-31T12:00:00Z") {
			t.Errorf("%d bytes: %s", len(message), message)
		}
	}
}
