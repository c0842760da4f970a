package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

type traceKey struct{}

// tracer traces every request under one id, and records what it is given.
type tracer struct {
	id    string
	mu    sync.Mutex
	begun []server.Record
	ended []server.Record
	lost  int // ends with another context than that of Begin
}

func (t *tracer) Begin(r *http.Request, record server.Record) (context.Context, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun = append(t.begun, record)
	return context.WithValue(r.Context(), traceKey{}, t.id), t.id
}

func (t *tracer) End(ctx context.Context, record server.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = append(t.ended, record)
	if ctx.Value(traceKey{}) != t.id {
		t.lost++
	}
}

// contextStore records the traces of the calls.
type contextStore struct {
	scim.Store
	traces []any
}

func (s *contextStore) Create(ctx context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*scim.Resource, error) {
	s.traces = append(s.traces, ctx.Value(traceKey{}))
	return s.Store.Create(ctx, rt, attributes, members)
}

func newTraced(t *testing.T, id string) (*service, *tracer, *contextStore) {
	t.Helper()
	traces := &tracer{id: id}
	s := newService(t, func(o *server.Options) { o.Tracer = traces })
	calls := &contextStore{Store: s.store.Store}
	s.store.Store = calls
	return s, traces, calls
}

func TestRequestIsTraced(t *testing.T) {
	s, traces, calls := newTraced(t, "trace-1")
	s.do("POST", "/Users", `{"userName":"alice"}`).answers(201)
	if len(traces.begun) != 1 || len(traces.ended) != 1 || traces.lost > 0 {
		t.Fatalf("%+v", traces)
	}
	begun, ended := traces.begun[0], traces.ended[0]
	if begun.Subject != "acme/okta" || begun.RequestID == "" || begun.Operation != server.OperationCreate || begun.ResourceType != "User" || begun.Status != 0 {
		t.Errorf("begun with %+v", begun)
	}
	if ended.Status != 201 || ended.RequestID != begun.RequestID || ended.TraceID != "trace-1" || s.record().TraceID != "trace-1" {
		t.Errorf("ended with %+v, observed %+v", ended, s.record())
	}
	if len(calls.traces) != 1 || calls.traces[0] != "trace-1" {
		t.Errorf("the store has the traces %v", calls.traces)
	}
}

func TestRequestThatIsNotSampledHasNoTrace(t *testing.T) {
	s, traces, calls := newTraced(t, "")
	s.do("POST", "/Users", `{"userName":"alice"}`).answers(201)
	if len(traces.begun) != 1 || len(traces.ended) > 0 || s.record().TraceID != "" || calls.traces[0] != nil {
		t.Errorf("%+v, observed %+v, the store has the traces %v", traces, s.record(), calls.traces)
	}
}

func TestOnlyAcceptedCredentialsAreTraced(t *testing.T) {
	for _, c := range []struct {
		method, path, authorization string
		status, traces              int
	}{
		{"GET", "/Users/x", "Bearer " + token, 404, 1},
		{"GET", "/Nothing", "Bearer " + token, 404, 1},
		{"GET", "/Schemas", "Bearer " + token, 200, 1},
		{"GET", "/Users", "Bearer off", 403, 1},
		{"GET", "/Users", "Bearer often", 429, 0},
		{"GET", "/Users", "Bearer starting", 503, 0},
		{"GET", "/Users", "Bearer broken", 500, 0},
		{"GET", "/Users", "Bearer wrong", 401, 0},
		{"GET", "/Users", "", 401, 0},
		{"GET", "/Schemas", "", 200, 0},
		{"GET", "/Nothing", "", 404, 0},
	} {
		s, traces, _ := newTraced(t, "trace-1")
		s.do(c.method, c.path, "", "Authorization: "+c.authorization, "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").answers(c.status)
		if len(traces.begun) != c.traces || len(traces.ended) != c.traces || (s.record().TraceID != "") != (c.traces > 0) {
			t.Errorf("%s %s with %q: %+v, observed %+v", c.method, c.path, c.authorization, traces, s.record())
		}
	}
}

