package tracing_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

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
	return newTracerAt(t, endpoint, rate, log, time.Now)
}

func newTracerAt(t *testing.T, endpoint string, rate float64, log *slog.Logger, now func() time.Time) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(t.Context(), tracing.Options{Endpoint: endpoint, SamplingRate: rate, Version: "1.2.3", Instance: "pod-1", Log: log, Now: now})
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
		{1e-9, "00-00000000000000000000000000000001-" + remoteSpan + "-01", ""}, // an id that every rate above zero samples
	} {
		tracer := traced(t, c, test.rate)
		r, record := request(t, "Traceparent", test.traceParent)
		ctx, id := tracer.Begin(r, record)
		tracer.End(ctx, record)
		tracer.Close()
		spans := c.Trace(id)
		switch {
		case test.rate < 1:
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

// apiServer answers each call with the status in its query, and keeps the header traceparent. With cut in the query, the
// response ends before its content does.
type apiServer struct {
	*httptest.Server
	mu           sync.Mutex
	traceParents []string
}

// content is that of a response.
const content = "{}"

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traceParents = append(s.traceParents, r.Header.Get("Traceparent"))
	status, err := strconv.Atoi(r.URL.Query().Get("status"))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	isCut := r.URL.Query().Has("cut")
	if isCut {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)+1))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, content)
	if isCut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// begin makes a call, whose response the caller closes; nil if there is none.
func (s *apiServer) begin(ctx context.Context, t *testing.T, through http.RoundTripper, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := through.RoundTrip(r)
	if r.Header.Get("Traceparent") != "" {
		t.Error("the transport has changed the request")
	}
	if err != nil {
		return nil
	}
	return response
}

func (s *apiServer) call(ctx context.Context, t *testing.T, through http.RoundTripper, path string) {
	t.Helper()
	if response := s.begin(ctx, t, through, path); response != nil {
		_ = response.Body.Close()
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
		{"/api/v1/namespaces/alice/status", "status=200", "GET /api/v1/namespaces/{name}/status", ""},
		{"/api/v1/namespaces/alice/finalize", "status=200", "GET /api/v1/namespaces/{name}/finalize", ""},
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

// Most of a list's time is in the body of the response.
func TestCallEndsWhenItsBodyIsClosed(t *testing.T) {
	c, s := newCollector(t), newAPIServer(t)
	tracer := traced(t, c, 1)
	r, record := request(t)
	ctx, _ := tracer.Begin(r, record)
	through := tracer.Transport(s.Client().Transport)
	whole, cut := s.begin(ctx, t, through, "/apis/whole?status=200"), s.begin(ctx, t, through, "/apis/cut?status=200&cut")
	if text, err := io.ReadAll(cut.Body); err == nil {
		t.Errorf("read %q of a response that was cut", text)
	}
	_ = cut.Body.Close()
	if text, err := io.ReadAll(whole.Body); err != nil || string(text) != content {
		t.Errorf("read %q, %v", text, err)
	}
	_ = whole.Body.Close()
	tracer.End(ctx, record)
	tracer.Close()
	var ended []string // in the order of their ends
	for _, span := range c.Spans() {
		ended = append(ended, strings.TrimSpace(span.Name+" "+span.Attributes["error.type"]))
	}
	if want := []string{"GET /apis/cut _OTHER", "GET /apis/whole", "Modify User"}; !slices.Equal(ended, want) {
		t.Errorf("ended %q, want %q", ended, want)
	}
}

// The text of a panic can hold any value.
func TestPanicOfACallIsNotExported(t *testing.T) {
	c := newCollector(t)
	tracer := traced(t, c, 1)
	r, record := request(t)
	ctx, _ := tracer.Begin(r, record)
	through := tracer.Transport(&http.Transport{Proxy: func(*http.Request) (*url.URL, error) { panic("alice@example.com") }})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic does not reach the caller")
			}
		}()
		(&apiServer{Server: &httptest.Server{URL: "http://127.0.0.1"}}).call(ctx, t, through, "/version")
	}()
	tracer.End(ctx, record)
	tracer.Close()
	byName(t, c, "GET /version")
	if found, err := c.Contains("alice@"); found || err != nil {
		t.Errorf("the text of the panic was exported: %v", err)
	}
}

