package informer

import "net/http"

// WithoutRetryAfter returns a transport for rest.Config.Wrap that removes Retry-After from a 503 answer to a watch. An
// API server that has just started sends five seconds, which client-go would wait by itself, inside the call that this
// package retries every half second. A 429 keeps its Retry-After, because it protects an overloaded API server.
func WithoutRetryAfter(next http.RoundTripper) http.RoundTripper { return withoutRetryAfter{next} }

type withoutRetryAfter struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t withoutRetryAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusServiceUnavailable && r.URL.Query().Get("watch") == "true" {
		response.Header.Del("Retry-After")
	}
	return response, err
}

// WrappedRoundTripper implements RoundTripperWrapper of apimachinery.
func (t withoutRetryAfter) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }
