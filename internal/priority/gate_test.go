package priority

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

const soon = 10 * time.Millisecond

// waited returns how long Wait takes.
func waited(ctx context.Context, g *Gate) time.Duration {
	began := time.Now()
	g.Wait(ctx)
	return time.Since(began)
}

// begun returns a deactivation that is under way.
func begun(g *Gate) *Deactivation {
	d := g.New()
	d.Begin()
	return d
}

func TestRequestsWaitWhileADeactivationIsUnderWay(t *testing.T) {
	for _, test := range []struct {
		name  string
		begin func(*Gate)
		want  time.Duration
	}{
		{"not without one", func(*Gate) {}, 0},
		{"not for one that has not begun", func(g *Gate) { g.New() }, 0},
		{"until it ends", func(g *Gate) { time.AfterFunc(soon, begun(g).End) }, soon},
		{"until the last one ends", func(g *Gate) { time.AfterFunc(soon, begun(g).End); time.AfterFunc(3*soon, begun(g).End) }, 3 * soon},
		{"not for one that has ended", func(g *Gate) { begun(g).End() }, 0},
		{"no longer than maxWait", func(g *Gate) { begun(g) }, maxWait},
		{"not for one that lasts longer than maxDuration", func(g *Gate) { begun(g); <-time.After(maxDuration + soon) }, 0},
		{"for one beside another that ends twice", func(g *Gate) { d := begun(g); begun(g); d.End(); d.End() }, maxWait},
		{"until one that begins twice ends", func(g *Gate) { d := begun(g); d.Begin(); time.AfterFunc(soon, d.End) }, soon},
		{"not for one that ends before it begins", func(g *Gate) { d := g.New(); d.End(); d.Begin(); d.End() }, 0},
		{"for one that begins again", func(g *Gate) { d := begun(g); d.End(); d.Begin(); time.AfterFunc(soon, d.End) }, soon},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g Gate
				test.begin(&g)
				if got := waited(t.Context(), &g); got != test.want {
					t.Errorf("a request waits for %s, want %s", got, test.want)
				}
				<-time.After(maxDuration)
				if got := waited(t.Context(), &g); got != 0 {
					t.Errorf("a request waits for %s when every deactivation has ended", got)
				}
			})
		})
	}
}

// The second of a deactivation that begins again begins again too.
func TestDeactivationThatBeginsAgainLastsAnotherMaxDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		d := begun(&g)
		<-time.After(maxDuration - soon)
		d.End()
		d.Begin()
		<-time.After(2 * soon)
		if got := waited(t.Context(), &g); got != maxWait {
			t.Errorf("a request waits for %s", got)
		}
		<-time.After(maxDuration)
	})
}

func TestEveryWaitingRequestGoesOnAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		d := begun(&g)
		ended := make(chan time.Duration, 5)
		for range cap(ended) {
			go func() { ended <- waited(t.Context(), &g) }()
		}
		<-time.After(soon)
		d.End()
		for range cap(ended) {
			if got := <-ended; got != soon {
				t.Errorf("a request waits for %s", got)
			}
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		defer begun(&g).End()
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if got := waited(ctx, &g); got != soon {
			t.Errorf("a request waits for %s", got)
		}
		if got := waited(ctx, &g); got != 0 {
			t.Errorf("a request that has ended waits for %s", got)
		}
	})
}

func TestNilGateNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *Gate
		d := begun(g)
		if got := waited(t.Context(), g); got != 0 {
			t.Errorf("a request waits for %s", got)
		}
		d.End()
	})
}
