// Package oidcissuer is an OpenID provider for this machine: a discovery document and keys over TLS, ID tokens that are signed
// without a login, and the authorization code flow for one client. The API server of a control plane trusts it by its
// AuthenticationConfiguration.
package oidcissuer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/selfsigned"
)

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/keys"
	// headerTimeout is how long a client may take to send its header. The API server is on the same machine.
	headerTimeout = 10 * time.Second
)

// Issuer serves what the API server reads to verify tokens.
type Issuer struct {
	*Signer
	codeFlow
	// Dir is the folder that Open takes, and CAFile the certificate to trust the issuer by.
	Dir, CAFile string

	server *http.Server
	ended  chan struct{} // closed when the server has ended
	failed error         // why; valid once ended is closed
}

// Start starts an issuer on a free port. Its keys and its URL are in dir, so that Open can sign in another process.
func Start(ctx context.Context, dir string, now time.Time) (*Issuer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := selfsigned.Write(dir, now)
	if err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the OIDC issuer: %w", err)
	}
	signer, err := newSigner(dir, "https://"+listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	i := &Issuer{Signer: signer, Dir: dir, CAFile: files.Cert, ended: make(chan struct{})}
	i.server = &http.Server{
		Handler:           i.handler(),
		ReadHeaderTimeout: headerTimeout,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	go func() {
		i.failed = i.server.ServeTLS(listener, "", "")
		close(i.ended)
	}()
	return i, nil
}

// Stop ends the issuer. The API server goes on verifying tokens with the keys that it has read.
func (i *Issuer) Stop() error {
	err := i.server.Close()
	<-i.ended
	if !errors.Is(i.failed, http.ErrServerClosed) {
		err = errors.Join(err, i.failed)
	}
	return err
}

func (i *Issuer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+discoveryPath, document(map[string]any{
		"issuer":                                i.URL,
		"jwks_uri":                              i.URL + keysPath,
		"authorization_endpoint":                i.URL + authorizePath,
		"token_endpoint":                        i.URL + tokenPath,
		"revocation_endpoint":                   i.URL + revokePath,
		"response_types_supported":              []string{"code", "id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{algorithm},
	}))
	mux.HandleFunc("GET "+authorizePath, i.authorize)
	mux.HandleFunc("POST "+tokenPath, i.token)
	mux.HandleFunc("POST "+revokePath, i.revoke)
	mux.Handle("GET "+keysPath, document(map[string]any{"keys": []any{i.jwk()}}))
	return mux
}

func document(content map[string]any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(content) // a client that has left needs no answer
	})
}

// WriteAuthenticationConfiguration writes the configuration by which an API server accepts the issuer's tokens, and
// returns its path. The Kubernetes user name is UsernamePrefix and the login in lower case.
func (i *Issuer) WriteAuthenticationConfiguration() (string, error) {
	ca, err := os.ReadFile(i.CAFile)
	if err != nil {
		return "", err
	}
	content, err := json.MarshalIndent(configuration(i.URL, string(ca)), "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(i.Dir, "authentication.json")
	return path, os.WriteFile(path, content, 0o600)
}

func configuration(url, ca string) map[string]any {
	rule := func(expression, message string) map[string]any {
		return map[string]any{"expression": expression, "message": message}
	}
	return map[string]any{
		"apiVersion": "apiserver.config.k8s.io/v1",
		"kind":       "AuthenticationConfiguration",
		"jwt": []any{map[string]any{
			"issuer": map[string]any{"url": url, "audiences": []string{Audience}, "certificateAuthority": ca},
			"claimMappings": map[string]any{
				"username": map[string]any{"expression": "'" + UsernamePrefix + "' + claims.preferred_username.lowerAscii()"},
				"groups":   map[string]any{"expression": "claims.?groups.orValue([])"},
				"uid":      map[string]any{"expression": "claims.sub"},
			},
			"userValidationRules": []any{
				rule("!user.username.startsWith('system:')", "a user name must not begin with system:"),
				rule("user.groups.all(g, !g.startsWith('system:'))", "a group must not begin with system:"),
			},
		}},
	}
}
