package controlplane

import (
	"context"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
)

// Get reads a path of the API server as an identity, and returns the HTTP status.
func Get(ctx context.Context, identity *rest.Config, path string) (status int, err error) {
	caller, err := rest.HTTPClientFor(identity)
	if err != nil {
		return 0, err
	}
	address, err := url.JoinPath(identity.Host, path)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	response, err := caller.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
