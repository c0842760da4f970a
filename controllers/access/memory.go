package access

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// memory is what the reconciler remembers of each assignment beside its object: the work that waits, and what was done. It
// finds assignments by what they name. Safe for concurrent use.
type memory struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName]*remembered
	// byPrincipal has the assignments that name an object, in every way in which they do.
	byPrincipal map[principalKey]map[types.NamespacedName]bool
}

// remembered is one assignment. The work, when it is due, and what it is found by are guarded by the lock of memory; the rest is that of the
// reconcile, of which one runs at a time.
type remembered struct {
	spec *v1alpha1.CloudSSOAccessAssignmentSpec
	keys []principalKey
	work work
	// revoked is work that waits until revokedAt, because package bindings does it before.
	revoked   work
	revokedAt time.Time
	due       time.Time // when to reconcile because spec.notBefore or spec.expiresAt comes, or counts are due; zero for never
	// isRemovalLeft says that the last reconcile may not have taken away all that it was to take away.
	isRemovalLeft bool
	// isWithdrawn says that the last reconcile found no directory, or no assignment, and deleted every binding, and that none has
	// begun since. Finalizers of other programs may keep some.
	isWithdrawn bool

	applied   string                             // the situation that the bindings were last made to fit; "" for none
	removed   string                             // the restriction by which access was last taken away; "" for none
	seen      map[string]map[int]observedBinding // the bindings as they were last planned or written, by target and number
	missing   map[string]bool                    // Kubernetes user names that other writers took out, and that are not known yet to be right there
	added     map[string]grantee                 // users that were added, by Kubernetes user name: to be read live
	skipped   skipped
	countedAt time.Time // when the counts of the status were last written
}

// observedBinding is a binding as it was last planned or written.
type observedBinding struct {
	resourceVersion string // "" if it is not known
	names           []string
}

// work is what a reconcile has to look at, beside what has changed of the assignment itself.
type work struct {
	all    bool            // every user
	users  map[string]int  // metadata.names of users, with how often the Kubernetes user names did not show them yet
	names  map[string]bool // Kubernetes user names
	unseen objects         // what the index of the SCIM side may not show yet
	// partial is how often the cache did not have the principal whole.
	partial int
	// removes says that access may have to be taken away for it, and removesAny that every user may have lost it.
	removes, removesAny bool
}

func (w *work) add(other work) {
	w.all = w.all || other.all
	w.users, w.names = unionOfUsers(w.users, other.users), union(w.names, other.names)
	w.unseen = unionOf(w.unseen, other.unseen)
	w.partial = max(w.partial, other.partial)
	w.removes, w.removesAny = w.removes || other.removes, w.removesAny || other.removesAny
}

func (w work) isEmpty() bool { return !w.all && len(w.users)+len(w.names)+len(w.unseen) == 0 }

// count counts a look at which something was behind: the principal, what is unseen, or the users. What is looked at only
// afterwards has its own looks.
func (w *work) count(isPartial bool, users []string) {
	if isPartial {
		w.partial++
		return
	}
	w.partial = 0
	if w.unseen.areAwaited() {
		w.unseen.count()
		return
	}
	for _, user := range users {
		w.users[user]++
	}
}

// interval returns when to look again after a pass that granted nothing because something was behind. The looks at an index
// end, and a principal that becomes whole has an event.
func (w *work) interval(isOvertaken bool) time.Duration {
	switch {
	case isOvertaken:
		return wait.Jitter(conflictInterval, 1)
	case w.partial >= maxLooks:
		return pendingInterval
	}
	return controllerutil.IndexInterval
}

// usersOf returns users without a counted look.
func usersOf(names ...string) map[string]int {
	users := make(map[string]int, len(names))
	for _, name := range names {
		users[name] = 0
	}
	return users
}

// unionOfUsers returns the users of both. One that is in both has changed again, so its fewer looks count.
func unionOfUsers(a, b map[string]int) map[string]int {
	if a == nil {
		return maps.Clone(b)
	}
	for name, looks := range b {
		if known, found := a[name]; !found || looks < known {
			a[name] = looks
		}
	}
	return a
}

// clone returns a copy that shares no map.
func (w work) clone() work {
	w.users, w.names, w.unseen = maps.Clone(w.users), maps.Clone(w.names), maps.Clone(w.unseen)
	return w
}

