package directory

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// The values that users and groups are counted by.
var (
	sources = [...]v1alpha1.Source{v1alpha1.SourceSCIM, v1alpha1.SourceManual}
	states  = [...]v1alpha1.UserState{
		v1alpha1.UserActive, v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserConflict, v1alpha1.UserDeprovisioned,
	}
	groupStates = [...]string{groupEffective, groupConflict}
)

// The states of groups: whether one holds its displayName, or another group does.
const (
	groupEffective = "Effective"
	groupConflict  = "Conflict"
)

// counts are the numbers of a namespace's objects, or the part of one object in them. guard counts objects whose deletion is
// held.
type counts struct {
	users                   [len(sources)][len(states)]int32
	groups                  [len(sources)][len(groupStates)]int32
	guardUsers, guardGroups int32
	withheld                int32
}

// counters count the users and groups of each namespace from watch events, without lists. Safe for concurrent use.
type counters struct {
	mu          sync.Mutex
	byNamespace map[string]counts
}

func newCounters() *counters { return &counters{byNamespace: map[string]counts{}} }

// observe subtracts an object's state before a change, and adds its state after it. Either may be nil.
func (c *counters) observe(before, after client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range []struct {
		o    client.Object
		sign int32
	}{{before, -1}, {after, 1}} {
		if change.o == nil {
			continue
		}
		namespace := change.o.GetNamespace()
		sum := c.byNamespace[namespace].plus(countsOf(change.o), change.sign)
		if c.byNamespace[namespace] = sum; sum == (counts{}) {
			delete(c.byNamespace, namespace)
		}
	}
}

func (c *counters) of(namespace string) counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byNamespace[namespace]
}

// all returns the counts of every namespace that has some.
func (c *counters) all() map[string]counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.byNamespace)
}

func (c counts) plus(o counts, sign int32) counts {
	for i := range sources {
		for j := range states {
			c.users[i][j] += sign * o.users[i][j]
		}
		for j := range groupStates {
			c.groups[i][j] += sign * o.groups[i][j]
		}
	}
	c.guardUsers += sign * o.guardUsers
	c.guardGroups += sign * o.guardGroups
	c.withheld += sign * o.withheld
	return c
}

// usersWhere returns the number of users of the sources and states that match.
func (c counts) usersWhere(match func(v1alpha1.Source, v1alpha1.UserState) bool) (n int32) {
	for i, source := range sources {
		for j, state := range states {
			if match(source, state) {
				n += c.users[i][j]
			}
		}
	}
	return n
}

// userCounts returns the counts as a directory's status has them, apart from held deletions and withheld deactivations.
func (c counts) userCounts() *v1alpha1.UserCounts {
	in := func(state v1alpha1.UserState) int32 {
		return c.usersWhere(func(_ v1alpha1.Source, s v1alpha1.UserState) bool { return s == state })
	}
	suspended, conflict := in(v1alpha1.UserSuspended), in(v1alpha1.UserConflict)
	return &v1alpha1.UserCounts{
		Active:        in(v1alpha1.UserActive),
		Disabled:      in(v1alpha1.UserDisabled) + suspended + conflict,
		Suspended:     &suspended,
		Conflict:      &conflict,
		Deprovisioned: in(v1alpha1.UserDeprovisioned),
		SCIM: c.usersWhere(func(source v1alpha1.Source, state v1alpha1.UserState) bool {
			return source == v1alpha1.SourceSCIM && state != v1alpha1.UserDeprovisioned
		}),
		Manual: c.usersWhere(func(source v1alpha1.Source, _ v1alpha1.UserState) bool { return source == v1alpha1.SourceManual }),
	}
}

// groupCounts returns the counts as a directory's status has them, apart from held deletions.
func (c counts) groupCounts() *v1alpha1.GroupCounts {
	of := func(source v1alpha1.Source) (n int32) {
		for _, ofState := range c.groups[indexOfSource(source)] {
			n += ofState
		}
		return n
	}
	scim, manual := of(v1alpha1.SourceSCIM), of(v1alpha1.SourceManual)
	return &v1alpha1.GroupCounts{Total: scim + manual, SCIM: scim, Manual: manual}
}

// indexOfSource returns the index of a source in sources. Every source but SCIM counts as Manual.
func indexOfSource(source v1alpha1.Source) int {
	if source == v1alpha1.SourceSCIM {
		return slices.Index(sources[:], v1alpha1.SourceSCIM)
	}
	return slices.Index(sources[:], v1alpha1.SourceManual)
}

func countsOf(o client.Object) counts {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return countsOfUser(o)
	case *v1alpha1.CloudSSOGroup:
		return countsOfGroup(o)
	}
	return counts{}
}

func countsOfUser(u *v1alpha1.CloudSSOUser) (c counts) {
	state := policy.UserState(u, u.Status.State == v1alpha1.UserConflict)
	c.users[indexOfSource(u.Spec.Source)][slices.Index(states[:], state)] = 1
	if isGuarded(u) {
		c.guardUsers = 1
	}
	if u.Spec.Withheld != nil {
		c.withheld = 1
	}
	return c
}

func countsOfGroup(g *v1alpha1.CloudSSOGroup) (c counts) {
	state := groupEffective
	if effective := meta.FindStatusCondition(g.Status.Conditions, v1alpha1.ConditionEffective); effective != nil && effective.Reason == v1alpha1.ReasonDisplayNameConflict {
		state = groupConflict
	}
	c.groups[indexOfSource(g.Spec.Source)][slices.Index(groupStates[:], state)] = 1
	if isGuarded(g) {
		c.guardGroups = 1
	}
	return c
}

// isGuarded reports whether an object's deletion is held while its directory is synchronized.
func isGuarded(o client.Object) bool {
	return policy.ProtectsDeletion(o, policy.SwitchEnabled)
}
