package oidcissuer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// Audience is the client that the tokens are for.
	Audience = "kubernetes"
	// UsernamePrefix precedes the login in a Kubernetes user name.
	UsernamePrefix = "oidc:"

	algorithm = "RS256"
	keyBits   = 2048
	keyFile   = "signing.key"
	urlFile   = "url"
)

// Person is a user who has logged in.
type Person struct {
	// Subject is the provider's id of the user, which it sends as externalId over SCIM.
	Subject string
	// UserName is the user's login, an e-mail address.
	UserName string
	Groups   []string
}

// Signer signs ID tokens.
type Signer struct {
	// URL is the issuer's.
	URL string

	key   *rsa.PrivateKey
	keyID string
}

// Open returns the signer of an issuer that was started with dir.
func Open(dir string) (*Signer, error) {
	url, err := os.ReadFile(filepath.Join(dir, urlFile))
	if err != nil {
		return nil, fmt.Errorf("reading the URL of the OIDC issuer: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("reading the key of the OIDC issuer: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("the key of the OIDC issuer is not PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the OIDC issuer: %w", err)
	}
	return &Signer{URL: strings.TrimSpace(string(url)), key: key, keyID: keyID(key)}, nil
}

// newSigner draws a key, and writes it with the URL into dir.
func newSigner(dir, url string) (*Signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return &Signer{URL: url, key: key, keyID: keyID(key)}, errors.Join(
		os.WriteFile(filepath.Join(dir, keyFile), pem.EncodeToMemory(block), 0o600),
		os.WriteFile(filepath.Join(dir, urlFile), []byte(url+"\n"), 0o600),
	)
}

// keyID returns an id that differs from key to key.
func keyID(key *rsa.PrivateKey) string {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	return encode(sum[:])
}

// IDToken returns a person's token, which is valid from now until it expires.
func (s *Signer) IDToken(p Person, now, expires time.Time) (string, error) {
	return s.Sign(s.claims(p, now, expires))
}

func (s *Signer) claims(p Person, now, expires time.Time) map[string]any {
	claims := map[string]any{
		"iss": s.URL, "aud": Audience, "sub": p.Subject,
		"iat": now.Unix(), "exp": expires.Unix(),
		"preferred_username": p.UserName, "email": p.UserName, "email_verified": true,
	}
	if len(p.Groups) > 0 {
		claims["groups"] = p.Groups
	}
	return claims
}

// Sign returns a token with any claims (RFC 7519).
func (s *Signer) Sign(claims map[string]any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": algorithm, "typ": "JWT", "kid": s.keyID})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := encode(header) + "." + encode(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return signed + "." + encode(signature), nil
}

// jwk returns the public key (RFC 7517).
func (s *Signer) jwk() map[string]string {
	return map[string]string{
		"kty": "RSA", "use": "sig", "alg": algorithm, "kid": s.keyID,
		"n": encode(s.key.N.Bytes()),
		"e": encode(big.NewInt(int64(s.key.E)).Bytes()),
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
