package tracing

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// The attributes of a request's span that the semantic conventions do not have.
const (
	requestIDKey    = attribute.Key("cloudsso.request.id") // as in the provisioning log and in X-Request-Id
	directoryKey    = attribute.Key("cloudsso.directory")
	credentialKey   = attribute.Key("cloudsso.credential")
	operationKey    = attribute.Key("cloudsso.operation")
	resourceTypeKey = attribute.Key("cloudsso.resource_type")
	reasonKey       = attribute.Key("cloudsso.reason") // why it was refused, in one word
)

// Begin begins the trace of a request, for scimserver.Tracer. A trace that the client has begun is linked. It does not decide
// whether this one is sampled, and its id is not taken over, because a client could choose ids that are always sampled.
func (t *Tracer) Begin(r *http.Request, record scimserver.Record) (ctx context.Context, traceID string) {
	ctx, span := t.tracer.Start(r.Context(), requestName(record), trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return r.Context(), ""
	}
	namespace, credential, _ := strings.Cut(record.Subject, "/")
	span.SetAttributes(
		semconv.HTTPRequestMethodKey.String(knownMethod(r.Method)),
		requestIDKey.String(record.RequestID), directoryKey.String(namespace), credentialKey.String(credential),
		operationKey.String(string(record.Operation)),
	)
	if record.Route != "" {
		span.SetAttributes(semconv.HTTPRoute(r.Pattern))
	}
	if record.ResourceType != "" {
		span.SetAttributes(resourceTypeKey.String(record.ResourceType))
	}
	if remote := remoteContext(r.Header); remote.IsValid() {
		span.AddLink(trace.Link{SpanContext: remote})
	}
	return ctx, span.SpanContext().TraceID().String()
}

// End ends the trace, for scimserver.Tracer.
func (*Tracer) End(ctx context.Context, record scimserver.Record) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(record.Status))
	if record.Reason != "" {
		span.SetAttributes(reasonKey.String(record.Reason))
	}
	if record.Status >= http.StatusInternalServerError {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(record.Status)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// requestName returns the name of a request's span, in the words of metrics and provisioning log: "Create User".
func requestName(record scimserver.Record) string {
	if record.ResourceType == "" {
		return string(record.Operation)
	}
	return string(record.Operation) + " " + record.ResourceType
}

// knownMethod returns a method as the semantic conventions have it, because a client can send any text as one.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

const traceParent = "traceparent" // https://www.w3.org/TR/trace-context/

// remoteContext returns the span that a client has begun. It does not read tracestate and baggage, which can hold any text.
func remoteContext(header http.Header) trace.SpanContext {
	carrier := propagation.MapCarrier{traceParent: header.Get(traceParent)}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}
