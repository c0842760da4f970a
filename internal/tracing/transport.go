package tracing

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
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

// RoundTrip implements http.RoundTripper. The span ends when the body of the response is closed, because most of a list's time
// is in its body.
func (t transport) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if !trace.SpanFromContext(r.Context()).IsRecording() {
		return t.next.RoundTrip(r)
	}
	path := pathTemplate(r.URL.Path)
	ctx, span := t.tracer.Start(r.Context(), r.Method+" "+path, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(r.Method), semconv.URLTemplate(path), semconv.ServerAddress(r.URL.Hostname()),
	))
	defer func() {
		if response == nil {
			span.End() // if it was deferred itself, it would record the text of a panic
		}
	}()
	r = r.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	response, err = t.next.RoundTrip(r)
	if err != nil {
		recordError(span, errorType(err))
		return response, err
	}
	recordStatus(span, response.StatusCode)
	response.Body = &body{response.Body, span}
	return response, nil
}

// body is the body of a response, which ends the span.
type body struct {
	io.ReadCloser
	span trace.Span
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	n, err = b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		recordError(b.span, errorType(err))
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	defer func() { b.span.End() }()
	return b.ReadCloser.Close()
}

// recordStatus records what the API server has answered. A 404 or 409 is no failure: the operator asks for names that are
// free, and repeats what another writer has overtaken.
func recordStatus(span trace.Span, status int) {
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		recordError(span, strconv.Itoa(status))
	}
}

// recordError records an error. Its text is left out, because it can hold an object's name.
func recordError(span trace.Span, kind string) {
	span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	span.SetStatus(codes.Error, "")
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

// namespaceSubresources are those of the namespace itself; kube-apiserver tells them from resources in it by these names.
var namespaceSubresources = []string{"status", "finalize"}

// pathTemplate returns a path of the Kubernetes API with placeholders for namespace and name, such as
// /apis/cloudsso.dev/v1alpha1/namespaces/{namespace}/cloudssousers/{name}.
func pathTemplate(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	rest := min(resourceAt(parts[0]), len(parts))
	template, parts := parts[:rest:rest], parts[rest:]
	if len(parts) > 2 && parts[0] == "namespaces" && !slices.Contains(namespaceSubresources, parts[2]) {
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
