package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/scimauth"
)

// observer writes the provisioning log and the metrics of SCIM requests.
type observer struct {
	log      *audit.Log
	duration *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	lag      *prometheus.HistogramVec
}

// seconds are the histogram buckets, because most requests take milliseconds, and a write takes 25 seconds at most.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25}

func newObserver(log *audit.Log, registry prometheus.Registerer) (*observer, error) {
	o := &observer{
		log: log,
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cloudsso_scim_request_duration_seconds",
			Help:    "How long SCIM requests took, and operations of bulk requests, by method, route and status.",
			Buckets: seconds,
		}, []string{"method", "route", "status"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cloudsso_scim_refusals_total",
			Help: "SCIM requests, and operations of bulk requests, that were refused because of the credential, the switch or the load, by reason.",
		}, []string{"reason"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cloudsso_scim_cache_lag_seconds",
			Help:    "How long this replica's cache took to show a write of this replica, by type of resource. The response to a write waits for it, three seconds at most.",
			Buckets: seconds,
		}, []string{"resource"}),
	}
	return o, errors.Join(registry.Register(o.duration), registry.Register(o.refusals), registry.Register(o.lag))
}

// observeLag records how long the cache took to show a write, for store.Config.Lag.
func (o *observer) observeLag(resource string, lag time.Duration) {
	o.lag.WithLabelValues(resource).Observe(lag.Seconds())
}

// observe counts a request and writes its line of the provisioning log, for scimserver.Options.Observe.
func (o *observer) observe(r scimserver.Record) {
	o.duration.WithLabelValues(boundedMethod(r.Method), r.Route, strconv.Itoa(r.Status)).Observe(r.Duration.Seconds())
	if r.Reason != "" {
		o.refusals.WithLabelValues(r.Reason).Inc()
	}
	namespace, credential, _ := strings.Cut(r.Subject, "/")
	record := audit.Record{
		Event:      eventOf(r),
		RequestID:  r.RequestID,
		Namespace:  namespace,
		Credential: credential,
		Remote:     r.Remote,
		Method:     r.Method, ResourceType: r.ResourceType, ID: r.ID, ExternalID: r.ExternalID,
		Status: r.Status, SCIMType: string(r.Type), Detail: r.Detail, Reason: r.Reason, Duration: r.Duration,
	}
	if r.ResourceType == "Group" {
		record.DisplayName = r.Name
	} else {
		record.UserName = r.Name
	}
	o.log.Write(context.Background(), record)
}

// boundedMethod returns the method, or "other" for an unknown method, because a client must not be able to add label
// values to a metric.
func boundedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}

// events are the audit events of the operations.
var events = map[scimserver.Operation]audit.Event{
	scimserver.OperationDiscovery: audit.Discovery,
	scimserver.OperationRead:      audit.ResourceRead,
	scimserver.OperationQuery:     audit.ResourcesQueried,
	scimserver.OperationCreate:    audit.ResourceCreated,
	scimserver.OperationReplace:   audit.ResourceReplaced,
	scimserver.OperationModify:    audit.ResourceModified,
	scimserver.OperationDelete:    audit.ResourceDeleted,
	scimserver.OperationBulk:      audit.BulkProcessed,
	scimserver.OperationUnknown:   audit.RequestUnknown,
}

// eventOf returns the event of a request: that of its operation, unless the request was refused before the operation began.
func eventOf(r scimserver.Record) audit.Event {
	switch {
	case isLimited(r):
		return audit.RequestLimited
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusTooManyRequests, r.Reason == string(auth.ReasonAmbiguous):
		return audit.AuthenticationRefused
	case r.Operation == scimserver.OperationUnknown:
		return audit.RequestUnknown
	case r.Reason == scimauth.ReasonSwitchedOff, r.Reason == scimauth.ReasonNoDirectory, r.Reason == scimauth.ReasonAwaitingActivation,
		r.Reason == scimauth.ReasonNotSelected, r.Reason == scimauth.ReasonSelectionUnknown:
		return audit.SynchronizationRefused
	}
	return events[r.Operation]
}

// isLimited reports whether a request was refused because a valid credential sends too many requests, or too many large
// ones at once. An invalid credential also gets a 429, after many attempts.
func isLimited(r scimserver.Record) bool {
	switch r.Reason {
	case "", string(auth.ReasonRateLimited), scimserver.ReasonInFlight, scimserver.ReasonLargeBodies:
		return r.Status == http.StatusTooManyRequests
	}
	return false
}