func union(a, b map[string]bool) map[string]bool {
	if a == nil {
		return maps.Clone(b)
	}
	maps.Copy(a, b)
	return a
}

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// principalKey is one way to name a user or group.
type principalKey struct {
	namespace string
	kind      v1alpha1.PrincipalKind
	attribute string // "name", "externalId", or "" for the name that is claimed
	value     string
}

func newMemory() *memory {
	return &memory{byKey: map[types.NamespacedName]*remembered{}, byPrincipal: map[principalKey]map[types.NamespacedName]bool{}}
}

// of returns what is remembered of an assignment.
func (m *memory) of(key types.NamespacedName) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(key)
}

func (m *memory) get(key types.NamespacedName) *remembered {
	if m.byKey[key] == nil {
		m.byKey[key] = &remembered{}
	}
	return m.byKey[key]
}

// set remembers what an assignment names now. pinned is the metadata.name of its principal, "" if it has none.
func (m *memory) set(a *v1alpha1.CloudSSOAccessAssignment, pinned string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := client.ObjectKeyFromObject(a)
	r := m.get(key)
	m.unlink(key, r)
	r.spec, r.keys = a.Spec.DeepCopy(), keysOfAssignment(a, pinned)
	for _, k := range r.keys {
		if m.byPrincipal[k] == nil {
			m.byPrincipal[k] = map[types.NamespacedName]bool{}
		}
		m.byPrincipal[k][key] = true
	}
}

// forget removes an assignment that is gone.
func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.byKey[key]; r != nil {
		m.unlink(key, r)
		delete(m.byKey, key)
	}
}

func (m *memory) unlink(key types.NamespacedName, r *remembered) {
	for _, k := range r.keys {
		delete(m.byPrincipal[k], key)
		if len(m.byPrincipal[k]) == 0 {
			delete(m.byPrincipal, k)
		}
	}
	r.keys = nil
}

// begin records that a reconcile begins.
func (m *memory) begin(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.get(key)
	r.isRemovalLeft, r.isWithdrawn = true, false
}

// withdraw records that a reconcile has found no directory, or no assignment, and has deleted every binding.
func (m *memory) withdraw(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.get(key).isWithdrawn = true
}

// isWithdrawn reports whether every binding of an assignment is deleted, and it gets none while it has no directory.
func (m *memory) isWithdrawn(key types.NamespacedName) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.byKey[key]
	return r != nil && r.isWithdrawn
}

// setRemovalLeft records whether a reconcile may not have taken away all that it was to take away.
func (m *memory) setRemovalLeft(key types.NamespacedName, isLeft bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.get(key).isRemovalLeft = isLeft
}

// isRemovalLeft reports whether the last reconcile of an assignment may not have taken away all that it was to take away: users
// who were added and could not be read live may be part of it. Only the worker of that reconcile may ask.
func (m *memory) isRemovalLeft(key types.NamespacedName) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.byKey[key]
	return r != nil && (r.isRemovalLeft || len(r.added) > 0)
}

// note adds work for an assignment that an event has brought.
func (m *memory) note(key types.NamespacedName, w work) {
	w.removes, w.removesAny = true, w.all
	m.putBack(key, w)
}

// putBack adds work for an assignment that a reconcile has not done.
func (m *memory) putBack(key types.NamespacedName, w work) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.get(key).work.add(w)
}

// noteRevoked adds work for an assignment that take returns from a time on. Further work that is added until then does not
// delay it.
func (m *memory) noteRevoked(key types.NamespacedName, w work, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.get(key)
	if r.revoked.isEmpty() {
		r.revokedAt = at
	}
	w.removes, w.removesAny = true, w.all
	r.revoked.add(w)
}

// revokedIn returns how long after now take returns work that was revoked; zero if there is none.
func (m *memory) revokedIn(key types.NamespacedName, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.byKey[key]
	if r == nil || r.revoked.isEmpty() {
		return 0
	}
	return max(r.revokedAt.Sub(now), time.Nanosecond)
}

// take returns the work for an assignment at a time, which then has none but for what was revoked just now.
func (m *memory) take(key types.NamespacedName, now time.Time) (w work) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.get(key)
	w, r.work = r.work, work{}
	if !now.Before(r.revokedAt) {
		w.add(r.revoked)
		r.revoked = work{}
	}
	return w
}

