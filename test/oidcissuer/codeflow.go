package oidcissuer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	authorizePath = "/authorize"
	tokenPath     = "/token"
	revokePath    = "/revoke"
	// TokenLife is how long an ID token of a code flow is valid.
	TokenLife = time.Hour
)

// Client is a confidential client of the provider.
type Client struct{ ID, Secret, RedirectURL string }

// codeFlow is the state of the authorization code flow (RFC 6749 section 4.1, with PKCE, RFC 7636).
type codeFlow struct {
	mu      sync.Mutex
	client  Client
	person  *Person
	changes map[string]any
	codes   map[string]grant
	renewal map[string]grant // by refresh token
	asked   []url.Values
}

// grant is what a code or a refresh token stands for.
type grant struct {
	person           Person
	nonce, challenge string
	offline          bool
}

// Register sets the client of the provider.
func (f *codeFlow) Register(c Client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.client, f.codes, f.renewal = c, map[string]grant{}, map[string]grant{}
}

// SignIn sets the person who is at the browser; nil refuses each sign-in. The changes are put into the claims of the ID tokens.
func (f *codeFlow) SignIn(p *Person, changes map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.person, f.changes = p, changes
}

// Asked returns the parameters of all requests for a code.
func (f *codeFlow) Asked() []url.Values {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// authorize answers as if the person had entered a password.
func (f *codeFlow) authorize(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	f.asked = append(f.asked, q)
	scopes := strings.Fields(q.Get("scope"))
	if q.Get("client_id") != f.client.ID || q.Get("redirect_uri") != f.client.RedirectURL || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || !slices.Contains(scopes, "openid") {
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if f.person == nil {
		answer.Set("error", "access_denied")
	} else {
		code := rand.Text()
		answer.Set("code", code)
		f.codes[code] = grant{*f.person, q.Get("nonce"), q.Get("code_challenge"), slices.Contains(scopes, "offline_access")}
	}
	http.Redirect(w, r, f.client.RedirectURL+"?"+answer.Encode(), http.StatusFound)
}

// token exchanges a code or a refresh token, each of which is accepted once.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	g, known := i.use(r)
	if !known {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": "not for Alice@example.com"})
		return
	}
	idToken, err := i.idTokenOf(g)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": int(TokenLife.Seconds()), "id_token": idToken}
	if g.offline {
		answer["refresh_token"] = i.keep(g)
	}
	document(answer).ServeHTTP(w, r)
}

// use returns what the request's code or refresh token stands for, and reports whether there is such a one for this client.
func (f *codeFlow) use(r *http.Request) (g grant, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.isClient(r) {
		return grant{}, false
	}
	if old := r.PostFormValue("refresh_token"); old != "" {
		g, known = f.renewal[old]
		delete(f.renewal, old)
		g.nonce = ""
		return g, known
	}
	code := r.PostFormValue("code")
	g, known = f.codes[code]
	delete(f.codes, code)
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	return g, known && encode(challenge[:]) == g.challenge && r.PostFormValue("redirect_uri") == f.client.RedirectURL
}

// revoke ends a refresh token (RFC 7009).
func (f *codeFlow) revoke(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.isClient(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	delete(f.renewal, r.PostFormValue("token"))
}

// RefreshTokens returns how many refresh tokens are valid.
func (f *codeFlow) RefreshTokens() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.renewal)
}

// isClient reports whether a request has the secret of the client. The caller holds mu.
func (f *codeFlow) isClient(r *http.Request) bool {
	id, secret, _ := r.BasicAuth()
	return id == url.QueryEscape(f.client.ID) && secret == url.QueryEscape(f.client.Secret)
}

func (f *codeFlow) keep(g grant) (refreshToken string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	refreshToken = rand.Text()
	f.renewal[refreshToken] = g
	return refreshToken
}

func (i *Issuer) idTokenOf(g grant) (string, error) {
	now := time.Now()
	claims := i.claims(g.person, now, now.Add(TokenLife))
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.Copy(claims, i.changes)
	return i.Sign(claims)
}
