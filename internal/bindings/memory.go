package bindings

import (
	"sync"
	"time"
)

// memory is the revocations of the last while: another replica may still be granting what it saw before them. Safe for
// concurrent use.
type memory struct {
	now  func() time.Time
	life time.Duration

	mu     sync.Mutex
	users  map[principalKey]time.Time   // until when
	groups map[principalKey]*revocation // of every subject that has a role through the group
	names  map[subjectKey]*revocation   // of a Kubernetes user name
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
		users: map[principalKey]time.Time{}, groups: map[principalKey]*revocation{}, names: map[subjectKey]*revocation{},
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

// addGroup remembers a group.
func (m *memory) addGroup(group principalKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.groups[group] = &revocation{began: now, until: now.Add(m.life)}
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
	return m.groups[e.principal()] != nil || m.names[subjectKey{e.origin.Directory, name}] != nil
}

// isUserKnown reports whether a user is remembered.
func (m *memory) isUserKnown(user principalKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.users[user]
	return there
}

// isGroupKnown reports whether a group is remembered.
func (m *memory) isGroupKnown(group principalKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.groups[group] != nil
}

// prolong remembers for longer what is about subjects of a binding: it is not forgotten while the API server is away.
func (m *memory) prolong(e *entry, names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	until := m.now().Add(m.life)
	if r := m.groups[e.principal()]; r != nil {
		r.until = until
	}
	for _, name := range names {
		if r := m.names[subjectKey{e.origin.Directory, name}]; r != nil {
			r.until = until
		}
	}
}

// finishName records that no subject is left of a Kubernetes user name. It returns how long that took since the revocation
// was acknowledged; false if this was returned before.
func (m *memory) finishName(key subjectKey) (took time.Duration, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.finish(m.names[key])
}

// finishGroup records that no subject is left that has a role through a group.
func (m *memory) finishGroup(key principalKey) (took time.Duration, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.finish(m.groups[key])
}

func (m *memory) finish(r *revocation) (took time.Duration, first bool) {
	if r == nil || r.done {
		return 0, false
	}
	r.done = true
	return m.now().Sub(r.began), true
}

// forget forgets the revocations whose time is over, and returns the others.
func (m *memory) forget() (names []subjectKey, groups []principalKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for user, until := range m.users {
		if !now.Before(until) {
			delete(m.users, user)
		}
	}
	for key, r := range m.names {
		if !now.Before(r.until) {
			delete(m.names, key)
		} else {
			names = append(names, key)
		}
	}
	for key, r := range m.groups {
		if !now.Before(r.until) {
			delete(m.groups, key)
		} else {
			groups = append(groups, key)
		}
	}
	return names, groups
}
