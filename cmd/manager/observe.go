package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// observer writes the provisioning log and the metrics of SCIM requests.
type observer struct {
	log      *audit.Log
	duration *prometheus.HistogramVec
}

func newObserver(log *audit.Log) *observer {
	o := &observer{log: log, duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "cloudsso_scim_request_duration_seconds",
		Help:    "How long SCIM requests took, by method, route and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25},
	}, []string{"method", "route", "status"})}
	metrics.Registry.MustRegister(o.duration)
	return o
}

func (o *observer) observe(r scimserver.Record) {
	o.duration.WithLabelValues(boundedMethod(r.Method), r.Route, strconv.Itoa(r.Status)).Observe(r.Duration.Seconds())
	namespace, credential, _ := strings.Cut(r.Subject, "/")
	record := audit.Record{
		Event:      eventOf(r),
		RequestID:  r.RequestID,
		Namespace:  namespace,
		Credential: credential,
		Remote:     r.Remote,
		Method:     r.Method, ResourceType: r.ResourceType, ID: r.ID, ExternalID: r.ExternalID,
		Status: r.Status, SCIMType: string(r.Type), Detail: r.Detail, Duration: r.Duration,
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

// eventOf is what a request was: by its route first, for the methods mean something only there.
func eventOf(r scimserver.Record) audit.Event {
	isDiscovery := strings.HasPrefix(r.Route, "/ServiceProviderConfig") || strings.HasPrefix(r.Route, "/ResourceTypes") || strings.HasPrefix(r.Route, "/Schemas")
	switch {
	case r.Status == http.StatusUnauthorized:
		return audit.AuthenticationRefused
	case r.Status == http.StatusTooManyRequests:
		return audit.RequestLimited
	case r.Route == "", r.Status == http.StatusMethodNotAllowed, r.Status == http.StatusNotImplemented:
		return audit.RequestUnknown
	case isDiscovery:
		return audit.Discovery
	case r.Status == http.StatusForbidden:
		return audit.SynchronizationRefused
	case r.Route == "/Bulk":
		return audit.BulkProcessed
	case strings.HasSuffix(r.Route, "/.search"), r.Route == "/":
		return audit.ResourcesQueried
	}
	return eventOfMethod(r)
}

// eventOfMethod is what a request to /Users or /Groups, or below, was.
func eventOfMethod(r scimserver.Record) audit.Event {
	switch r.Method {
	case http.MethodPost:
		return audit.ResourceCreated
	case http.MethodPut:
		return audit.ResourceReplaced
	case http.MethodPatch:
		return audit.ResourceModified
	case http.MethodDelete:
		return audit.ResourceDeleted
	}
	if strings.HasSuffix(r.Route, "}") {
		return audit.ResourceRead
	}
	return audit.ResourcesQueried
}
