package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// Every method at every route, with every answer it may get.
func TestEventsAreWhatRequestsWere(t *testing.T) {
	const none = audit.RequestUnknown
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	for _, c := range []struct {
		route string
		want  [7]audit.Event // by method
	}{
		{"/ServiceProviderConfig", [7]audit.Event{audit.Discovery, audit.Discovery, none, none, none, none, none}},
		{"/ResourceTypes", [7]audit.Event{audit.Discovery, audit.Discovery, none, none, none, none, none}},
		{"/ResourceTypes/{id}", [7]audit.Event{audit.Discovery, audit.Discovery, none, none, none, none, none}},
		{"/Schemas", [7]audit.Event{audit.Discovery, audit.Discovery, none, none, none, none, none}},
		{"/Schemas/{id}", [7]audit.Event{audit.Discovery, audit.Discovery, none, none, none, none, none}},
		{"/", [7]audit.Event{audit.ResourcesQueried, audit.ResourcesQueried, none, none, none, none, none}},
		{"/.search", [7]audit.Event{none, none, audit.ResourcesQueried, none, none, none, none}},
		{"/Bulk", [7]audit.Event{none, none, audit.BulkProcessed, none, none, none, none}},
		{"/Me", [7]audit.Event{none, none, none, none, none, none, none}},
		{"", [7]audit.Event{none, none, none, none, none, none, none}},
		{"/Users", [7]audit.Event{audit.ResourcesQueried, audit.ResourcesQueried, audit.ResourceCreated, none, none, none, none}},
		{"/Groups", [7]audit.Event{audit.ResourcesQueried, audit.ResourcesQueried, audit.ResourceCreated, none, none, none, none}},
		{"/Users/.search", [7]audit.Event{none, none, audit.ResourcesQueried, none, none, none, none}},
		{"/Groups/.search", [7]audit.Event{none, none, audit.ResourcesQueried, none, none, none, none}},
		{"/Users/{id}", [7]audit.Event{audit.ResourceRead, audit.ResourceRead, none, audit.ResourceReplaced, audit.ResourceModified, audit.ResourceDeleted, none}},
		{"/Groups/{id}", [7]audit.Event{audit.ResourceRead, audit.ResourceRead, none, audit.ResourceReplaced, audit.ResourceModified, audit.ResourceDeleted, none}},
	} {
		for i, method := range methods {
			served := c.want[i]
			refused := audit.SynchronizationRefused
			if served == none {
				refused = none // and the switch is not asked
			}
			for _, answered := range []struct {
				status int
				reason string
				want   audit.Event
			}{
				{200, "", served},
				{201, "", served},
				{204, "", served},
				{304, "", served},
				{400, "", served},
				{404, "", served},
				{405, "", served},
				{409, "", served},
				{412, "", served},
				{413, "", served},
				{415, "", served},
				{500, "", served},
				{501, "", served},
				{503, "", served},
				{503, "starting", served},
				{403, "", served}, // a filter on discovery, or a namespace that is being deleted
				{403, "switched-off", refused},
				{403, "no-directory", refused},
				{401, "missing", audit.AuthenticationRefused},
				{401, "expired", audit.AuthenticationRefused},
				{429, "expired", audit.AuthenticationRefused},
				{429, "unknown", audit.AuthenticationRefused},
				{429, "rate-limited", audit.RequestLimited},
				{429, "in-flight", audit.RequestLimited},
				{429, "large-bodies", audit.RequestLimited},
				{429, "", audit.RequestLimited},
			} {
				r := scimserver.Record{Method: method, Route: c.route, Status: answered.status, Reason: answered.reason}
				if got := eventOf(r); got != answered.want {
					t.Errorf("%s %s %d %s: %s, want %s", method, c.route, answered.status, answered.reason, got, answered.want)
				}
			}
		}
	}
}

