package bindings

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// revocationMetrics are the metrics of revocations.
type revocationMetrics struct {
	duration prometheus.Histogram
	pending  prometheus.Gauge
	oldest   prometheus.Gauge
}

// revocationSeconds are the histogram buckets: a binding takes the API server about six milliseconds, access should be gone
// within a second, and a revocation goes on for as long as the API server is away.
var revocationSeconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func newMetrics(registry prometheus.Registerer) (*revocationMetrics, error) {
	m := &revocationMetrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "cloudsso_access_revocation_duration_seconds",
			Help:    "How long it took, after this replica had acknowledged that a user or group loses access, until no binding had the subject any more.",
			Buckets: revocationSeconds,
		}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cloudsso_access_revocations_pending",
			Help: "RoleBindings and ClusterRoleBindings that this replica is looking at because a user or group has lost access.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cloudsso_access_revocations_oldest_timestamp_seconds",
			Help: "Since when a binding has a subject that has lost access, as far as this replica has revoked it, in seconds since 1970. 0 without one.",
		}),
	}
	if registry == nil {
		return m, nil
	}
	return m, errors.Join(registry.Register(m.duration), registry.Register(m.pending), registry.Register(m.oldest))
}

// unfinished are the remembered revocations of which a binding still has a subject, each with the first check that saw it. A
// revocation that is acknowledged again, as for a user who is being deleted, keeps its time.
type unfinished struct {
	names      map[subjectKey]time.Time
	principals map[principalKey]time.Time
}

// update records what a check has seen.
func (u *unfinished) update(now time.Time, names []subjectKey, principals []principalKey) {
	u.names, u.principals = firstSeen(u.names, now, names), firstSeen(u.principals, now, principals)
}

// firstSeen returns for each key when it was first seen without an interruption.
func firstSeen[K comparable](before map[K]time.Time, now time.Time, keys []K) map[K]time.Time {
	after := make(map[K]time.Time, len(keys))
	for _, key := range keys {
		after[key] = now
		if since, there := before[key]; there {
			after[key] = since
		}
	}
	return after
}

// oldest returns the time of the oldest one in seconds since 1970; 0 without one.
func (u *unfinished) oldest() float64 {
	all := slices.AppendSeq(slices.Collect(maps.Values(u.names)), maps.Values(u.principals))
	if len(all) == 0 {
		return 0
	}
	return float64(slices.MinFunc(all, time.Time.Compare).Unix())
}
