package priority

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// waits is how long somebody lets leavers go first.
func waits(ctx context.Context, g *Gate) time.Duration {
	began := time.Now()
	g.Yield(ctx)
	return time.Since(began)
}

func TestWhoWaitsForLeavers(t *testing.T) {
	const soon = 10 * time.Millisecond
	for _, test := range []struct {
		name   string
		leaves func(*Gate)
		want   time.Duration
	}{
		{"nobody, when nobody leaves", func(*Gate) {}, 0},
		{"an import, until the leave is over", func(g *Gate) { time.AfterFunc(soon, g.Begin()) }, soon},
		{"an import, until all of them are", func(g *Gate) { time.AfterFunc(soon, g.Begin()); time.AfterFunc(3*soon, g.Begin()) }, 3 * soon},
		{"nobody, for one that is over", func(g *Gate) { end := g.Begin(); end(); end() }, 0},
		{"an import, for one that is ended twice beside another", func(g *Gate) { end := g.Begin(); g.Begin(); end(); end() }, Patience},
		{"an import, for no longer than it has patience", func(g *Gate) { g.Begin() }, Patience},
		{"nobody, for one that never ends", func(g *Gate) { g.Begin(); <-time.After(lifetime + soon) }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g Gate
				test.leaves(&g)
				if got := waits(t.Context(), &g); got != test.want {
					t.Errorf("waits for %s, not for %s", got, test.want)
				}
				<-time.After(lifetime) // what is left under way ends
				if got := waits(t.Context(), &g); got != 0 {
					t.Errorf("waits for %s when all is over", got)
				}
			})
		})
	}
}

func TestNobodyWaitsWhoseRequestHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		defer g.Begin()()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := waits(ctx, &g); got != 0 {
			t.Errorf("waits for %s", got)
		}
	})
}

func TestNoGateHoldsNobody(t *testing.T) {
	var g *Gate
	g.Begin()()
	if got := waits(t.Context(), g); got > Patience/2 {
		t.Errorf("waits for %s", got)
	}
}
