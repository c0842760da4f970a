package bindings

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// revocationMetrics are the metrics of revocations.
type revocationMetrics struct {
	duration prometheus.Histogram
	pending  prometheus.Gauge
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
	}
	if registry == nil {
		return m, nil
	}
	return m, errors.Join(registry.Register(m.duration), registry.Register(m.pending))
}
