package tracing

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// remarkInterval is the least time between two lines of one kind about spans that the collector rejects or remarks on: it may
// do so for every batch, which is every five seconds.
const remarkInterval = time.Hour

// exporter logs that the collector is away, once, and that it is back: an outage must not fill the log. The SDK calls it from
// one goroutine at a time.
type exporter struct {
	sdktrace.SpanExporter
	log      *slog.Logger
	endpoint string
	now      func() time.Time

	isFailing         bool
	partial           *collector.ExportTracePartialSuccess // of the present export; nil if it has none
	rejected, remarks interval
}

// connect opens the connection to the endpoint. It does not wait for the collector.
func (e *exporter) connect(ctx context.Context, version string) (err error) {
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpointURL(e.endpoint),
		otlptracegrpc.WithDialOption(grpc.WithUserAgent(serviceName+"/"+version), grpc.WithUnaryInterceptor(e.interceptPartialSuccess)),
	}
	// The SDK speaks TLS to an http endpoint if a variable names a certificate.
	if u, err := url.Parse(e.endpoint); err == nil && u.Scheme == "http" {
		options = append(options, otlptracegrpc.WithTLSCredentials(insecure.NewCredentials()))
	}
	e.SpanExporter, err = otlptracegrpc.New(ctx, options...)
	return err
}

// interceptPartialSuccess keeps what the collector says about an export that has succeeded. The SDK would return it as an
// error, also if no span was rejected.
func (e *exporter) interceptPartialSuccess(ctx context.Context, method string, request, reply any, c *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
	err := call(ctx, method, request, reply, c, options...)
	if response, ok := reply.(*collector.ExportTraceServiceResponse); ok && err == nil {
		e.partial, response.PartialSuccess = response.PartialSuccess, nil
	}
	return err
}

// ExportSpans implements sdktrace.SpanExporter. It returns no error, because the SDK would log each of them.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.partial = nil
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch wasFailing := e.isFailing; {
	case err != nil && !wasFailing:
		e.log.Warn("the collector takes no traces; spans are dropped until it does", "endpoint", e.endpoint, "error", err)
	case err == nil && wasFailing:
		e.log.Info("the collector takes traces again", "endpoint", e.endpoint)
	}
	e.isFailing = err != nil
	e.logPartialSuccess()
	return nil
}

// logPartialSuccess logs what the collector says about an export. A message without rejected spans is a remark
// (https://opentelemetry.io/docs/specs/otlp/#partial-success).
func (e *exporter) logPartialSuccess() {
	switch p := e.partial; {
	case p.GetRejectedSpans() > 0:
		if e.rejected.begin(e.now()) {
			e.log.Warn("the collector has rejected spans", "endpoint", e.endpoint, "spans", p.RejectedSpans, "message", p.ErrorMessage)
		}
	case p.GetErrorMessage() != "":
		if e.remarks.begin(e.now()) {
			e.log.Warn("the collector has taken the spans with a remark", "endpoint", e.endpoint, "message", p.ErrorMessage)
		}
	}
}

// interval limits the lines of one kind to one in a remarkInterval.
type interval struct{ next time.Time }

// begin begins the next interval, and returns false if the last one has not ended.
func (i *interval) begin(now time.Time) bool {
	if now.Before(i.next) {
		return false
	}
	i.next = now.Add(remarkInterval)
	return true
}
