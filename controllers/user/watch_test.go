package user

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// An import waits for a deactivation until the controller has reconciled the user, however often the watch has shown it.
func TestDeactivationIsUnderWayUntilTheUserIsReconciled(t *testing.T) {
	ada, bob := client.ObjectKey{Name: "ada"}, client.ObjectKey{Name: "bob"}
	for _, test := range []struct {
		name string
		do   func(*deactivations, *priority.Gate)
		over bool
	}{
		{"seen", func(d *deactivations, g *priority.Gate) { d.begin(ada, g) }, false},
		{"being reconciled", func(d *deactivations, g *priority.Gate) { d.begin(ada, g); d.take(ada) }, false},
		{"reconciled", func(d *deactivations, g *priority.Gate) { d.begin(ada, g); d.take(ada).End() }, true},
		{"seen twice before that", func(d *deactivations, g *priority.Gate) { d.begin(ada, g); d.begin(ada, g); d.take(ada).End() }, true},
		{"seen again meanwhile", func(d *deactivations, g *priority.Gate) {
			d.begin(ada, g)
			first := d.take(ada)
			d.begin(ada, g)
			first.End()
		}, false},
		{"another user reconciled", func(d *deactivations, g *priority.Gate) { d.begin(ada, g); d.begin(bob, g); d.take(bob).End() }, false},
		{"reconciled without a deactivation", func(d *deactivations, _ *priority.Gate) { d.take(ada).End() }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d deactivations
				var gate priority.Gate
				test.do(&d, &gate)
				began := time.Now()
				gate.Wait(t.Context())
				if over := time.Since(began) == 0; over != test.over {
					t.Errorf("over: %t", over)
				}
				<-time.After(time.Minute) // a deactivation that is still under way ends
			})
		})
	}
}

func TestAUserThatIsReadWholeIsANameChange(t *testing.T) {
	whole := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Generation: 1}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "ada"}}
	trimmed := whole.DeepCopy()
	cachetransform.Trimming(nil).Trim(trimmed)
	for _, test := range []struct {
		before, after *v1alpha1.CloudSSOUser
		want          bool
	}{{trimmed, whole, true}, {whole, whole, false}, {trimmed, trimmed, false}} {
		if got := nameChanges.Update(event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.after}); got != test.want {
			t.Errorf("generation %d to %d: %t", test.before.Generation, test.after.Generation, got)
		}
	}
}
