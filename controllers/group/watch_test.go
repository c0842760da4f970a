package group

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
)

func TestAGroupThatIsReadWholeIsANameChange(t *testing.T) {
	whole := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Generation: 1}, Spec: v1alpha1.CloudSSOGroupSpec{DisplayName: "Staff"}}
	trimmed := whole.DeepCopy()
	cachetransform.Trimming(nil).Trim(trimmed)
	for _, test := range []struct {
		before, after *v1alpha1.CloudSSOGroup
		want          bool
	}{{trimmed, whole, true}, {whole, whole, false}, {trimmed, trimmed, false}} {
		if got := nameChanges.Update(event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.after}); got != test.want {
			t.Errorf("generation %d to %d: %t", test.before.Generation, test.after.Generation, got)
		}
	}
}