// pending returns a copy of the work for an assignment, and leaves it there.
func (m *memory) pending(key types.NamespacedName) work {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(key).work.clone()
}

// schedule has an assignment reconciled at a time of day, or sooner if that is scheduled; the zero time is never. Two monotonic
// readings would be compared without the time of day, by which the time may have come because the clock was set ahead.
func (m *memory) schedule(key types.NamespacedName, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at = at.Round(0)
	if r := m.get(key); r.due.IsZero() || !at.IsZero() && at.Before(r.due) {
		r.due = at
	}
}

// takeDue returns the assignments whose time has come, and removes their times.
func (m *memory) takeDue(now time.Time) (due []types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, r := range m.byKey {
		if !r.due.IsZero() && !now.Before(r.due) {
			due, r.due = append(due, key), time.Time{}
		}
	}
	return due
}

// find returns the assignments that a function selects by their specs.
func (m *memory) find(selects func(key types.NamespacedName, spec *v1alpha1.CloudSSOAccessAssignmentSpec) bool) (found []types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, r := range m.byKey {
		if r.spec != nil && selects(key, r.spec) {
			found = append(found, key)
		}
	}
	return found
}

// naming returns the assignments that name one of the objects, in any way.
func (m *memory) naming(objects ...client.Object) []types.NamespacedName {
	var keys []principalKey
	for _, o := range objects {
		keys = append(keys, keysOfObject(o)...)
	}
	return m.byKeys(keys...)
}

// ofGroups returns the assignments whose principal is one of the groups.
func (m *memory) ofGroups(namespace string, groups ...string) []types.NamespacedName {
	keys := make([]principalKey, len(groups))
	for i, g := range groups {
		keys[i] = principalKey{namespace, v1alpha1.PrincipalGroup, byName, g}
	}
	return m.byKeys(keys...)
}

// ofUser returns the assignments whose principal is the user.
func (m *memory) ofUser(namespace, user string) []types.NamespacedName {
	return m.byKeys(principalKey{namespace, v1alpha1.PrincipalUser, byName, user})
}

func (m *memory) byKeys(keys ...principalKey) []types.NamespacedName {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[types.NamespacedName]bool{}
	for _, k := range keys {
		maps.Copy(found, m.byPrincipal[k])
	}
	return slices.Collect(maps.Keys(found))
}

// isEmpty reports whether there is no assignment in any namespace.
func (m *memory) isEmpty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byPrincipal) == 0
}

// Attributes of a principalKey.
const (
	byName       = "name"
	byExternalID = "externalId"
	byClaimed    = ""
)

// keysOfAssignment returns the ways in which an assignment names objects.
func keysOfAssignment(a *v1alpha1.CloudSSOAccessAssignment, pinned string) (keys []principalKey) {
	p := a.Spec.Principal
	add := func(attribute, value string) {
		k := principalKey{a.Namespace, p.Kind, attribute, value}
		if value != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, name := range []string{p.Name, p.Confirmed, pinned} {
		add(byName, name)
	}
	add(byExternalID, p.ExternalID)
	add(byClaimed, claimedName(a).Folded)
	return keys
}

// keysOfObject returns the ways in which an assignment may name a user or group.
func keysOfObject(o client.Object) []principalKey {
	key := func(attribute, value string) principalKey {
		return principalKey{o.GetNamespace(), kindOf(o), attribute, value}
	}
	keys := []principalKey{key(byName, o.GetName()), key(byClaimed, nameclaim.NameOf(o).Folded)}
	if id := externalID(o); id != "" {
		keys = append(keys, key(byExternalID, id))
	}
	return keys
}

func kindOf(o client.Object) v1alpha1.PrincipalKind {
	if _, isGroup := o.(*v1alpha1.CloudSSOGroup); isGroup {
		return v1alpha1.PrincipalGroup
	}
	return v1alpha1.PrincipalUser
}

func externalID(o client.Object) string {
	if policy.SourceOf(o) != v1alpha1.SourceSCIM {
		return ""
	}
	switch o := o.(type) {
	case *v1alpha1.CloudSSOGroup:
		return o.Spec.ExternalID
	case *v1alpha1.CloudSSOUser:
		return o.Spec.ExternalID
	}
	return ""
}
