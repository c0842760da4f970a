package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func TestEventSaysWhatTheRequestHasDone(t *testing.T) {
	for _, c := range []struct {
		operation scimserver.Operation
		effects   []scimserver.Effect
		want      audit.Event
	}{
		{scimserver.OperationDiscovery, nil, audit.Discovery},
		{scimserver.OperationRead, nil, audit.ResourceRead},
		{scimserver.OperationQuery, nil, audit.ResourcesQueried},
		{scimserver.OperationBulk, nil, audit.BulkProcessed},
		{scimserver.OperationUnknown, nil, audit.RequestUnknown},
		{scimserver.OperationReplace, nil, audit.ResourceUnchanged},
		{scimserver.OperationModify, nil, audit.ResourceUnchanged},
		{scimserver.OperationReplace, []scimserver.Effect{scimserver.EffectReleased}, audit.ResourceReplaced},
		{scimserver.OperationModify, []scimserver.Effect{scimserver.EffectReleased}, audit.ResourceModified},
		{scimserver.OperationCreate, []scimserver.Effect{scimserver.EffectCreated}, audit.ResourceCreated},
		{scimserver.OperationCreate, []scimserver.Effect{scimserver.EffectRestored, scimserver.EffectReactivated}, audit.ResourceRestored},
		{scimserver.OperationCreate, []scimserver.Effect{scimserver.EffectAdopted}, audit.ResourceAdopted},
		{scimserver.OperationDelete, []scimserver.Effect{scimserver.EffectDeprovisioned}, audit.ResourceDeprovisioned},
		{scimserver.OperationDelete, []scimserver.Effect{scimserver.EffectDeleted}, audit.ResourceDeleted},
	} {
		for _, status := range []int{200, 201, 204, 304} {
			if got := eventOf(scimserver.Record{Operation: c.operation, Effects: c.effects, Status: status}); got != c.want {
				t.Errorf("%s %v %d: %s, want %s", c.operation, c.effects, status, got, c.want)
			}
		}
	}
	changed := scimserver.Record{Status: 200, Changes: []scimserver.AttributeChange{{Name: "active"}}}
	joined := scimserver.Record{Status: 200, Added: scim.MemberSample{Count: 1}}
	left := scimserver.Record{Status: 204, Removed: scim.MemberSample{Count: 1}}
	for _, r := range []scimserver.Record{changed, joined, left} {
		r.Operation = scimserver.OperationReplace
		replaced := eventOf(r)
		r.Operation = scimserver.OperationModify
		if modified := eventOf(r); replaced != audit.ResourceReplaced || modified != audit.ResourceModified {
			t.Errorf("%+v: %s, %s", r, replaced, modified)
		}
	}
}

// A request that was refused or has failed is not logged as what it was to do.
func TestEventOfARequestThatHasDoneNothing(t *testing.T) {
	for _, operation := range []scimserver.Operation{
		scimserver.OperationDiscovery, scimserver.OperationRead, scimserver.OperationQuery, scimserver.OperationCreate, scimserver.OperationReplace,
		scimserver.OperationModify, scimserver.OperationDelete, scimserver.OperationBulk, scimserver.OperationUnknown,
	} {
		isUnknown := operation == scimserver.OperationUnknown // with the switch in either position
		for _, response := range []struct {
			status int
			reason string
			want   audit.Event
		}{
			{400, "", audit.RequestRefused},
			{404, "", audit.RequestRefused},
			{405, "", audit.RequestRefused},
			{409, "", audit.RequestRefused},
			{412, "", audit.RequestRefused},
			{413, "", audit.RequestRefused},
			{415, "", audit.RequestRefused},
			{500, "", audit.RequestFailed},
			{501, "", audit.RequestFailed},
			{503, "", audit.RequestFailed},
			{503, "starting", audit.RequestFailed},
			{503, "audit-unavailable", audit.RequestFailed},
			{403, "", audit.RequestRefused}, // a filter on discovery, or a namespace that is being deleted
			{403, "switched-off", audit.SynchronizationRefused},
			{403, "no-directory", audit.SynchronizationRefused},
			{401, "missing", audit.AuthenticationRefused},
			{401, "expired", audit.AuthenticationRefused},
			{429, "expired", audit.AuthenticationRefused},
			{429, "unknown", audit.AuthenticationRefused},
			{429, "rate-limited", audit.RequestLimited},
			{429, "in-flight", audit.RequestLimited},
			{429, "large-bodies", audit.RequestLimited},
			{429, "withheld", audit.DeactivationWithheld},
			{429, "", audit.RequestLimited},
		} {
			want := response.want
			if isUnknown && want != audit.AuthenticationRefused && want != audit.RequestLimited && want != audit.DeactivationWithheld {
				want = audit.RequestUnknown
			}
			r := scimserver.Record{Operation: operation, Status: response.status, Reason: response.reason}
			if got := eventOf(r); got != want {
				t.Errorf("%s %d %s: %s, want %s", operation, response.status, response.reason, got, want)
			}
		}
	}
}

