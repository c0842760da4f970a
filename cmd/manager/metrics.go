package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// seconds are the histogram buckets, because most requests take milliseconds, and a write takes 25 seconds at most.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25}

// requestMetrics are the metrics of SCIM requests and of what they wait for, which every replica has.
type requestMetrics struct {
	build      *prometheus.GaugeVec
	duration   *prometheus.HistogramVec
	refusals   *prometheus.CounterVec
	lag        *prometheus.HistogramVec
	retries    prometheus.Counter
	contention *prometheus.CounterVec
	lost       prometheus.Counter
}

func newRequestMetrics() requestMetrics {
	m := requestMetrics{
		build: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "cloudsso_build_info",
			Help: "The version of this replica. The value is always 1.",
		}, []string{"version"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cloudsso_scim_request_duration_seconds",
			Help:    "How long SCIM requests took, and operations of bulk requests, by type of resource, operation and status.",
			Buckets: seconds,
		}, []string{"resource", "operation", "status"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cloudsso_scim_refusals_total",
			Help: "SCIM requests, and operations of bulk requests, that were refused because of the credential, the switch or the load, by reason.",
		}, []string{"reason"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cloudsso_scim_cache_lag_seconds",
			Help:    "How long this replica's cache took to show a write of this replica, by type of resource. The response to a write waits for it, three seconds at most.",
			Buckets: seconds,
		}, []string{"resource"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cloudsso_scim_write_retries_total",
			Help: "Attempts to write an object for a SCIM request that another writer has overtaken, and that were repeated.",
		}),
		contention: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cloudsso_name_claim_contentions_total",
			Help: "Attempts to claim a userName or displayName that met another writer of the same CloudSSONameClaim, by kind.",
		}, []string{"kind"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cloudsso_audit_log_failures_total",
			Help: "Lines of the provisioning log that its file, --audit-log-path, did not take.",
		}),
	}
	m.build.WithLabelValues(version).Set(1)
	for _, kind := range []v1alpha1.ClaimedKind{v1alpha1.ClaimedByUser, v1alpha1.ClaimedByGroup} {
		m.contention.WithLabelValues(string(kind)) // so that a first contention is an increase
	}
	return m
}

func (m *requestMetrics) register(registry prometheus.Registerer) error {
	var failures []error
	for _, collector := range []prometheus.Collector{m.build, m.duration, m.refusals, m.lag, m.retries, m.contention, m.lost} {
		failures = append(failures, registry.Register(collector))
	}
	return errors.Join(failures...)
}

func (m *requestMetrics) observeRequest(r scimserver.Record) {
	m.duration.WithLabelValues(r.ResourceType, string(r.Operation), strconv.Itoa(r.Status)).Observe(r.Duration.Seconds())
	if r.Reason != "" {
		m.refusals.WithLabelValues(r.Reason).Inc()
	}
}

// observeLag records how long the cache took to show a write, for store.Config.Lag.
func (m *requestMetrics) observeLag(resource string, lag time.Duration) {
	m.lag.WithLabelValues(resource).Observe(lag.Seconds())
}

// observeContention counts an attempt to claim a name that met another writer, for store.Config.Contention.
func (m *requestMetrics) observeContention(kind v1alpha1.ClaimedKind) {
	m.contention.WithLabelValues(string(kind)).Inc()
}
