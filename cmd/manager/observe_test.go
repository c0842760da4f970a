package main

import (
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func TestEventsAreWhatRequestsWere(t *testing.T) {
	for _, c := range []struct {
		method, route string
		status        int
		want          audit.Event
	}{
		{"POST", "/Users", 201, audit.ResourceCreated},
		{"POST", "/Groups", 409, audit.ResourceCreated},
		{"PUT", "/Users/{id}", 200, audit.ResourceReplaced},
		{"PATCH", "/Groups/{id}", 204, audit.ResourceModified},
		{"DELETE", "/Users/{id}", 404, audit.ResourceDeleted},
		{"GET", "/Users/{id}", 200, audit.ResourceRead},
		{"HEAD", "/Users/{id}", 304, audit.ResourceRead},
		{"GET", "/Users", 200, audit.ResourcesQueried},
		{"GET", "/", 200, audit.ResourcesQueried},
		{"POST", "/.search", 200, audit.ResourcesQueried},
		{"POST", "/Users/.search", 200, audit.ResourcesQueried},
		{"POST", "/Bulk", 200, audit.BulkProcessed},
		{"POST", "/Bulk", 413, audit.BulkProcessed},
		{"GET", "/ServiceProviderConfig", 200, audit.Discovery},
		{"GET", "/Schemas/{id}", 404, audit.Discovery},
		{"GET", "/Schemas", 403, audit.Discovery}, // a filter
		{"PATCH", "/Users/{id}", 403, audit.SynchronizationRefused},
		{"POST", "/Bulk", 403, audit.SynchronizationRefused},
		{"GET", "/Users", 401, audit.AuthenticationRefused},
		{"GET", "/Schemas", 401, audit.AuthenticationRefused},
		{"POST", "/Users", 429, audit.RequestLimited},
		{"POST", "", 404, audit.RequestUnknown},
		{"DELETE", "/Users", 405, audit.RequestUnknown},
		{"POST", "/Schemas", 405, audit.RequestUnknown},
		{"GET", "/Me", 501, audit.RequestUnknown},
	} {
		if got := eventOf(scimserver.Record{Method: c.method, Route: c.route, Status: c.status}); got != c.want {
			t.Errorf("%s %s %d: %s, want %s", c.method, c.route, c.status, got, c.want)
		}
	}
}
