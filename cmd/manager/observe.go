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

// seconds are the bounds of what usually takes milliseconds, and at worst what a write may.
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
			Help: "SCIM requests, and operations of bulk requests, that were not let in, or not worked on, by reason: the credential's, the switch's, the load's.",
		}, []string{"reason"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "cloudsso_scim_cache_lag_seconds",
			Help:    "How long this replica's cache took to show what the replica had written, by type of resource. A write is answered once it does, or after three seconds.",
			Buckets: seconds,
		}, []string{"resource"}),
	}
	return o, errors.Join(registry.Register(o.duration), registry.Register(o.refusals), registry.Register(o.lag))
}

// lagged is directory.Config.Lag.
func (o *observer) lagged(resource string, lag time.Duration) {
	o.lag.WithLabelValues(resource).Observe(lag.Seconds())
}

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

// boundedMethod keeps what a client invents out of the metrics' labels.
func boundedMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}

// events are what requests are, by method and route. Whatever else is asked for is unknown.
var events = map[string]audit.Event{
	"GET /ServiceProviderConfig": audit.Discovery,
	"GET /ResourceTypes":         audit.Discovery,
	"GET /ResourceTypes/{id}":    audit.Discovery,
	"GET /Schemas":               audit.Discovery,
	"GET /Schemas/{id}":          audit.Discovery,
	"GET /":                      audit.ResourcesQueried,
	"POST /.search":              audit.ResourcesQueried,
	"POST /Bulk":                 audit.BulkProcessed,
	"GET /Users":                 audit.ResourcesQueried,
	"POST /Users/.search":        audit.ResourcesQueried,
	"POST /Users":                audit.ResourceCreated,
	"GET /Users/{id}":            audit.ResourceRead,
	"PUT /Users/{id}":            audit.ResourceReplaced,
	"PATCH /Users/{id}":          audit.ResourceModified,
	"DELETE /Users/{id}":         audit.ResourceDeleted,
	"GET /Groups":                audit.ResourcesQueried,
	"POST /Groups/.search":       audit.ResourcesQueried,
	"POST /Groups":               audit.ResourceCreated,
	"GET /Groups/{id}":           audit.ResourceRead,
	"PUT /Groups/{id}":           audit.ResourceReplaced,
	"PATCH /Groups/{id}":         audit.ResourceModified,
	"DELETE /Groups/{id}":        audit.ResourceDeleted,
}

// eventOf is what a request was, unless it was not let in.
func eventOf(r scimserver.Record) audit.Event {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	event, known := events[method+" "+r.Route]
	switch {
	case isLimited(r):
		return audit.RequestLimited
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusTooManyRequests:
		return audit.AuthenticationRefused
	case !known:
		return audit.RequestUnknown
	case r.Reason == scimauth.ReasonSwitchedOff, r.Reason == scimauth.ReasonNoDirectory:
		return audit.SynchronizationRefused
	}
	return event
}

// isLimited says whether a good credential asks too often, or for too much at a time. Bad ones are answered 429 too,
// after many.
func isLimited(r scimserver.Record) bool {
	switch r.Reason {
	case "", string(auth.ReasonRateLimited), scimserver.ReasonInFlight, scimserver.ReasonLargeBodies:
		return r.Status == http.StatusTooManyRequests
	}
	return false
}
