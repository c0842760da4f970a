// Package priority lets deactivations overtake an import. The API server has only so much of a processor: while a
// deactivation is on its way through it, creates and changes of groups wait for a moment (docs/adr/0011-deactivations-first.md).
package priority

import (
	"context"
	"sync"
	"time"
)

const (
	// maxWait is how long a request lets deactivations go first. An import goes on, however many users are
	// deactivated, and a new user has access within a second too.
	maxWait = 250 * time.Millisecond
	// maxDuration is when a deactivation counts as done, whatever has become of it: it should be in effect within a
	// second.
	maxDuration = time.Second
)

// Gate counts the deactivations that are under way in a process. The zero value counts none; a nil Gate never waits.
// Safe for concurrent use.
type Gate struct {
	mu       sync.Mutex
	underWay int
	done     chan struct{} // closed when none is under way any more; nil while none is
}

// Deactivation is the part of a Gate that one request or reconciliation has. Safe for concurrent use.
type Deactivation struct {
	gate *Gate

	mu      sync.Mutex
	begun   bool
	timeout *time.Timer
}

// New returns a deactivation that has not begun.
func (g *Gate) New() *Deactivation { return &Deactivation{gate: g} }

// Begin counts the deactivation until End is called, or for a second. To begin what has begun changes nothing.
func (d *Deactivation) Begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate == nil || d.begun {
		return
	}
	d.begun = true
	d.gate.add(1)
	d.timeout = time.AfterFunc(maxDuration, d.End)
}

// End ends the deactivation. To end what has not begun, or has ended, changes nothing.
func (d *Deactivation) End() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.begun {
		return
	}
	d.begun = false
	d.timeout.Stop()
	d.gate.add(-1)
}

func (g *Gate) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay += n
	switch {
	case g.underWay == 0:
		close(g.done)
		g.done = nil
	case g.done == nil:
		g.done = make(chan struct{})
	}
}

// Wait returns when no deactivation is under way, after a quarter of a second, or when ctx ends.
func (g *Gate) Wait(ctx context.Context) {
	if g == nil {
		return
	}
	g.mu.Lock()
	done := g.done
	g.mu.Unlock()
	if done == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
