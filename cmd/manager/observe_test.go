package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func TestEventFollowsOperationAndRefusal(t *testing.T) {
	for operation, served := range map[scimserver.Operation]audit.Event{
		scimserver.OperationDiscovery: audit.Discovery,
		scimserver.OperationRead:      audit.ResourceRead,
		scimserver.OperationQuery:     audit.ResourcesQueried,
		scimserver.OperationCreate:    audit.ResourceCreated,
		scimserver.OperationReplace:   audit.ResourceReplaced,
		scimserver.OperationModify:    audit.ResourceModified,
		scimserver.OperationDelete:    audit.ResourceDeleted,
		scimserver.OperationBulk:      audit.BulkProcessed,
		scimserver.OperationUnknown:   audit.RequestUnknown,
	} {
		refused := audit.SynchronizationRefused
		if operation == scimserver.OperationUnknown {
			refused = audit.RequestUnknown // with the switch in either position
		}
		for _, response := range []struct {
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
			r := scimserver.Record{Operation: operation, Status: response.status, Reason: response.reason}
			if got := eventOf(r); got != response.want {
				t.Errorf("%s %d %s: %s, want %s", operation, response.status, response.reason, got, response.want)
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

func TestRequestIsLoggedAsItsEvent(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		want               audit.Event
	}{
		{"GET", "/ServiceProviderConfig", "", audit.Discovery},
		{"GET", "/Schemas?filter=x", "", audit.Discovery},
		{"POST", "/.search", "{}", audit.ResourcesQueried},
		{"POST", "/Bulk", `{"Operations":[]}`, audit.BulkProcessed},
		{"GET", "/Users", "", audit.ResourcesQueried},
		{"POST", "/Users", `{"userName":"alice"}`, audit.ResourceCreated},
		{"POST", "/Groups", `{"displayName":"Staff"}`, audit.ResourceCreated},
		{"GET", "/Users/x", "", audit.ResourceRead},
		{"HEAD", "/Groups/x", "", audit.ResourceRead},
		{"PUT", "/Users/x", `{"userName":"alice"}`, audit.ResourceReplaced},
		{"PATCH", "/Groups/x", "{}", audit.ResourceModified},
		{"DELETE", "/Users/x", "", audit.ResourceDeleted},
		{"GET", "/Me", "", audit.RequestUnknown},
		{"FROB", "/Groups", "", audit.RequestUnknown},
	} {
		session := scimserver.Session{Store: memstore.New(time.Now, func() string { return "id" }), Subject: "acme/okta"}
		lines := logged(t, session, nil, c.method, c.path, c.body)
		if len(lines) != 1 || lines[0]["msg"] != string(c.want) || lines[0]["namespace"] != "acme" || lines[0]["credential"] != "okta" || lines[0]["remote"] != "192.0.2.1:1234" {
			t.Errorf("%s %s: logged %v, want %s", c.method, c.path, lines, c.want)
		}
	}
}

// Each operation of a bulk request has a line of its own, also one that the switch refuses.
func TestOperationsOfABulkRequestAreLogged(t *testing.T) {
	session := scimserver.Session{
		Store: memstore.New(time.Now, func() string { return "id" }), Subject: "acme/okta",
		Revalidate: func(method, _ string) error {
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

// The log says which credential was refused, if it is known, and why. The client is not told.
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

// A client can send a token in every part of a request. The server's log and the provisioning log redact it, and the
// metrics have no text of a client.
func TestTokensInARequestAreNotLogged(t *testing.T) {
	token, err := auth.NewToken(rand.Reader, "acme")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	options := zap.Options{DestWriter: redactingWriter{&out}, Level: zapcore.Level(-1)}
	registry := prometheus.NewRegistry()
	observer, err := newObserver(audit.New(provisioningLog(options)), registry)
	if err != nil {
		t.Fatal(err)
	}
	session := scimserver.Session{Store: memstore.New(time.Now, func() string { return "id" }), Subject: "acme/okta"}
	service := scimserver.New(scimserver.Options{
		Authenticate: func(*http.Request) (scimserver.Session, error) { return session, nil },
		BaseURL:      "https://sso.example.com" + scimPrefix, Prefix: scimPrefix, Observe: observer.observe,
		Logger: slog.New(logr.ToSlogHandler(zap.New(zap.UseFlagOptions(&options)))),
	})
	send := func(method, path, body string) {
		request := httptest.NewRequestWithContext(t.Context(), method, scimPrefix+path, strings.NewReader(body))
		service.ServeHTTP(httptest.NewRecorder(), request)
	}
	send("POST", "/Users", `{"userName":"alice"}`)
	long := strings.Repeat("x", 230) + token // cut in the middle of the token
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/Users/" + token, ""},
		{"DELETE", "/Groups/" + long, ""},
		{"GET", "/" + token, ""},
		{"GET", "/Users?access_token=" + token, ""},
		{"GET", "/Users?filter=" + token, ""},
		{token, "/Users", ""},
		{"POST", "/Users", `{"userName":"` + token + `"}`},
		{"POST", "/Users", `{"userName":"` + long + `"}`},
		{"POST", "/Users", `{"userName":"bob","` + token + `":"` + token + `","active":"` + token + `"}`},
		{"POST", "/Users", token},
		{"PATCH", "/Users/id", `{"Operations":[{"op":"replace","path":"` + token + `","value":"x"}]}`},
		{"PATCH", "/Users/id", `{"Operations":[{"op":"replace","path":"emails[value eq \"` + token + `\"","value":"x"}]}`},
		{"PATCH", "/Users/id", `{"Operations":[{"op":"` + token + `","path":"active","value":"x"}]}`},
		{"PATCH", "/Users/id", `{"Operations":[{"op":"add","path":"urn:x:` + token + `","value":"x"}]}`},
		{"POST", "/Bulk", `{"Operations":[{"method":"` + token + `","path":"/` + token + `","bulkId":"` + token + `","data":{}}]}`},
	} {
		before := out.Len()
		send(c.method, c.path, c.body)
		if out.Len() == before {
			t.Errorf("%s %s is not logged", c.method, c.path)
		}
		random := strings.ToLower(strings.Split(token, "_")[2][:12])
		if logged := out.String()[before:]; strings.Contains(strings.ToLower(logged), random) {
			t.Errorf("%s %s %s: the log has the token: %s", c.method, c.path, c.body, logged)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if strings.Contains(family.String(), auth.TokenPrefix) {
			t.Errorf("the metric %s has the token", family.GetName())
		}
	}
}

func TestSecondAuthorizationHeaderIsARefusedAuthentication(t *testing.T) {
	ambiguous := &scim.Error{Status: http.StatusBadRequest, Detail: "send one", Reason: string(auth.ReasonAmbiguous)}
	lines := logged(t, scimserver.Session{}, ambiguous, "POST", "/Users", "{}")
	if len(lines) != 1 || lines[0]["msg"] != "Authentication Refused" || lines[0]["reason"] != "ambiguous" || lines[0]["status"] != 400. {
		t.Errorf("logged %v", lines)
	}
}
