// Package signin lets persons sign in to the console in the cluster with OpenID Connect. Each request of a person reaches the API
// server with the ID token of that person, so the console itself needs no right.
//
//	signin.go    which requests reach the pages, and as which person
//	flow.go      sign-in and sign-out
//	provider.go  the OpenID provider
//	session.go   the session of a person, and its renewal
//	cookie.go    sealed cookies
package signin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/client-go/rest"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// Options configure the sign-in. All fields are required.
type Options struct {
	// URL is where browsers reach the console, such as https://console.example.com. It has no path.
	URL *url.URL
	// Provider is the OpenID provider, which the API server trusts too.
	Provider ProviderOptions
	// Keys is the content of the file with the keys of cookies: 32 bytes in base64 on each line.
	Keys []byte
	// API is the address of the API server and its CA. Credentials in it are not used.
	API *rest.Config
	// Now is the clock.
	Now func() time.Time
	// Log receives failures, without names of persons and without tokens.
	Log *slog.Logger
}

// SignIn gives each request the session of its person.
type SignIn struct {
	Options

	provider *provider
	cookies  *sealer
	renewals singleflight.Group
}

// New returns a SignIn. It makes no request.
func New(o Options) (*SignIn, error) {
	if o.URL.Scheme != "https" || o.URL.Host == "" || strings.Trim(o.URL.Path, "/") != "" {
		return nil, errors.New("the URL of the console must be https:// and a host: browsers keep its cookies over TLS alone")
	}
	cookies, err := newSealer(o.Keys)
	if err != nil {
		return nil, err
	}
	s := &SignIn{Options: o, cookies: cookies}
	s.provider = newProvider(o.Provider, s.address(callbackPath), o.Now)
	return s, nil
}

// The addresses of sign-in and sign-out.
const (
	signInPath    = "/signin"
	callbackPath  = "/signin/callback"
	signOutPath   = "/signout"
	signedOutPath = "/signedout"
)

// address returns the URL of a path of the console.
func (s *SignIn) address(path string) string {
	return (&url.URL{Scheme: s.URL.Scheme, Host: s.URL.Host, Path: path}).String()
}

// Protect returns a handler that passes requests of persons who are signed in to the pages, and of others those for assets alone.
func (s *SignIn) Protect(inner http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+signInPath, s.begin)
	mux.HandleFunc("GET "+callbackPath, s.complete)
	mux.HandleFunc("POST "+signOutPath, s.signOut)
	mux.HandleFunc("GET "+signedOutPath, pages.SignedOut)
	mux.Handle("GET /assets/", inner)
	mux.Handle("/", s.withSession(inner))
	return s.atOwnHost(pages.WithHeaders(pages.RefuseOtherOrigins(mux)))
}

// strictTransport lets browsers use TLS for a year, so that a later request in plain HTTP shows no cookie to the network.
const strictTransport = "max-age=31536000"

// atOwnHost refuses requests for another host, so that a name that was rebound to this address gets nothing.
func (s *SignIn) atOwnHost(inner http.Handler) http.Handler {
	host := strings.TrimSuffix(s.URL.Host, ":443") // browsers leave it out
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", strictTransport)
		if !strings.EqualFold(r.Host, host) {
			pages.Refuse(w, r, http.StatusMisdirectedRequest, "wrongHost")
			return
		}
		inner.ServeHTTP(w, r)
	})
}

type sessionKey struct{}

// withSession returns a handler that passes requests with a session.
func (s *SignIn) withSession(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current := s.current(w, r)
		if current == nil {
			demand(w, r)
			return
		}
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, current)))
	})
}

// demand answers a request without a session. A page is opened after the sign-in. A form is not redirected, because it would be
// lost, and the content policy lets it lead to no other site. What a page that is open asks for is not redirected either: it would
// begin sign-ins, and sign the browser in again after a sign-out in another tab.
func demand(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("HX-Request") != "":
		pages.SessionEnded(w, r, signInAddress(pageOf(r)))
	case r.Method != http.MethodGet:
		pages.SignInProblem(w, r, http.StatusUnauthorized, signInPath, "ended")
	case isNavigation(r):
		http.Redirect(w, r, signInAddress(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		pages.Refuse(w, r, http.StatusUnauthorized, "noSession")
	}
}

// isNavigation reports whether a browser opens an address as a page.
func isNavigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html") // of a browser that does not send the mode
}

// pageOf returns the address of the page that has sent a request of htmx.
func pageOf(r *http.Request) string {
	page, err := url.Parse(r.Header.Get("HX-Current-URL"))
	if err != nil {
		return "/"
	}
	return localAddress(page.RequestURI())
}

// signInAddress returns the address of a sign-in that leads to a page.
func signInAddress(page string) string {
	return signInPath + "?" + url.Values{toParameter: {page}}.Encode()
}

// Session returns the person of a request that Protect has passed, for pages.Options.
func (s *SignIn) Session(r *http.Request) (*pages.Session, error) {
	current, is := r.Context().Value(sessionKey{}).(*session)
	if !is {
		return nil, pages.ErrNotSignedIn
	}
	client, config, err := plugin.ConnectWithToken(s.API, current.IDToken)
	if err != nil {
		return nil, err
	}
	return &pages.Session{Client: client, Config: config, Person: current.Person, CSRFToken: current.CSRFToken}, nil
}
