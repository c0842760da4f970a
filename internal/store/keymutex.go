package store

import (
	"context"
	"sync"
)

// keyMutex is a mutex for each key. It lets requests of this process take turns: those that change one group would
// otherwise conflict with each other, and those that read a whole directory would occupy every processor. Requests of other
// replicas are not kept out, so no correctness depends on it.
type keyMutex struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	token chan struct{} // holds one token while the key is locked
	users int           // that hold the key or wait for it
}

// lock waits until the key is the caller's, or until ctx ends.
func (m *keyMutex) lock(ctx context.Context, key string) (unlock func(), err error) {
	m.mu.Lock()
	if m.held == nil {
		m.held = map[string]*keyLock{}
	}
	l := m.held[key]
	if l == nil {
		l = &keyLock{token: make(chan struct{}, 1)}
		m.held[key] = l
	}
	l.users++
	m.mu.Unlock()
	select {
	case l.token <- struct{}{}:
		return func() { <-l.token; m.forget(key, l) }, nil
	case <-ctx.Done():
		m.forget(key, l)
		return nil, context.Cause(ctx)
	}
}

func (m *keyMutex) forget(key string, l *keyLock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(m.held, key)
	}
}