// The number of requests beyond limits.InFlight has no bound.
func TestRequestsBeyondTheShareOfADirectoryAreNotTraced(t *testing.T) {
	traces := &tracer{id: "trace-1"}
	d := &blockingStore{arrived: make(chan struct{}, limits.InFlight), release: make(chan struct{})}
	s := newService(t, withoutObserver, func(o *server.Options) {
		o.Tracer = traces
		o.Authenticate = func(*http.Request) (server.Session, error) { return sessionOf(d, "acme/okta"), nil }
	})
	d.Store = s.store.Store
	ask := func() int {
		w := &discardingWriter{header: http.Header{}}
		s.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/scim/v2/Users/x", http.NoBody))
		return w.status
	}
	var all sync.WaitGroup
	for range limits.InFlight {
		all.Go(func() { ask() })
	}
	for range limits.InFlight {
		<-d.arrived
	}
	if status := ask(); status != http.StatusTooManyRequests {
		t.Errorf("the request beyond the share is answered %d", status)
	}
	close(d.release)
	all.Wait()
	if len(traces.begun) != limits.InFlight || len(traces.ended) != limits.InFlight {
		t.Errorf("%d requests are traced, and %d end, of %d in the share", len(traces.begun), len(traces.ended), limits.InFlight)
	}
}

func TestOperationsOfABulkRequestAreInItsTrace(t *testing.T) {
	s, traces, calls := newTraced(t, "trace-1")
	s.do("POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"alice"}},
		{"method":"POST","path":"/Groups","bulkId":"2","data":{"displayName":"Staff"}}]}`).answers(200)
	if len(traces.begun) != 1 || len(traces.ended) != 1 || traces.ended[0].Operation != server.OperationBulk || len(calls.traces) != 2 {
		t.Errorf("%+v, the store has the traces %v", traces, calls.traces)
	}
	for _, r := range s.records {
		if r.TraceID != "trace-1" {
			t.Errorf("observed %+v", r)
		}
	}
}

func TestTraceIsInTheLogOfAFailure(t *testing.T) {
	s, traces, _ := newTraced(t, "trace-1")
	s.store.fail = func() error { return errors.New("connection refused") }
	s.do("GET", "/Users/x", "").answers(500)
	s.do("POST", "/Users", `{"userName":"alice","shoeSize":"46"}`).answers(201)
	for _, message := range []string{"SCIM request failed", "attribute ignored"} {
		_, line, _ := strings.Cut(s.log.String(), message)
		if line, _, _ = strings.Cut(line, "\n"); !strings.Contains(line, "traceID=trace-1") {
			t.Errorf("%s: logged %s", message, s.log.String())
		}
	}
	if len(traces.ended) != 2 || traces.ended[0].Status != 500 {
		t.Errorf("%+v", traces)
	}
	untraced := newService(t)
	untraced.store.fail = s.store.fail
	untraced.do("GET", "/Users/x", "").answers(500)
	if strings.Contains(untraced.log.String(), "traceID") {
		t.Errorf("without a tracer, logged %s", untraced.log.String())
	}
}

// What a traced request allocates is the copy of it that has the context of the trace.
func TestRequestThatIsNotSampledAllocatesNothingMore(t *testing.T) {
	allocations := func(adjust func(*server.Options)) float64 {
		s := newService(t, withoutObserver, adjust)
		get := httptest.NewRequestWithContext(t.Context(), "GET", "/scim/v2/ServiceProviderConfig", http.NoBody)
		get.Header.Set("Authorization", "Bearer "+token)
		w := &discardingWriter{header: http.Header{}}
		return testing.AllocsPerRun(100, func() {
			clear(w.header)
			s.handler.ServeHTTP(w, get)
		})
	}
	without := allocations(func(*server.Options) {})
	unsampled := allocations(func(o *server.Options) { o.Tracer = silentTracer{""} })
	sampled := allocations(func(o *server.Options) { o.Tracer = silentTracer{"trace-1"} })
	if without != unsampled || sampled <= without {
		t.Errorf("%v allocations without a tracer, %v unsampled, %v sampled", without, unsampled, sampled)
	}
}

// silentTracer traces under one id, and allocates nothing.
type silentTracer struct{ id string }

func (t silentTracer) Begin(r *http.Request, _ server.Record) (context.Context, string) {
	return r.Context(), t.id
}

func (silentTracer) End(context.Context, server.Record) {}