// logged serves a request, with the observer as in production, and returns the lines of its log.
func logged(t *testing.T, session scimserver.Session, refusal error, method, path, body string) (lines []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	observer, err := newObserver(audit.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	service := scimserver.New(scimserver.Options{
		Authenticate: func(*http.Request) (scimserver.Session, error) { return session, refusal },
		BaseURL:      "https://sso.example.com" + scimPrefix, Prefix: scimPrefix, Observe: observer.observe, Logger: slog.New(slog.DiscardHandler),
	})
	request := httptest.NewRequestWithContext(t.Context(), method, scimPrefix+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer x")
	service.ServeHTTP(httptest.NewRecorder(), request)
	for decoder := json.NewDecoder(&log); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// The table of events has the routes that the service has: whatever is served has one.
func TestTheServiceIsLoggedByItsRoutes(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		want               audit.Event
	}{
		{"GET", "/ServiceProviderConfig", "", audit.Discovery},
		{"GET", "/ResourceTypes", "", audit.Discovery},
		{"GET", "/ResourceTypes/User", "", audit.Discovery},
		{"GET", "/Schemas", "", audit.Discovery},
		{"GET", "/Schemas?filter=x", "", audit.Discovery},
		{"GET", "/Schemas/x", "", audit.Discovery},
		{"GET", "", "", audit.ResourcesQueried},
		{"POST", "/.search", "{}", audit.ResourcesQueried},
		{"POST", "/Users/.search", "{}", audit.ResourcesQueried},
		{"POST", "/Groups/.search", "{}", audit.ResourcesQueried},
		{"POST", "/Bulk", `{"Operations":[]}`, audit.BulkProcessed},
		{"GET", "/Users", "", audit.ResourcesQueried},
		{"HEAD", "/Groups", "", audit.ResourcesQueried},
		{"POST", "/Users", `{"userName":"alice"}`, audit.ResourceCreated},
		{"POST", "/Groups", `{"displayName":"Staff"}`, audit.ResourceCreated},
		{"GET", "/Users/x", "", audit.ResourceRead},
		{"HEAD", "/Groups/x", "", audit.ResourceRead},
		{"PUT", "/Users/x", `{"userName":"alice"}`, audit.ResourceReplaced},
		{"PUT", "/Groups/x", `{"displayName":"Staff"}`, audit.ResourceReplaced},
		{"PATCH", "/Users/x", "{}", audit.ResourceModified},
		{"PATCH", "/Groups/x", "{}", audit.ResourceModified},
		{"DELETE", "/Users/x", "", audit.ResourceDeleted},
		{"DELETE", "/Groups/x", "", audit.ResourceDeleted},
		{"GET", "/Me", "", audit.RequestUnknown},
		{"POST", "/users", "{}", audit.RequestUnknown},
		{"PATCH", "/Users", "{}", audit.RequestUnknown},
		{"POST", "/Users/x", "{}", audit.RequestUnknown},
		{"GET", "/Bulk", "", audit.RequestUnknown},
		{"FROB", "/Groups", "", audit.RequestUnknown},
	} {
		session := scimserver.Session{Store: memstore.New(time.Now, func() string { return "id" }), Subject: "acme/okta"}
		lines := logged(t, session, nil, c.method, c.path, c.body)
		if len(lines) != 1 || lines[0]["msg"] != string(c.want) || lines[0]["namespace"] != "acme" || lines[0]["credential"] != "okta" || lines[0]["remote"] != "192.0.2.1:1234" {
			t.Errorf("%s %s: logged %v, want %s", c.method, c.path, lines, c.want)
		}
	}
}

// Each operation of a bulk request has its line, and one that the switch refuses says so.
func TestOperationsOfABulkRequestAreLogged(t *testing.T) {
	session := scimserver.Session{
		Store: memstore.New(time.Now, func() string { return "id" }), Subject: "acme/okta",
		Again: func(method, _ string) error {
			if method == "DELETE" {
				return &scim.Error{Status: http.StatusForbidden, Detail: "off", Reason: "switched-off"}
			}
			return nil
		},
	}
	lines := logged(t, session, nil, "POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"alice"}},{"method":"DELETE","path":"/Users/x"}]}`)
	for i, want := range []audit.Event{audit.ResourceCreated, audit.SynchronizationRefused, audit.BulkProcessed} {
		if len(lines) != 3 || lines[i]["msg"] != string(want) || lines[i]["requestID"] != lines[0]["requestID"] {
			t.Fatalf("logged %v", lines)
		}
	}
	if line := lines[1]; line["reason"] != "switched-off" || line["id"] != "x" || line["credential"] != "okta" {
		t.Errorf("logged %v", line)
	}
}

// What the client is not told, the log says: whose credential it is, if it is anybody's, and what is wrong with it.
func TestRefusalsAreLoggedWithTheirReason(t *testing.T) {
	expired := &scim.Error{Status: http.StatusUnauthorized, Detail: "not valid", Reason: "expired"}
	lines := logged(t, scimserver.Session{Subject: "acme/okta"}, expired, "GET", "/Users", "")
	if len(lines) != 1 || lines[0]["msg"] != "Authentication Refused" || lines[0]["credential"] != "okta" || lines[0]["reason"] != "expired" || lines[0]["level"] != "WARN" {
		t.Errorf("logged %v", lines)
	}
	unknown := &scim.Error{Status: http.StatusTooManyRequests, Detail: "not accepted", Reason: "unknown", RetryAfter: time.Second}
	lines = logged(t, scimserver.Session{}, unknown, "GET", "/Users", "")
	if len(lines) != 1 || lines[0]["msg"] != "Authentication Refused" || lines[0]["credential"] != nil || lines[0]["reason"] != "unknown" {
		t.Errorf("logged %v", lines)
	}
}

func TestRefusalsAreCountedByReason(t *testing.T) {
	registry := prometheus.NewRegistry()
	observer, err := newObserver(audit.New(slog.DiscardHandler), registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"expired", "expired", "rate-limited", ""} {
		observer.observe(scimserver.Record{Method: "INVENTED", Route: "/Users", Status: http.StatusTooManyRequests, Reason: reason})
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "reason" {
					counted[label.GetValue()] = metric.GetCounter().GetValue()
				}
				if label.GetValue() == "INVENTED" {
					t.Error("a client makes labels up")
				}
			}
		}
	}
	if len(counted) != 2 || counted["expired"] != 2 || counted["rate-limited"] != 1 {
		t.Errorf("counted %v", counted)
	}
	if _, err := newObserver(audit.New(slog.DiscardHandler), registry); err == nil {
		t.Error("metrics of one name are registered twice")
	}
}
