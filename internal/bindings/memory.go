package bindings

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// memory is the revocations of the last while: another replica may still be granting what it saw before them. Safe for
// concurrent use.
type memory struct {
	now  func() time.Time
	life time.Duration

	mu         sync.Mutex
	users      map[principalKey]time.Time   // until when
	principals map[principalKey]*revocation // of every subject that has a role through the user or group
	names      map[subjectKey]*revocation   // of a Kubernetes user name
}

// revocation is one that was acknowledged.
type revocation struct {
	began time.Time
	until time.Time // when it is forgotten
	done  bool      // no subject was left at some time
}

func newMemory(now func() time.Time, life time.Duration) *memory {
	return &memory{
		now: now, life: life,
		users: map[principalKey]time.Time{}, principals: map[principalKey]*revocation{}, names: map[subjectKey]*revocation{},
	}
}

// addUser remembers a user, and Kubernetes user names of it.
func (m *memory) addUser(user principalKey, names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.users[user] = now.Add(m.life)
	for _, name := range names {
		m.names[subjectKey{user.directory, name}] = &revocation{began: now, until: now.Add(m.life)}
	}
}

// addPrincipal remembers a user or group through which no subject has a role any more.
func (m *memory) addPrincipal(principal principalKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	isMeasured := principal.kind == v1alpha1.PrincipalUser // by its names
	m.principals[principal] = &revocation{began: now, until: now.Add(m.life), done: isMeasured}
}

// addNames remembers more Kubernetes user names of a user who is remembered. It reports false if the user is not.
func (m *memory) addNames(user principalKey, names []string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	until, there := m.users[user]
	if !there {
		return false
	}
	for _, name := range names {
		if key := (subjectKey{user.directory, name}); m.names[key] == nil {
			m.names[key] = &revocation{began: m.now(), until: until}
		}
	}
	return true
}

// knows reports whether a revocation is remembered that may be about a subject of a binding.
func (m *memory) knows(e *entry, name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.principals[e.principal()] != nil || m.names[subjectKey{e.origin.Directory, name}] != nil
}

// isUserKnown reports whether a user is remembered.
func (m *memory) isUserKnown(user principalKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.users[user]
	return there
}

// isPrincipalKnown reports whether a user or group is remembered through which no subject has a role any more.
func (m *memory) isPrincipalKnown(principal principalKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.principals[principal] != nil
}

// finishName records that no subject is left of a Kubernetes user name. It returns how long that took since the revocation
// was acknowledged; false if this was returned before.
func (m *memory) finishName(key subjectKey) (took time.Duration, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.finish(m.names[key])
}

// finishPrincipal records that no subject is left that does not belong there of those that have a role through a principal.
func (m *memory) finishPrincipal(key principalKey) (took time.Duration, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.finish(m.principals[key])
}

func (m *memory) finish(r *revocation) (took time.Duration, first bool) {
	if r == nil || r.done {
		return 0, false
	}
	r.done = true
	return m.now().Sub(r.began), true
}

// ended returns the revocations whose time is over by now.
func (m *memory) ended(now time.Time) (names []subjectKey, principals []principalKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return ended(m.names, now), ended(m.principals, now)
}

func ended[K comparable](revocations map[K]*revocation, now time.Time) (keys []K) {
	for key, r := range revocations {
		if !now.Before(r.until) {
			keys = append(keys, key)
		}
	}
	return keys
}

// prolongName remembers for longer a Kubernetes user name that a binding still has.
func (m *memory) prolongName(key subjectKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prolong(m.names, key, m.now().Add(m.life))
}

// prolongPrincipal remembers for longer a user or group through which a binding still has a subject.
func (m *memory) prolongPrincipal(key principalKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prolong(m.principals, key, m.now().Add(m.life))
}

func prolong[K comparable](revocations map[K]*revocation, key K, until time.Time) {
	if r := revocations[key]; r != nil {
		r.until = until
	}
}

// forget forgets the revocations whose time is over by now, and returns the others.
func (m *memory) forget(now time.Time) (names []subjectKey, principals []principalKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for user, until := range m.users {
		if !now.Before(until) {
			delete(m.users, user)
		}
	}
	for _, key := range ended(m.names, now) {
		delete(m.names, key)
	}
	for _, key := range ended(m.principals, now) {
		delete(m.principals, key)
	}
	return slices.Collect(maps.Keys(m.names)), slices.Collect(maps.Keys(m.principals))
}
