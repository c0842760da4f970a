// Package tracing traces SCIM requests with OpenTelemetry: a span for each request, and one for each call of the API server
// that the request makes. A span holds no name, no filter, no token and no id of a resource, because an id begins with the
// userName.
//
//	tracing.go    the tracer, which exports until it is closed
//	request.go    the span of a request
//	transport.go  the span of a call of the API server
//	exporter.go   the connection to the collector, and the log of what it does not take
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of the instrumentation.
const scope = "github.com/cloudsso/cloudsso-operator"

// serviceName is the service of all replicas, unless OTEL_SERVICE_NAME names another.
const serviceName = "cloudsso-operator"

// closeTimeout is how long the end of the process waits for the collector: as long as for the provisioning log, at the same
// time. terminationGracePeriodSeconds leaves more.
const closeTimeout = 3 * time.Second

// Options configure a Tracer. All are required.
type Options struct {
	// Endpoint is the URL of an OTLP receiver over gRPC, such as https://collector.observability:4317. With http it is
	// reached without TLS, whatever the variables say. OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_HEADERS and the other variables of the SDK say
	// the rest.
	Endpoint string
	// SamplingRate is the share of requests that are traced, from 0 to 1.
	SamplingRate float64
	// Version is that of the operator; Instance names this replica.
	Version, Instance string
	// Log has one line when the collector is away, and one when it is back.
	Log *slog.Logger
	// Now is the clock that limits how often what the collector says is logged.
	Now func() time.Time
}

// Tracer traces requests. Several goroutines may use it.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New returns a Tracer, which the caller closes. It does not wait for the collector: spans that the collector does not take
// are dropped, and no request waits for it.
func New(ctx context.Context, o Options) (*Tracer, error) {
	target := &exporter{log: o.Log, endpoint: o.Endpoint, now: o.Now}
	if err := target.connect(ctx, o.Version); err != nil {
		return nil, fmt.Errorf("exporting traces to %s: %w", o.Endpoint, err)
	}
	service, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(serviceName), semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(o.Instance)),
		resource.WithFromEnv(), // takes precedence
	)
	if err != nil { // the rest of the service is described all the same
		o.Log.Warn("traces lack attributes of the service; correct OTEL_RESOURCE_ATTRIBUTES", "error", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(target),
		sdktrace.WithResource(service),
		// Every trace begins here, and this alone decides whether it is sampled: what a client asks for is not trusted.
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(o.SamplingRate)),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope, trace.WithInstrumentationVersion(o.Version))}, nil
}

// Close exports the spans that have ended, within closeTimeout. It may be called without a Tracer.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the exporter has logged why
}
