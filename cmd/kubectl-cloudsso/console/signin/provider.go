package signin

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	_ "golang.org/x/crypto/x509roots/fallback" // the image has no certificates of CAs; Go uses these if the system has none
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ProviderOptions are what the console knows of its OpenID provider.
type ProviderOptions struct {
	// Issuer is the URL that the provider's ID tokens name.
	Issuer string
	// ClientID is the console's client, which is the audience of the ID tokens.
	ClientID string
	// ClientSecret authenticates the client; "" for a public client.
	ClientSecret string
	// Scopes are asked for beside openid.
	Scopes []string
	// CA has the certificates by which the provider is trusted; nil for those of the system.
	CA *x509.CertPool
}

const (
	// providerTimeout bounds a call of the provider: a person waits for it.
	providerTimeout = 10 * time.Second
	// A client can have tokens asked for without an account, by beginning a sign-in and inventing the provider's answer. The rate
	// is more than the persons of a console need, and less than what providers refuse.
	tokenRate  = 10 // a second
	tokenBurst = 50
)

var (
	errTooMany      = errors.New("too many sign-ins")
	errUnreachable  = errors.New("the identity provider does not answer")
	errNoIDToken    = errors.New("the provider's answer has no ID token")
	errNonce        = errors.New("the ID token has another nonce than the sign-in")
	errOtherSubject = errors.New("the renewed ID token is of another person")
	errNoCAInFile   = errors.New("the file has no certificate")
)

// tokens are what a sign-in or a renewal yields, verified.
type tokens struct {
	idToken, subject, refreshToken string
	expires                        time.Time
}

// provider is an OpenID provider. Its addresses are read at the first sign-in, so that the console starts without it.
type provider struct {
	ProviderOptions

	callback string
	now      func() time.Time
	client   *http.Client
	limiter  *rate.Limiter

	mu         sync.Mutex
	discovered *oidc.Provider
}

func newProvider(o ProviderOptions, callback string, now func() time.Time) *provider {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: o.CA, MinVersion: tls.VersionTLS12},
	}
	return &provider{
		ProviderOptions: o, callback: callback, now: now, limiter: rate.NewLimiter(tokenRate, tokenBurst),
		client: &http.Client{Transport: transport, Timeout: providerTimeout},
	}
}

// ParseCA returns the certificates in a PEM file.
func ParseCA(content []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, errNoCAInFile
	}
	return pool, nil
}

// discover returns the provider's addresses and keys, which it reads once.
func (p *provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.discovered != nil {
		return p.discovered, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	p.discovered = found
	return found, nil
}

func (p *provider) config(discovered *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: discovered.Endpoint(), RedirectURL: p.callback,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}

// signInURL returns the address at which a person signs in. fresh asks the provider for the password even if it knows the browser.
func (p *provider) signInURL(ctx context.Context, a *attempt, fresh bool) (string, error) {
	discovered, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	return p.config(discovered).AuthCodeURL(a.State, options...), nil
}

// exchange returns the tokens for the code of a sign-in.
func (p *provider) exchange(ctx context.Context, code string, a *attempt) (tokens, error) {
	discovered, err := p.discover(ctx)
	if err != nil {
		return tokens{}, err
	}
	if !p.limiter.Allow() {
		return tokens{}, errTooMany
	}
	ctx = oidc.ClientContext(ctx, p.client)
	got, err := p.config(discovered).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return tokens{}, err
	}
	verified, idToken, err := p.verify(ctx, discovered, got)
	if err == nil && subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(a.Nonce)) != 1 {
		err = errNonce
	}
	return verified, err
}

// renew returns new tokens for a refresh token. They must be of the same person (OpenID Connect Core section 12.2).
func (p *provider) renew(ctx context.Context, refreshToken, subject string) (tokens, error) {
	discovered, err := p.discover(ctx)
	if err != nil {
		return tokens{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	got, err := p.config(discovered).TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return tokens{}, err
	}
	verified, _, err := p.verify(ctx, discovered, got)
	if err == nil && verified.subject != subject {
		err = errOtherSubject
	}
	return verified, err
}

// revoke tells the provider that a refresh token is not used any more (RFC 7009), if the provider has an address for that.
func (p *provider) revoke(ctx context.Context, refreshToken string) error {
	discovered, err := p.discover(ctx)
	if err != nil {
		return err
	}
	var also struct {
		RevocationEndpoint string `json:"revocation_endpoint"`
	}
	if err := discovered.Claims(&also); err != nil || also.RevocationEndpoint == "" {
		return err
	}
	form := url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}, "client_id": {p.ClientID}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, also.RevocationEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.ClientSecret != "" {
		request.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.ClientSecret)) // RFC 6749 section 2.3.1
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the provider has answered %d", response.StatusCode)
	}
	return nil
}

// verify checks signature, issuer, audience and expiry of an ID token.
func (p *provider) verify(ctx context.Context, discovered *oidc.Provider, got *oauth2.Token) (tokens, *oidc.IDToken, error) {
	raw, is := got.Extra("id_token").(string)
	if !is {
		return tokens{}, nil, errNoIDToken
	}
	idToken, err := discovered.Verifier(&oidc.Config{ClientID: p.ClientID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return tokens{}, nil, err
	}
	return tokens{idToken: raw, subject: idToken.Subject, expires: idToken.Expiry, refreshToken: got.RefreshToken}, idToken, nil
}

// reasonOf returns an error for the log. The answers of the provider and of the API server are reduced to their codes, because their
// texts may name a person.
func reasonOf(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Sprintf("the provider has answered %d %s", refused.Response.StatusCode, errorCode(refused.ErrorCode))
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return fmt.Sprintf("the API server has answered %d %s", status.Status().Code, status.Status().Reason)
	}
	return err.Error()
}

// errorCode returns an error code of OAuth (RFC 6749 section 5.2); "" if a text is none.
func errorCode(text string) string {
	for _, c := range text {
		if (c < 'a' || c > 'z') && c != '_' {
			return ""
		}
	}
	return text
}
