package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/httpserver"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/scimauth"
)

// directory is one synchronized directory in memory.
type directory struct{ store scim.Store }

func (directory) Synced() bool                           { return true }
func (directory) Refusal(string) *scim.Error             { return nil }
func (d directory) In(string) scim.Store                 { return d.store }
func (directory) Used(auth.Principal)                    {}
func (directory) Refused(auth.Principal, string, string) {}

// proxied is the SCIM service over TLS behind a trusted proxy, which is the test.
type proxied struct {
	t      *testing.T
	url    string
	client *http.Client
	log    *lockedBuffer
}

func newProxied(t *testing.T, token string, use policy.CredentialUse) *proxied {
	t.Helper()
	p := &proxied{t: t, log: &lockedBuffer{}}
	now := time.Now()
	tokens := auth.New(auth.Options{Now: func() time.Time { return now }}) // so that no attempt is permitted again during a test
	tokens.Keyring().SetCredential(auth.Principal{Namespace: "acme", Credential: "okta"}, auth.HashToken(token), use)
	d := directory{memstore.New(time.Now, func() string { return "id" })}
	authenticator := &scimauth.Authenticator{Tokens: tokens, Stores: d, Recorder: d, Prefix: scimPrefix, KeysSynced: func() bool { return true }}
	observer, err := newObserver(audit.Config{Log: slog.NewJSONHandler(p.log, nil)}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := selfSigned(t)
	listener, err := httpserver.New(httpserver.Config{
		Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, TrustedProxies: networks([]string{"127.0.0.1/32"}),
		Log: slog.New(slog.DiscardHandler),
		Handler: scimserver.New(scimserver.Options{
			Authenticate: authenticator.Authenticate, BaseURL: "https://sso.example.com" + scimPrefix, Prefix: scimPrefix,
			Observe: observer.observe, Logger: slog.New(slog.DiscardHandler),
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() { _ = listener.Start(ctx) }()
	p.url = "https://" + listener.Addr().String() + scimPrefix
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// get sends a request of a client, and returns the response and its line of the log.
func (p *proxied) get(client, token string) (status int, body string, line map[string]any) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+"/Users/x", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("X-Forwarded-For", client)
	response, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(text), line
}

func newToken(t *testing.T) string {
	t.Helper()
	token, err := auth.NewToken(rand.Reader, "acme")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenFromAnotherNetworkLooksUnknown(t *testing.T) {
	token := newToken(t)
	p := newProxied(t, token, policy.CredentialUse{
		SlotHeld: true, ExpiresAt: time.Now().Add(time.Hour), Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
	})
	if status, body, _ := p.get("203.0.113.7", token); status != http.StatusNotFound {
		t.Errorf("from an allowed network: %d %s", status, body)
	}
	elsewhere, refusal, line := p.get("198.51.100.1", token)
	unknown, otherRefusal, otherLine := p.get("198.51.100.1", newToken(t))
	if elsewhere != http.StatusUnauthorized || elsewhere != unknown || refusal != otherRefusal {
		t.Errorf("from elsewhere: %d %s; an unknown token: %d %s", elsewhere, refusal, unknown, otherRefusal)
	}
	if line["msg"] != "Authentication Refused" || line["reason"] != "network" || line["credential"] != "okta" || line["remote"] != "198.51.100.1" {
		t.Errorf("logged %v", line)
	}
	if otherLine["reason"] != "unknown" || otherLine["credential"] != nil {
		t.Errorf("logged %v", otherLine)
	}
}

// Failures are counted by the client's address. Clients behind one proxy do not use up each other's attempts.
func TestFailuresAreCountedByTheClientBehindAProxy(t *testing.T) {
	token := newToken(t)
	p := newProxied(t, token, policy.CredentialUse{SlotHeld: true, ExpiresAt: time.Now().Add(time.Hour)})
	var last int
	for range auth.FailureBurst + 1 {
		last, _, _ = p.get("198.51.100.1", newToken(t))
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after %d failures: %d", auth.FailureBurst, last)
	}
	if status, _, _ := p.get("spoofed, 198.51.100.1", newToken(t)); status != http.StatusTooManyRequests {
		t.Errorf("the same client with an address before its own: %d", status)
	}
	if status, _, _ := p.get("198.51.100.2", newToken(t)); status != http.StatusUnauthorized {
		t.Errorf("another client: %d", status)
	}
	if status, _, _ := p.get("198.51.100.1", token); status != http.StatusNotFound {
		t.Errorf("a valid token: %d", status)
	}
}
