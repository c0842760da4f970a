package directory

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestCountOfADeactivationNeedsNoReconcile(t *testing.T) {
	count := func(d *v1alpha1.CloudSSODirectory) {
		d.Status.Deactivations = []v1alpha1.CountedDeactivations{{Count: 1, Last: metav1.Now()}}
		d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "cloudsso-operator"}}
	}
	for _, test := range []struct {
		name      string
		budget    *v1alpha1.DisablementBudget
		change    func(*v1alpha1.CloudSSODirectory)
		reconcile bool
	}{
		{"a count", newBudget(), count, false},
		{"a count that came after the budget was removed", nil, count, true},
		{"a count and refused writes", newBudget(), func(d *v1alpha1.CloudSSODirectory) {
			count(d)
			d.Status.RefusedWrites = &v1alpha1.RefusedWrites{}
		}, true},
		{"a count and an annotation", newBudget(), func(d *v1alpha1.CloudSSODirectory) {
			count(d)
			d.Annotations = map[string]string{v1alpha1.AnnotationResynced: "2027-01-31T12:00:00Z"}
		}, true},
		{"a changed budget", newBudget(), func(d *v1alpha1.CloudSSODirectory) { d.Spec.DisablementBudget.Count, d.Generation = new(int32(2)), 2 }, true},
		{"the counts of users", newBudget(), func(d *v1alpha1.CloudSSODirectory) { d.Status.Users = &v1alpha1.UserCounts{Active: 1} }, false},
		{"a repeated event", newBudget(), func(d *v1alpha1.CloudSSODirectory) { d.ResourceVersion = "1" }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{DisablementBudget: test.budget}}
			before.ResourceVersion, before.Generation = "1", 1
			after := before.DeepCopy()
			after.ResourceVersion = "2"
			test.change(after)
			if got := changesMoreThanCounts(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != test.reconcile {
				t.Errorf("reconciled: %t", got)
			}
		})
	}
}