// newCertificate returns the file of a self-signed certificate, and what serves it.
func newCertificate(t *testing.T) (file string, certificate credentials.TransportCredentials) {
	t.Helper()
	files, err := selfsigned.Write(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = credentials.NewServerTLSFromFile(files.Cert, files.Key); err != nil {
		t.Fatal(err)
	}
	return files.Cert, certificate
}

func TestEnvironmentVariablesSayWhatTheFlagsDoNot(t *testing.T) {
	file, certificate := newCertificate(t)
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1") // the flag takes precedence
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	t.Setenv("OTEL_SERVICE_NAME", "sso-north")
	for scheme, options := range map[string][]grpc.ServerOption{
		"https": {grpc.Creds(certificate)},
		"http":  nil, // a certificate does not turn TLS on
	} {
		c := newCollector(t, options...)
		traceOne(t, newTracer(t, scheme+"://"+c.Address(), 1, slog.New(slog.DiscardHandler))).Close()
		expect(t, byName(t, c, "Modify User").Service, map[string]string{"service.name": "sso-north", "service.version": "1.2.3"})
	}
}

// A ConfigMap with the CAs may be missing when a Pod starts.
func TestMissingFileOfCAsIsLogged(t *testing.T) {
	file, certificate := newCertificate(t)
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file+".absent")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100") // within it the SDK tries again
	c := newCollector(t, grpc.Creds(certificate))
	var out lockedBuffer
	traceOne(t, newTracer(t, "https://"+c.Address(), 1, slog.New(slog.NewTextHandler(&out, nil)))).Close()
	if out.count("takes no traces") != 1 || len(c.Spans()) > 0 {
		t.Errorf("logged %d times that %v are lost", out.count("takes no traces"), c.Spans())
	}
}

// A wrong variable must not stop the operator.
func TestWrongResourceAttributesAreLeftOutAndLogged(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.cluster.name=north,south")
	c := newCollector(t)
	var out lockedBuffer
	traceOne(t, newTracer(t, "http://"+c.Address(), 1, slog.New(slog.NewTextHandler(&out, nil)))).Close()
	expect(t, byName(t, c, "Modify User").Service, map[string]string{"k8s.cluster.name": "north", "service.name": "cloudsso-operator", "service.instance.id": "pod-1"})
	if out.count("OTEL_RESOURCE_ATTRIBUTES") != 1 || out.count("south") != 1 {
		t.Error("the wrong attribute is not logged")
	}
}

// traceOne traces a request.
func traceOne(t *testing.T, tracer *tracing.Tracer) *tracing.Tracer {
	t.Helper()
	r, record := request(t)
	ctx, _ := tracer.Begin(r, record)
	tracer.End(ctx, record)
	return tracer
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

// A collector that takes no traces is logged once, until it takes them again.
func TestOutageOfTheCollectorIsLoggedOnce(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	c := newCollector(t)
	c.Fail(status.Error(codes.Internal, "disk full")) // a code that is not retried within one export
	var out lockedBuffer
	tracer := newTracer(t, "http://"+c.Address(), 1, slog.New(slog.NewTextHandler(&out, nil)))
	const lost, back = "takes no traces", "takes traces again"
	eventually(t, func() bool { traceOne(t, tracer); return c.Failures() >= 3 })
	c.Fail(nil)
	eventually(t, func() bool { traceOne(t, tracer); return out.count(back) == 1 && len(c.Spans()) > 0 })
	tracer.Close()
	if n := out.count(lost); n != 1 || out.count(back) != 1 {
		t.Errorf("logged %d times that the collector is away, and %d times that it is back", n, out.count(back))
	}
}

// A collector may reject some spans of an export, or take all and remark on them. Neither is an outage.
func TestPartialSuccessIsLoggedOnceAnHour(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	const outage, rejected, remark = "takes no traces", "has rejected spans", "with a remark"
	for _, test := range []struct {
		response *collectortrace.ExportTracePartialSuccess
		message  string
	}{
		{&collectortrace.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too old"}, rejected},
		{&collectortrace.ExportTracePartialSuccess{RejectedSpans: 1}, rejected},
		{&collectortrace.ExportTracePartialSuccess{ErrorMessage: "use gzip"}, remark},
		{&collectortrace.ExportTracePartialSuccess{}, ""}, // as if it were absent
	} {
		c := newCollector(t)
		c.Respond(test.response)
		var out lockedBuffer
		var elapsed atomic.Int64
		began := time.Now()
		tracer := newTracerAt(t, "http://"+c.Address(), 1, slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return began.Add(time.Duration(elapsed.Load())) })
		for lines, after := range []time.Duration{0, time.Hour - 1, time.Hour} {
			elapsed.Store(int64(after))
			eventually(t, func() bool { traceOne(t, tracer); return c.Exports() > 2*lines+1 })
		}
		tracer.Close()
		for _, message := range []string{outage, rejected, remark} {
			want := 0
			if message == test.message {
				want = 2 // at the begin, and after an hour
			}
			if n := out.count(message); n != want {
				t.Errorf("%v: logged %d times %q", test.response, n, message)
			}
		}
		if out.count(test.response.ErrorMessage) == 0 {
			t.Errorf("%v: the collector's message is not logged", test.response)
		}
	}
}

func TestEndWaitsForAnAbsentCollectorOnlyBriefly(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "120000")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "120000")
	away := newCollector(t)
	away.Stop()
	tracer := traceOne(t, newTracer(t, "http://"+away.Address(), 1, slog.New(slog.DiscardHandler)))
	began := time.Now()
	tracer.Close()
	if took := time.Since(began); took > 10*time.Second { // 3 seconds, and the delays of a busy machine
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
