package directory

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// tally is how many there are of each sort in a namespace. Of one object it is what that one adds.
type tally struct {
	active, disabled, deprovisioned    int32
	scimUsers, manualUsers, guardUsers int32
	scimGroups, manualGroups           int32
	guardGroups                        int32
}

// census counts all users and groups by what changes, never by listing them.
type census struct {
	mu     sync.Mutex
	spaces map[string]tally
}

func newCensus() *census { return &census{spaces: map[string]tally{}} }

// observe replaces what an object counted for by what it counts for now; either may be nil.
func (c *census) observe(was, is client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range []struct {
		o    client.Object
		sign int32
	}{{was, -1}, {is, 1}} {
		if change.o == nil || policy.IsSentinel(change.o) {
			continue
		}
		namespace := change.o.GetNamespace()
		sum := c.spaces[namespace].plus(tallyOf(change.o), change.sign)
		if c.spaces[namespace] = sum; sum == (tally{}) {
			delete(c.spaces, namespace)
		}
	}
}

func (c *census) of(namespace string) tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spaces[namespace]
}

func (t tally) plus(o tally, sign int32) tally {
	return tally{
		active: t.active + sign*o.active, disabled: t.disabled + sign*o.disabled, deprovisioned: t.deprovisioned + sign*o.deprovisioned,
		scimUsers: t.scimUsers + sign*o.scimUsers, manualUsers: t.manualUsers + sign*o.manualUsers, guardUsers: t.guardUsers + sign*o.guardUsers,
		scimGroups: t.scimGroups + sign*o.scimGroups, manualGroups: t.manualGroups + sign*o.manualGroups,
		guardGroups: t.guardGroups + sign*o.guardGroups,
	}
}

func tallyOf(o client.Object) tally {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return tallyOfUser(o)
	case *v1alpha1.CloudSSOGroup:
		return tallyOfGroup(o)
	}
	return tally{}
}

func tallyOfUser(u *v1alpha1.CloudSSOUser) (t tally) {
	switch policy.UserState(u, u.Status.State == v1alpha1.UserConflict) {
	case v1alpha1.UserDeprovisioned:
		t.deprovisioned = 1
	case v1alpha1.UserActive:
		t.active = 1
	case v1alpha1.UserConflict, v1alpha1.UserDisabled, v1alpha1.UserSuspended:
		t.disabled = 1
	}
	switch {
	case u.Spec.Source != v1alpha1.SourceSCIM:
		t.manualUsers = 1
	case u.Spec.DeprovisionedAt == nil:
		t.scimUsers = 1
	}
	if isGuarded(u, u.Spec.Source) {
		t.guardUsers = 1
	}
	return t
}

func tallyOfGroup(g *v1alpha1.CloudSSOGroup) (t tally) {
	if g.Spec.Source == v1alpha1.SourceSCIM {
		t.scimGroups = 1
	} else {
		t.manualGroups = 1
	}
	if isGuarded(g, g.Spec.Source) {
		t.guardGroups = 1
	}
	return t
}

// isGuarded reports whether an object's deletion is held while its directory is synchronized.
func isGuarded(o client.Object, source v1alpha1.Source) bool {
	return policy.HoldsDeletion(o, source, v1alpha1.SynchronizationEnabled)
}
