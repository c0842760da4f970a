package tracing_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/tracing"
	"github.com/cloudsso/cloudsso-operator/test/collector"
	"github.com/cloudsso/cloudsso-operator/test/selfsigned"
)

const (
	remoteTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	remoteSpan  = "00f067aa0ba902b7"
)

// patience is how long an export may take on a busy machine.
const patience = 30 * time.Second

func newCollector(t *testing.T, options ...grpc.ServerOption) *collector.Collector {
	t.Helper()
	c, err := collector.Start("127.0.0.1:0", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func newTracer(t *testing.T, endpoint string, rate float64, log *slog.Logger) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(t.Context(), tracing.Options{Endpoint: endpoint, SamplingRate: rate, Version: "1.2.3", Instance: "pod-1", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tracer.Close)
	return tracer
}

func traced(t *testing.T, c *collector.Collector, rate float64) *tracing.Tracer {
	t.Helper()
	return newTracer(t, "http://"+c.Address(), rate, slog.New(slog.DiscardHandler))
}

// request returns a PATCH of a user, as net/http gives it to the handler of its route.
func request(t *testing.T, headers ...string) (*http.Request, scimserver.Record) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/scim/v2/Users/alice-example-com-x7k2p?attributes=userName", http.NoBody)
	r.Pattern = "/scim/v2/Users/{id}"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r, scimserver.Record{
		RequestID: "request-1", Operation: scimserver.OperationModify, Method: r.Method, Route: "/Users/{id}", ResourceType: "User",
		ID: "alice-example-com-x7k2p", Name: "alice@example.com", ExternalID: "00u1", Subject: "acme/okta", Remote: "192.0.2.7:51544", Detail: "alice@example.com",
	}
}

// byName returns the only span of a name.
func byName(t *testing.T, c *collector.Collector, name string) collector.Span {
	t.Helper()
	var found []collector.Span
	for _, s := range c.Spans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans %q of %v", len(found), name, c.Spans())
	}
	return found[0]
}

func expect(t *testing.T, got, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
}

func TestRequestHasASpanWithoutPersonalData(t *testing.T) {
	c := newCollector(t)
	tracer := traced(t, c, 1)
	r, record := request(t, "User-Agent", "Okta SCIM Client of Alice", "Tracestate", "vendor=alice", "Baggage", "user=alice", "Traceparent", "00-"+remoteTrace+"-"+remoteSpan+"-01")
	ctx, traceID := tracer.Begin(r, record)
	record.Status, record.Reason = http.StatusServiceUnavailable, "audit-unavailable"
	tracer.End(ctx, record)
	tracer.Close()

	span := byName(t, c, "Modify User")
	if span.ID() != traceID || len(span.ParentSpanId) > 0 || span.Kind != otlp.Span_SPAN_KIND_SERVER || span.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("%v in trace %s", span, traceID)
	}
	expect(t, span.Attributes, map[string]string{
		"http.request.method": "PATCH", "http.route": "/scim/v2/Users/{id}", "http.response.status_code": "503", "error.type": "503",
		"cloudsso.request.id": "request-1", "cloudsso.directory": "acme", "cloudsso.credential": "okta", "cloudsso.operation": "Modify",
		"cloudsso.resource_type": "User", "cloudsso.reason": "audit-unavailable",
	})
	expect(t, span.Service, map[string]string{"service.name": "cloudsso-operator", "service.version": "1.2.3", "service.instance.id": "pod-1"})
	for _, private := range []string{"alice", "00u1", "192.0.2.7", "x7k2p"} {
		if found, err := c.Contains(private); found || err != nil {
			t.Errorf("%q was exported: %v", private, err)
		}
	}
}

