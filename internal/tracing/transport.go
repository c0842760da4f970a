package tracing

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport returns a transport for rest.Config.Wrap, whose calls have a span if they are part of a request that is traced. A
// call has that context until the response to the request has been written.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper {
	return transport{t.tracer, next}
}

type transport struct {
	tracer trace.Tracer
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The span ends with the header of the response.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanFromContext(r.Context()).IsRecording() {
		return t.next.RoundTrip(r)
	}
	path := pathTemplate(r.URL.Path)
	ctx, span := t.tracer.Start(r.Context(), r.Method+" "+path, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(r.Method), semconv.URLTemplate(path), semconv.ServerAddress(r.URL.Hostname()),
	))
	defer span.End()
	r = r.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	response, err := t.next.RoundTrip(r)
	recordResult(span, response, err)
	return response, err
}

// recordResult records what the API server has answered. A 404 or 409 is no failure: the operator asks for names that are
// free, and repeats what another writer has overtaken. The text of an error is left out, because it can hold an object's name.
func recordResult(span trace.Span, response *http.Response, err error) {
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
		span.SetStatus(codes.Error, "")
		return
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(response.StatusCode))
	if response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusTooManyRequests {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(response.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
}

// errorType returns why there is no answer, in one word.
func errorType(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "_OTHER"
}

// pathTemplate returns a path of the Kubernetes API with placeholders for namespace and name, such as
// /apis/cloudsso.dev/v1alpha1/namespaces/{namespace}/cloudssousers/{name}.
func pathTemplate(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	rest := min(resourceAt(parts[0]), len(parts))
	template, parts := parts[:rest:rest], parts[rest:]
	if len(parts) > 2 && parts[0] == "namespaces" {
		template, parts = append(template, "namespaces", "{namespace}"), parts[2:]
	}
	for i, part := range parts {
		switch i {
		case 1:
			part = "{name}"
		case 3: // beyond a subresource the API server decides nothing
			return "/" + strings.Join(append(template, "{path}"), "/")
		}
		template = append(template, part)
	}
	return "/" + strings.Join(template, "/")
}

// resourceAt returns how many parts of a path are before the resource, given the first of them.
func resourceAt(first string) int {
	switch first {
	case "api":
		return len([]string{"api", "version"})
	case "apis":
		return len([]string{"apis", "group", "version"})
	}
	return 1 // such as /version
}