// logged serves a request, with the observer as in production, and returns the lines of its log.
func logged(t *testing.T, session scimserver.Session, refusal error, method, path, body string) (lines []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	observer, err := newObserver(audit.Config{Log: slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	service := scimserver.New(scimserver.Options{
		Authenticate: func(*http.Request) (scimserver.Session, error) { return session, refusal },
		BaseURL:      "https://sso.example.com" + scimPrefix, Prefix: scimPrefix, Observe: observer.observe, Logger: slog.New(slog.DiscardHandler),
	})
	request := httptest.NewRequestWithContext(t.Context(), method, scimPrefix+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer x")
	request.Header.Set("User-Agent", "Okta SCIM Client")
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
		{"GET", "/Schemas?filter=x", "", audit.RequestRefused},
		{"POST", "/.search", "{}", audit.ResourcesQueried},
		{"POST", "/Bulk", `{"Operations":[]}`, audit.RequestRefused},
		{"GET", "/Users", "", audit.ResourcesQueried},
		{"POST", "/Users", `{"userName":"alice"}`, audit.ResourceCreated},
		{"POST", "/Groups", `{"displayName":"Staff"}`, audit.ResourceCreated},
		{"GET", "/Users/x", "", audit.RequestRefused},
		{"HEAD", "/Groups/x", "", audit.RequestRefused},
		{"PUT", "/Users/x", `{"userName":"alice"}`, audit.RequestRefused},
		{"PATCH", "/Groups/x", "{}", audit.RequestRefused},
		{"DELETE", "/Users/x", "", audit.RequestRefused},
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
	observer, err := newObserver(audit.Config{Log: slog.DiscardHandler}, slog.New(slog.DiscardHandler), registry)
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
	if _, err := newObserver(audit.Config{Log: slog.DiscardHandler}, slog.New(slog.DiscardHandler), registry); err == nil {
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
	observer, err := newObserver(audit.Config{Log: provisioningLog(options)}, slog.New(slog.DiscardHandler), registry)
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

// A change that the required file of the provisioning log does not take is not carried out. Reads go on.
func TestRequiredFileThatIsFullRefusesChanges(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	var operatorLog bytes.Buffer
	registry := prometheus.NewRegistry()
	config := audit.Config{Log: slog.DiscardHandler, File: full, Required: true}
	observer, err := newObserver(config, slog.New(slog.NewJSONHandler(&operatorLog, nil)), registry)
	if err != nil {
		t.Fatal(err)
	}
	session := scimserver.Session{Store: memstore.New(time.Now, func() string { return "id" }), Subject: "acme/okta"}
	service := scimserver.New(scimserver.Options{
		Authenticate: func(*http.Request) (scimserver.Session, error) { return session, nil },
		BaseURL:      "https://sso.example.com" + scimPrefix, Prefix: scimPrefix, Logger: slog.New(slog.DiscardHandler),
		BeforeChange: observer.beforeChange, Observe: observer.observe,
	})
	send := func(method, body string) *httptest.ResponseRecorder {
		response := httptest.NewRecorder()
		service.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), method, scimPrefix+"/Users", strings.NewReader(body)))
		return response
	}
	for range 3 {
		if r := send("POST", `{"userName":"alice"}`); r.Code != http.StatusServiceUnavailable || r.Header().Get("Retry-After") != "5" || !strings.Contains(r.Body.String(), "nothing was changed") {
			t.Errorf("a change got %d %v %s", r.Code, r.Header(), r.Body)
		}
	}
	if r := send("GET", ""); r.Code != http.StatusOK || !strings.Contains(r.Body.String(), `"totalResults":0`) {
		t.Errorf("a read got %d %s", r.Code, r.Body)
	}
	observer.log.Close()
	if lines := jsonLines(t, operatorLog.String()); len(lines) != 1 || lines[0]["level"] != "ERROR" {
		t.Errorf("the operator's log has %v, want one line about the file", lines)
	}
	if lost := valueOf(t, registry, "cloudsso_audit_log_failures_total"); lost != 6 { // the request and the refusal of each
		t.Errorf("%v lines are counted as lost, want 6", lost)
	}
	observer.fileResult(nil)
	observer.fileResult(nil)
	if lines := jsonLines(t, operatorLog.String()); len(lines) != 2 || lines[1]["level"] != "INFO" {
		t.Errorf("the operator's log has %v, want a second line about the file", lines)
	}
}

// valueOf returns the value of a counter without labels.
func valueOf(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// A line has the values of an attribute under each of the names that the attribute has.
func TestValuesOfAConfiguredAttributeAreLogged(t *testing.T) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for name, changed := range map[string]string{
		"Active": "active",
		"urn:ietf:params:scim:schemas:core:2.0:User:active": "active",
		"emails.value":                "emails",
		"name":                        "name.givenName",
		"department":                  enterprise + ":department",
		enterprise:                    enterprise + ":department",
		enterprise + ":manager.value": enterprise + ":manager.value",
		"urn:IETF:params:scim:schemas:core:2.0:Group:displayName": "displayName",
	} {
		var log bytes.Buffer
		config, err := (&options{auditValues: []string{name}}).auditConfig(slog.NewJSONHandler(&log, nil))
		if err != nil {
			t.Fatal(err)
		}
		observer, err := newObserver(config, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		session := scimserver.Session{Store: memstore.New(time.Now, func() string { return "id" }), Subject: "acme/okta"}
		service := scimserver.New(scimserver.Options{
			Authenticate: func(*http.Request) (scimserver.Session, error) { return session, nil },
			BaseURL:      "https://sso.example.com" + scimPrefix, Prefix: scimPrefix, Observe: observer.observe,
		})
		user := `{"userName":"alice","displayName":"A","active":true,"name":{"givenName":"Alice"},"emails":[{"value":"a@x"}],
			"` + enterprise + `":{"department":"D1","manager":{"value":"7"}}}`
		service.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", scimPrefix+"/Users", strings.NewReader(user)))
		after, _ := jsonLines(t, log.String())[0]["after"].(map[string]any)
		if _, ok := after[changed]; !ok {
			t.Errorf("--audit-log-values=%s: logged %s", name, &log)
		}
	}
}

// The name and the values of what a request has changed reach the log.
func TestChangeIsLoggedWithItsEffects(t *testing.T) {
	store := memstore.New(time.Now, func() string { return "id" })
	session := scimserver.Session{Store: store, Subject: "acme/okta"}
	logged(t, session, nil, "POST", "/Users", `{"userName":"alice"}`)
	lines := logged(t, session, nil, "PATCH", "/Users/id", `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
	want := map[string]any{
		"msg": "Resource Modified", "effects": []any{"Deactivated"}, "changed": []any{"active"}, "operation": "Modify", "userAgent": "Okta SCIM Client",
		"before": nil, "after": nil,
	}
	for key, value := range want {
		if !reflect.DeepEqual(lines[0][key], value) {
			t.Errorf("%s is %v, want %v", key, lines[0][key], value)
		}
	}
}

// A variable that is meant for other programs turns nothing on.
func TestNothingIsTracedByDefault(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
	var o options
	o.bind(pflag.NewFlagSet("manager", pflag.ContinueOnError))
	tracer, err := o.newTracer(t.Context())
	if observer := (&observer{tracer: tracer}); err != nil || tracer != nil || observer.scimTracer() != nil {
		t.Errorf("traced by %v, %v", tracer, err)
	}
}
