package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

const (
	// timeout is that of Okta, which then closes the connection.
	timeout = 60 * time.Second
	// quoted is how many bytes of a response an error shows.
	quoted = 300
)

// Options say how to reach a service.
type Options struct {
	// BaseURL is that of the SCIM service, such as https://127.0.0.1:8443/scim/v2.
	BaseURL string
	// Token is the bearer token; "" sends none.
	Token string
	// CAFile holds the certificates to trust; "" trusts the system's.
	CAFile string
	// Connections is how many connections are kept alive: as many as there are workers.
	Connections int
	// HTTP2 sends all workers' requests through one HTTP/2 connection.
	HTTP2 bool
	// Dial opens connections; nil connects to the host of BaseURL.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client sends requests to a SCIM service.
type Client struct {
	http           *http.Client
	baseURL, token string
}

// Answer is a response with a 2xx status.
type Answer struct {
	Status int
	Header http.Header
	Proto  string
	Body   []byte
}

// Refusal is a response with another status.
type Refusal struct {
	Method, Path string
	Status       int
	Body         string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s %s: %d %s", r.Method, r.Path, r.Status, r.Body)
}

// NewClient returns a client with connections of its own.
func NewClient(o Options) (*Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the CA file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", o.CAFile)
		}
	}
	connections := max(o.Connections, 1)
	transport := &http.Transport{
		DialContext:         o.Dial,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   o.HTTP2,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true, // because providers do not use it, and the client's decompression would be measured too
	}
	return &Client{
		http:    &http.Client{Transport: transport, Timeout: timeout},
		baseURL: strings.TrimSuffix(o.BaseURL, "/"), token: o.Token,
	}, nil
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends a request; path is below the base URL, and body is JSON or "". If the status is not 2xx, the error is a
// *Refusal.
func (c *Client) Do(ctx context.Context, method, path, body string) (*Answer, error) {
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.baseURL+path, payload)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "cloudsso-load/1")
	request.Header.Set("Accept", "application/scim+json")
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.send(request, path)
}

func (c *Client) send(request *http.Request, path string) (*Answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: reading the answer: %w", request.Method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, &Refusal{request.Method, path, response.StatusCode, string(body[:min(len(body), quoted)])}
	}
	return &Answer{response.StatusCode, response.Header, response.Proto, body}, nil
}

// ID returns the id of the resource in the answer: the end of its Location.
func (a *Answer) ID() string {
	if location := a.Header.Get("Location"); location != "" {
		return path.Base(location)
	}
	return ""
}
