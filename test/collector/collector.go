// Package collector receives traces over OTLP, as an OpenTelemetry collector does, and keeps them for a test.
package collector

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"sync"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Collector is a receiver over gRPC.
type Collector struct {
	collectortrace.UnimplementedTraceServiceServer
	server  *grpc.Server
	address string

	mu       sync.Mutex
	received []*collectortrace.ExportTraceServiceRequest
	response *collectortrace.ExportTraceServiceResponse
	failure  error
	failures int
}

// Span is a span with its attributes, and those of the service, as texts.
type Span struct {
	*otlp.Span
	Attributes, Service map[string]string
}

// ID returns the id of the trace as a log has it.
func (s Span) ID() string { return hex.EncodeToString(s.TraceId) }

// Start starts a receiver at an address of the loopback interface, such as 127.0.0.1:0 for a free port.
func Start(address string, options ...grpc.ServerOption) (*Collector, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("receiving traces: %w", err)
	}
	c := &Collector{server: grpc.NewServer(options...), address: listener.Addr().String(), response: &collectortrace.ExportTraceServiceResponse{}}
	collectortrace.RegisterTraceServiceServer(c.server, c)
	go func() { _ = c.server.Serve(listener) }() // it ends with Stop
	return c, nil
}

// Stop ends the receiver.
func (c *Collector) Stop() { c.server.Stop() }

// Address returns the host and port of the receiver.
func (c *Collector) Address() string { return c.address }

// Respond makes the collector take the spans and respond with a message of its own about some of them, if it is not nil.
func (c *Collector) Respond(partial *collectortrace.ExportTracePartialSuccess) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.response = &collectortrace.ExportTraceServiceResponse{PartialSuccess: partial}
}

// Fail makes the collector take no spans and respond with an error of gRPC, until it is nil.
func (c *Collector) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

// Failures returns how many exports have got the error of Fail.
func (c *Collector) Failures() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failures
}

// Export implements the OTLP service.
func (c *Collector) Export(_ context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		c.failures++
		return nil, c.failure
	}
	c.received = append(c.received, r)
	return c.response, nil
}

// Exports returns how many exports have arrived and were taken.
func (c *Collector) Exports() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.received)
}

// Spans returns all spans that have arrived.
func (c *Collector) Spans() (spans []Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.received {
		for _, from := range r.ResourceSpans {
			service := texts(from.Resource.GetAttributes())
			for _, scope := range from.ScopeSpans {
				for _, span := range scope.Spans {
					spans = append(spans, Span{span, texts(span.Attributes), service})
				}
			}
		}
	}
	return spans
}

// Trace returns the spans of one trace that have arrived.
func (c *Collector) Trace(id string) (spans []Span) {
	for _, s := range c.Spans() {
		if s.ID() == id {
			spans = append(spans, s)
		}
	}
	return spans
}

// Contains reports whether any message that has arrived has a text, in whatever field and case.
func (c *Collector) Contains(text string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.received {
		message, err := proto.Marshal(r)
		if err != nil {
			return false, err
		}
		if bytes.Contains(bytes.ToLower(message), bytes.ToLower([]byte(text))) {
			return true, nil
		}
	}
	return false, nil
}

func texts(attributes []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			all[a.Key] = fmt.Sprint(v.IntValue)
		}
	}
	return all
}
