// Package provider is a client of a SCIM service that sends requests like Okta's, and returns the raw responses.
package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// timeout is that of Okta, which then closes the connection.
const timeout = 60 * time.Second

// Client is a SCIM client with one token.
type Client struct {
	BaseURL, Token string
	HTTP           *http.Client
}

// Response is the response to a request. Body is nil if the response has no JSON object.
type Response struct {
	Status int
	Proto  string // such as "HTTP/2.0"
	Header http.Header
	Raw    string
	Body   map[string]any
}

// New returns a client that trusts the certificates in caFile; "" is for plain HTTP.
func New(baseURL, token, caFile string) (*Client, error) {
	c := &Client{BaseURL: baseURL, Token: token, HTTP: &http.Client{Timeout: timeout}}
	if caFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("reading the CA file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	c.HTTP.Transport = &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	return c, nil
}

// Do sends a request; path is below the base URL, and body is JSON or "".
func (c *Client) Do(ctx context.Context, method, path, body string) (*Response, error) {
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.BaseURL+path, payload)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "Okta SCIM Client 1.0.0")
	request.Header.Set("Accept", "application/scim+json")
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	response := &Response{Status: answer.StatusCode, Proto: answer.Proto, Header: answer.Header, Raw: string(raw)}
	_ = json.Unmarshal(raw, &response.Body) // if it is not a JSON object, Body is nil
	return response, nil
}

// ID returns the id of the resource in the response, or "".
func (r *Response) ID() string {
	id, _ := r.Body["id"].(string)
	return id
}

// Total returns totalResults of a list, or -1.
func (r *Response) Total() int {
	total, ok := r.Body["totalResults"].(float64)
	if !ok {
		return -1
	}
	return int(total)
}

// IDs returns the ids of the resources of a list.
func (r *Response) IDs() (ids []string) {
	for _, resource := range r.Resources() {
		id, _ := resource["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// Resources returns the resources of a list.
func (r *Response) Resources() []map[string]any {
	list, _ := r.Body["Resources"].([]any)
	resources := make([]map[string]any, 0, len(list))
	for _, item := range list {
		resource, _ := item.(map[string]any)
		resources = append(resources, resource)
	}
	return resources
}
