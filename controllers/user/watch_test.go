package user

import (
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

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
