package directory

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// counts are the numbers of a namespace's objects by kind, source and state, or the part of one object in them. guard
// counts objects whose deletion is held.
type counts struct {
	active, disabled, deprovisioned    int32
	scimUsers, manualUsers, guardUsers int32
	scimGroups, manualGroups           int32
	guardGroups                        int32
	withheld                           int32
}

// withheld is the number of withheld deactivations of each namespace that has some. Only the leader reports it.
var withheld = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "cloudsso_deactivations_withheld",
	Help: "Deactivations beyond the disablement budget of the namespace's CloudSSODirectory that wait for an administrator. Absent if there are none.",
}, []string{"namespace"})

func init() { metrics.Registry.MustRegister(withheld) }

// reportWithheld sets the metric of a namespace, or removes it, so that namespaces without a withheld deactivation have none.
func reportWithheld(namespace string, n int32) {
	if n > 0 {
		withheld.WithLabelValues(namespace).Set(float64(n))
	} else {
		withheld.DeleteLabelValues(namespace)
	}
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
		before := c.byNamespace[namespace]
		sum := before.plus(countsOf(change.o), change.sign)
		if sum.withheld != before.withheld {
			reportWithheld(namespace, sum.withheld)
		}
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

func (c counts) plus(o counts, sign int32) counts {
	return counts{
		active: c.active + sign*o.active, disabled: c.disabled + sign*o.disabled, deprovisioned: c.deprovisioned + sign*o.deprovisioned,
		scimUsers: c.scimUsers + sign*o.scimUsers, manualUsers: c.manualUsers + sign*o.manualUsers, guardUsers: c.guardUsers + sign*o.guardUsers,
		scimGroups: c.scimGroups + sign*o.scimGroups, manualGroups: c.manualGroups + sign*o.manualGroups,
		guardGroups: c.guardGroups + sign*o.guardGroups,
		withheld:    c.withheld + sign*o.withheld,
	}
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
	switch policy.UserState(u, u.Status.State == v1alpha1.UserConflict) {
	case v1alpha1.UserDeprovisioned:
		c.deprovisioned = 1
	case v1alpha1.UserActive:
		c.active = 1
	case v1alpha1.UserConflict, v1alpha1.UserDisabled, v1alpha1.UserSuspended:
		c.disabled = 1
	}
	switch {
	case u.Spec.Source != v1alpha1.SourceSCIM:
		c.manualUsers = 1
	case u.Spec.DeprovisionedAt == nil:
		c.scimUsers = 1
	}
	if isGuarded(u) {
		c.guardUsers = 1
	}
	if u.Spec.Withheld != nil {
		c.withheld = 1
	}
	return c
}

func countsOfGroup(g *v1alpha1.CloudSSOGroup) (c counts) {
	if g.Spec.Source == v1alpha1.SourceSCIM {
		c.scimGroups = 1
	} else {
		c.manualGroups = 1
	}
	if isGuarded(g) {
		c.guardGroups = 1
	}
	return c
}

// isGuarded reports whether an object's deletion is held while its directory is synchronized.
func isGuarded(o client.Object) bool {
	return policy.ProtectsDeletion(o, policy.SwitchEnabled)
}
