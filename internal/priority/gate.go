// Package leavers lets whoever loses access go before an import. The API server has so much of a processor and no more:
// while a leave is on its way through it, what can wait for a moment does.
package priority

import (
	"context"
	"sync"
	"time"
)

const (
	// Patience is how long a request lets leavers go first, at most: an import goes on, however many leave, and a joiner
	// has access within a second too.
	Patience = 250 * time.Millisecond
	// lifetime is when a leave counts as over, whatever has become of it: it should be within a second.
	lifetime = time.Second
)

// Gate is where a process keeps count of the leaves that are under way in it. The zero value, and nil, is of none.
type Gate struct {
	mu       sync.Mutex
	underWay int
	over     chan struct{} // closed when none is under way any more; nil while none is
}

// Begin says that a leave is under way until end is called, which may be more than once, or for a second.
func (g *Gate) Begin() (end func()) {
	if g == nil {
		return func() {}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.underWay++; g.over == nil {
		g.over = make(chan struct{})
	}
	once := sync.OnceFunc(g.end)
	timeout := time.AfterFunc(lifetime, once)
	return func() { timeout.Stop(); once() }
}

func (g *Gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.underWay--; g.underWay == 0 {
		close(g.over)
		g.over = nil
	}
}

// Yield returns when no leave is under way, when that takes longer than Patience, or when ctx ends.
func (g *Gate) Yield(ctx context.Context) {
	if g == nil {
		return
	}
	g.mu.Lock()
	over := g.over
	g.mu.Unlock()
	if over == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	select {
	case <-over:
	case <-ctx.Done():
	}
}
