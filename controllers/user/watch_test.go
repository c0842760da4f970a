package user

import (
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// An import waits for a leaver until the controller has looked at them, however often they were seen to leave.
func TestHowLongALeaverIsUnderWay(t *testing.T) {
	ada, bob := client.ObjectKey{Name: "ada"}, client.ObjectKey{Name: "bob"}
	for _, test := range []struct {
		name string
		do   func(*leaving, *priority.Gate)
		over bool
	}{
		{"seen", func(l *leaving, g *priority.Gate) { l.begin(ada, g) }, false},
		{"being looked at", func(l *leaving, g *priority.Gate) { l.begin(ada, g); l.take(ada) }, false},
		{"looked at", func(l *leaving, g *priority.Gate) { l.begin(ada, g); l.take(ada)() }, true},
		{"seen twice before that", func(l *leaving, g *priority.Gate) { l.begin(ada, g); l.begin(ada, g); l.take(ada)() }, true},
		{"seen again meanwhile", func(l *leaving, g *priority.Gate) { l.begin(ada, g); end := l.take(ada); l.begin(ada, g); end() }, false},
		{"another looked at", func(l *leaving, g *priority.Gate) { l.begin(ada, g); l.begin(bob, g); l.take(bob)() }, false},
		{"looked at, but never seen to leave", func(l *leaving, _ *priority.Gate) { l.take(ada)() }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l leaving
				var gate priority.Gate
				test.do(&l, &gate)
				began := time.Now()
				gate.Yield(t.Context())
				if over := time.Since(began) == 0; over != test.over {
					t.Errorf("over: %t", over)
				}
				<-time.After(time.Minute) // what is left under way ends
			})
		})
	}
}
