package store

import (
	"context"
	"sync"
)

// locks lets the requests of this process that change one group take turns, where they would otherwise
// overtake each other until one gives up. It decides nothing: other replicas know nothing of it.
type locks struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	taken   chan struct{} // holds one token while somebody has the turn
	waiting int
}

// acquire waits for the turn at a key; release ends it.
func (l *locks) acquire(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*turn{}
	}
	t := l.held[key]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		l.held[key] = t
	}
	t.waiting++
	l.mu.Unlock()
	select {
	case t.taken <- struct{}{}:
		return func() { <-t.taken; l.leave(key, t) }, nil
	case <-ctx.Done():
		l.leave(key, t)
		return nil, context.Cause(ctx)
	}
}

func (l *locks) leave(key string, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.waiting--; t.waiting == 0 {
		delete(l.held, key)
	}
}
