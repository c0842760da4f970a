package informer

import "net/http"

// Transport returns the transport of the list and watch calls, for rest.Config.Wrap. An answer to a list that is too large ends with
// an http.MaxBytesError, and the list asks for less. From a 503 answer to a watch it removes Retry-After: an API server that has just
// started sends five seconds, which client-go would wait by itself, inside the call that this package retries every half second. A
// 429 keeps its Retry-After, because it protects an overloaded API server.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return response, err
	}
	if response.StatusCode == http.StatusServiceUnavailable && r.URL.Query().Get("watch") == "true" {
		response.Header.Del("Retry-After")
	}
	if r.Context().Value(boundedAnswer{}) != nil {
		response.Body = http.MaxBytesReader(nil, response.Body, mostBytes)
	}
	return response, nil
}

// WrappedRoundTripper implements RoundTripperWrapper of apimachinery.
func (t transport) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }
