package directory

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// The metrics of directories. The label directory is the namespace. It is not called namespace, because Prometheus gives a
// target a label of that name.
var (
	usersDesc = describe("users",
		"Users, by source and state. Absent for a combination without users.", "source", "state")
	groupsDesc = describe("groups",
		"Groups, by source and state. Absent for a combination without groups.", "source", "state")
	withheldDesc = describe("deactivations_withheld",
		"Deactivations beyond the disablement budget that wait for an administrator. Absent if there are none.")
	enabledDesc = describe("directory_synchronization_enabled",
		"Whether the switch is on and the directory activated (1), or not (0).")
	resyncDesc = describe("directory_resync_needed",
		"Whether a full push of the identity provider is needed, because writes were refused (1), or not (0).")
	refusedDesc = describe("directory_refused_writes",
		"SCIM writes that were refused because the directory was not served, since the last acknowledged full push.")
	lastRequestDesc = describe("directory_last_request_timestamp_seconds",
		"When the directory last accepted the credential of a SCIM request, in seconds since 1970, at most a minute behind. Absent before the first.")
	expiryDesc = describe("credential_expiry_timestamp_seconds",
		"When a credential expires, in seconds since 1970. Absent for one that does not authenticate for another reason than its expiry.", "credential")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("cloudsso_"+name, help, append([]string{"directory"}, labels...), nil)
}

// measurements are what a term as leader shows of directories. Watch events change them, so that a scrape costs as much as
// there are directories, and no more for their users. Safe for concurrent use.
type measurements struct {
	counters *counters

	mu          sync.Mutex
	directories map[string]*directoryFacts // by namespace
	expiries    map[client.ObjectKey]time.Time
}

// directoryFacts are what metrics show of a directory beside its counts.
type directoryFacts struct {
	isEnabled, needsResync bool
	refusedWrites          int64
	lastRequest            time.Time
}

func newMeasurements(c *counters) *measurements {
	return &measurements{counters: c, directories: map[string]*directoryFacts{}, expiries: map[client.ObjectKey]time.Time{}}
}

// leading has the measurements of this replica's term as leader; nil if it has none. A term that has ended can therefore
// change nothing that is shown.
var leading atomic.Pointer[measurements]

func init() { metrics.Registry.MustRegister(leaderCollector{}) }

// Start implements manager.Runnable: the measurements are shown until the leadership is lost.
func (m *measurements) Start(ctx context.Context) error {
	leading.Store(m)
	<-ctx.Done()
	leading.CompareAndSwap(m, nil)
	return nil
}

// handler returns an event handler that follows directories and credentials, and requests no reconcile.
func (m *measurements) handler() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) { m.observe(e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ queue) { m.observe(e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) { m.forget(e.Object) },
	}
}

func (m *measurements) observe(o client.Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch o := o.(type) {
	case *v1alpha1.CloudSSODirectory:
		m.directories[o.Namespace] = factsOf(o)
	case *v1alpha1.SCIMCredential:
		key := client.ObjectKeyFromObject(o)
		if expiry := measuredExpiry(o); expiry.IsZero() {
			delete(m.expiries, key)
		} else {
			m.expiries[key] = expiry
		}
	}
}

func (m *measurements) forget(o client.Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch o.(type) {
	case *v1alpha1.CloudSSODirectory:
		delete(m.directories, o.GetNamespace())
	case *v1alpha1.SCIMCredential:
		delete(m.expiries, client.ObjectKeyFromObject(o))
	}
}

// measuredExpiry returns when a credential that authenticates expires, or has expired; zero for a credential that does not
// authenticate for another reason. Only a credential with a slot has one, so that a directory has at most
// v1alpha1.MaxCredentials values of the label credential.
func measuredExpiry(c *v1alpha1.SCIMCredential) time.Time {
	usable := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionUsable)
	isTerminating := !c.DeletionTimestamp.IsZero() // the condition stays as it was
	if usable == nil || isTerminating || usable.Status != metav1.ConditionTrue && usable.Reason != v1alpha1.ReasonExpired {
		return time.Time{}
	}
	return policy.CredentialExpiry(c)
}

func factsOf(d *v1alpha1.CloudSSODirectory) *directoryFacts {
	facts := &directoryFacts{
		isEnabled:   policy.SwitchOf(d) == policy.SwitchEnabled,
		needsResync: meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionResyncNeeded),
	}
	if refused := d.Status.RefusedWrites; refused != nil {
		facts.refusedWrites = refused.Count
	}
	if last := d.Status.LastRequestTime; last != nil {
		facts.lastRequest = last.Time
	}
	return facts
}

// leaderCollector collects the measurements of this replica's term as leader.
type leaderCollector struct{}

// Describe implements prometheus.Collector.
func (leaderCollector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{usersDesc, groupsDesc, withheldDesc, enabledDesc, resyncDesc, refusedDesc, lastRequestDesc, expiryDesc} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (leaderCollector) Collect(to chan<- prometheus.Metric) {
	if m := leading.Load(); m != nil {
		m.collect(to)
	}
}

// collect sends the metrics of namespaces that have a directory. Without one, the cache has only parts of users and groups.
func (m *measurements) collect(to chan<- prometheus.Metric) {
	counted := m.counters.all()
	m.mu.Lock()
	directories, expiries := maps.Clone(m.directories), maps.Clone(m.expiries)
	m.mu.Unlock()
	for namespace, facts := range directories {
		facts.collect(to, namespace)
		counted[namespace].collect(to, namespace)
	}
	for key, expiry := range expiries {
		to <- gauge(expiryDesc, unix(expiry), key.Namespace, key.Name)
	}
}

func (f *directoryFacts) collect(to chan<- prometheus.Metric, namespace string) {
	to <- gauge(enabledDesc, oneIf(f.isEnabled), namespace)
	to <- gauge(resyncDesc, oneIf(f.needsResync), namespace)
	to <- gauge(refusedDesc, float64(f.refusedWrites), namespace)
	if !f.lastRequest.IsZero() {
		to <- gauge(lastRequestDesc, unix(f.lastRequest), namespace)
	}
}

func (c counts) collect(to chan<- prometheus.Metric, namespace string) {
	for i, source := range sources {
		for j, state := range states {
			if n := c.users[i][j]; n > 0 {
				to <- gauge(usersDesc, float64(n), namespace, string(source), string(state))
			}
		}
		for j, state := range groupStates {
			if n := c.groups[i][j]; n > 0 {
				to <- gauge(groupsDesc, float64(n), namespace, string(source), state)
			}
		}
	}
	if c.withheld > 0 {
		to <- gauge(withheldDesc, float64(c.withheld), namespace)
	}
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func unix(t time.Time) float64 { return float64(t.Unix()) }

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