// A client that says that its trace is sampled must not decide about the operator's.
func TestTraceOfAClientIsLinkedAndNotTrusted(t *testing.T) {
	c := newCollector(t)
	for _, test := range []struct {
		rate        float64
		traceParent string
		linked      string
	}{
		{1, "00-" + remoteTrace + "-" + remoteSpan + "-01", remoteTrace},
		{1, "00-" + remoteTrace + "-" + remoteSpan + "-00", remoteTrace}, // not sampled there, and sampled here all the same
		{1, "00-" + strings.Repeat("0", 32) + "-" + remoteSpan + "-01", ""},
		{1, "alice", ""},
		{0, "00-" + remoteTrace + "-" + remoteSpan + "-01", ""},
		{0, "00-00000000000000000000000000000001-" + remoteSpan + "-01", ""}, // an id that every rate above zero samples
	} {
		tracer := traced(t, c, test.rate)
		r, record := request(t, "Traceparent", test.traceParent)
		ctx, id := tracer.Begin(r, record)
		tracer.End(ctx, record)
		tracer.Close()
		spans := c.Trace(id)
		switch {
		case test.rate == 0:
			if id != "" || ctx != r.Context() {
				t.Errorf("%q begins the trace %q without sampling", test.traceParent, id)
			}
		case len(spans) != 1 || id == remoteTrace:
			t.Errorf("%q begins the trace %q: %v", test.traceParent, id, spans)
		case test.linked == "" && len(spans[0].Links) > 0:
			t.Errorf("%q is linked: %v", test.traceParent, spans[0].Links)
		case test.linked != "" && (len(spans[0].Links) != 1 || collector.Span{Span: &otlp.Span{TraceId: spans[0].Links[0].TraceId}}.ID() != test.linked):
			t.Errorf("%q is not linked: %v", test.traceParent, spans[0].Links)
		}
	}
}

// An HTTP method is a text of the client's.
func TestUnknownMethodIsNotExported(t *testing.T) {
	c := newCollector(t)
	tracer := traced(t, c, 1)
	r, _ := request(t)
	r.Method = "ALICE"
	record := scimserver.Record{Operation: scimserver.OperationUnknown, Subject: "acme/okta", Status: http.StatusNotFound}
	ctx, _ := tracer.Begin(r, record)
	tracer.End(ctx, record)
	tracer.Close()
	span := byName(t, c, "Unknown")
	expect(t, span.Attributes, map[string]string{"http.request.method": "_OTHER", "http.route": "", "cloudsso.resource_type": ""})
	if span.Status.GetCode() != otlp.Status_STATUS_CODE_UNSET {
		t.Errorf("a 404 is an error of the operator: %v", span.Status)
	}
}

// apiServer answers each call with the status in its query, and keeps the header traceparent.
type apiServer struct {
	*httptest.Server
	mu           sync.Mutex
	traceParents []string
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.traceParents = append(s.traceParents, r.Header.Get("Traceparent"))
		status, err := strconv.Atoi(r.URL.Query().Get("status"))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) call(ctx context.Context, t *testing.T, through http.RoundTripper, path string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := through.RoundTrip(r)
	if err == nil {
		_ = response.Body.Close()
	}
	if r.Header.Get("Traceparent") != "" {
		t.Error("the transport has changed the request")
	}
}

