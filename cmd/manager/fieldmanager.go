package main

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// userAgent returns the user agent of the operator's clients.
func userAgent() string { return policy.FieldManager + "/" + version }

// asFieldManager returns a transport whose requests have the operator's user agent, whatever the client sets.
func asFieldManager(next http.RoundTripper) http.RoundTripper { return fieldManagerTransport{next} }

type fieldManagerTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t fieldManagerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", userAgent())
	return t.next.RoundTrip(r)
}
