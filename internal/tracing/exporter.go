package tracing

import (
	"context"
	"log/slog"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter logs that the collector is away, once, and that it is back: an outage must not fill the log. The SDK calls it from
// one goroutine at a time.
type exporter struct {
	sdktrace.SpanExporter
	log       *slog.Logger
	endpoint  string
	isFailing bool
}

// ExportSpans implements sdktrace.SpanExporter. It returns no error, because the SDK would log each of them.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch wasFailing := e.isFailing; {
	case err != nil && !wasFailing:
		e.log.Warn("the collector takes no traces; spans are dropped until it does", "endpoint", e.endpoint, "error", err)
	case err == nil && wasFailing:
		e.log.Info("the collector takes traces again", "endpoint", e.endpoint)
	}
	e.isFailing = err != nil
	return nil
}