func TestCallsOfTheAPIServerAreChildrenOfTheRequest(t *testing.T) {
	c, s := newCollector(t), newAPIServer(t)
	tracer := traced(t, c, 1)
	r, record := request(t)
	ctx, id := tracer.Begin(r, record)
	through := tracer.Transport(s.Client().Transport)
	const user = "/apis/cloudsso.dev/v1alpha1/namespaces/acme/cloudssousers/alice-example-com-x7k2p"
	calls := []struct{ path, query, name, failure string }{
		{user, "status=200", "GET /apis/cloudsso.dev/v1alpha1/namespaces/{namespace}/cloudssousers/{name}", ""},
		{user + "/status", "status=409", "GET /apis/cloudsso.dev/v1alpha1/namespaces/{namespace}/cloudssousers/{name}/status", ""},
		{user + "/proxy/alice", "status=404", "GET /apis/cloudsso.dev/v1alpha1/namespaces/{namespace}/cloudssousers/{name}/proxy/{path}", ""},
		{"/apis/cloudsso.dev/v1alpha1/namespaces/acme/cloudssogroups", "status=503&alice", "GET /apis/cloudsso.dev/v1alpha1/namespaces/{namespace}/cloudssogroups", "503"},
		{"/apis/rbac.authorization.k8s.io/v1/clusterroles/alice", "status=429", "GET /apis/rbac.authorization.k8s.io/v1/clusterroles/{name}", "429"},
		{"/api/v1/namespaces/acme", "status=403", "GET /api/v1/namespaces/{name}", ""},
		{"/api/v1/namespaces/acme/events", "alice", "GET /api/v1/namespaces/{namespace}/events", "_OTHER"},
		{"/apis", "status=200", "GET /apis", ""},
		{"/version", "status=200", "GET /version", ""},
	}
	for _, call := range calls {
		s.call(ctx, t, through, call.path+"?"+call.query)
	}
	tracer.End(ctx, record)
	s.call(ctx, t, through, "/apis/after?status=200") // the response to the request was written
	s.call(t.Context(), t, through, "/apis/without?status=200")
	tracer.Close()
	server := byName(t, c, "Modify User")
	for _, call := range calls {
		span := byName(t, c, call.name)
		if span.ID() != id || !bytes.Equal(span.ParentSpanId, server.SpanId) || span.Kind != otlp.Span_SPAN_KIND_CLIENT {
			t.Errorf("%v is no call of %v", span, server)
		}
		isError := span.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR
		if span.Attributes["error.type"] != call.failure || isError != (call.failure != "") {
			t.Errorf("%s: %v %v", call.name, span.Attributes, span.Status)
		}
		expect(t, span.Attributes, map[string]string{"http.request.method": "GET", "url.template": strings.TrimPrefix(call.name, "GET "), "server.address": "127.0.0.1"})
	}
	for i, got := range s.traceParents { // net/http repeats the call whose connection was closed
		if isCall := i < len(s.traceParents)-2; isCall != strings.HasPrefix(got, "00-"+id) {
			t.Errorf("traceparent of call %d is %q", i, got)
		}
	}
	if found, err := c.Contains("alice"); found || err != nil {
		t.Errorf("a name was exported: %v", err)
	}
	if spans := c.Spans(); len(spans) != len(calls)+1 {
		t.Errorf("%d spans of %d calls: %v", len(spans), len(calls), spans)
	}
}

func TestEnvironmentVariablesSayWhatTheFlagsDoNot(t *testing.T) {
	files, err := selfsigned.Write(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := credentials.NewServerTLSFromFile(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := newCollector(t, grpc.Creds(certificate))
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", files.Cert)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1") // the flag takes precedence
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	t.Setenv("OTEL_SERVICE_NAME", "sso-north")
	tracer := newTracer(t, "https://"+c.Address(), 1, slog.New(slog.DiscardHandler))
	r, record := request(t)
	ctx, _ := tracer.Begin(r, record)
	tracer.End(ctx, record)
	tracer.Close()
	expect(t, byName(t, c, "Modify User").Service, map[string]string{"service.name": "sso-north", "service.version": "1.2.3"})
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buffer.String(), text)
}

// A collector that is away delays no request, and is logged once until it is back.
func TestOutageOfTheCollectorIsLoggedOnce(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	away := newCollector(t)
	away.Stop()
	var out lockedBuffer
	tracer := newTracer(t, "http://"+away.Address(), 1, slog.New(slog.NewTextHandler(&out, nil)))
	r, record := request(t)
	send := func() {
		ctx, _ := tracer.Begin(r, record)
		tracer.End(ctx, record)
	}
	const lost, back = "takes no traces", "takes traces again"
	eventually(t, func() bool { send(); return out.count(lost) == 1 })
	for range 3 { // further exports fail
		send()
	}
	c, err := collector.Start(away.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	eventually(t, func() bool { send(); return out.count(back) == 1 && len(c.Spans()) > 0 })
	if n := out.count(lost); n != 1 {
		t.Errorf("logged %d times that the collector is away", n)
	}
}

func TestEndWaitsForAnAbsentCollectorOnlyBriefly(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "120000")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "120000")
	away := newCollector(t)
	away.Stop()
	tracer := newTracer(t, "http://"+away.Address(), 1, slog.New(slog.DiscardHandler))
	r, record := request(t)
	ctx, _ := tracer.Begin(r, record)
	tracer.End(ctx, record)
	began := time.Now()
	tracer.Close()
	if took := time.Since(began); took > patience {
		t.Errorf("the end took %s", took)
	}
	var none *tracing.Tracer
	none.Close() // nothing is traced
}

// eventually waits until a condition holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(patience); !holds(); <-poll.C {
		if time.Now().After(end) {
			t.Fatal("the condition does not hold in time")
		}
	}
}
