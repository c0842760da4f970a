package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
)

const (
	attemptCookie = "sign-in"
	// attemptLife is how long a person may take at the provider.
	attemptLife = 10 * time.Minute
	// toParameter names the page to open after the sign-in.
	toParameter = "to"
	// maxTo bounds the address of that page: it is part of a cookie.
	maxTo = 2000
	// signedOutCookie lets the next sign-in ask for the password, so that a browser whose session at the provider goes on is not
	// signed in as the last person. It has no secret.
	signedOutCookie = hostPrefix + "signed-out"
	signedOutLife   = 365 * 24 * time.Hour // a provider may keep its own session for months
	// maxForm is more than the form of the sign-out has.
	maxForm = 4 << 10
)

// attempt is a sign-in that has begun. Its cookie binds the provider's answer to this browser.
type attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE (RFC 7636)
	To       string
	Expires  time.Time
}

// errAPIServer says that the API server did not tell who a person is.
var errAPIServer = errors.New("the API server")

// begin sends a person to the provider.
func (s *SignIn) begin(w http.ResponseWriter, r *http.Request) {
	a := &attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		To: localAddress(r.URL.Query().Get(toParameter)), Expires: s.Now().Add(attemptLife),
	}
	address, err := s.provider.signInURL(r.Context(), a, hasSignedOut(r))
	if err == nil {
		err = s.cookies.write(w, r, attemptCookie, a, attemptLife)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// localAddress returns the address of a page of the console, and the first page for any other address.
func localAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxTo || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.Contains(text, `\`) {
		return "/"
	}
	return text
}

// complete takes a person back from the provider, and begins a session.
func (s *SignIn) complete(w http.ResponseWriter, r *http.Request) {
	a := &attempt{}
	known := s.cookies.read(r, attemptCookie, a)
	clearCookies(w, r, attemptCookie, 0) // it is for one answer
	query := r.URL.Query()
	switch {
	case !known, !s.Now().Before(a.Expires), subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.State)) != 1:
		pages.SignInProblem(w, r, http.StatusBadRequest, "state")
	case query.Has("error"):
		s.Log.Info("the provider has refused a sign-in", "error", errorCode(query.Get("error")))
		pages.SignInProblem(w, r, http.StatusForbidden, "refused")
	default:
		if err := s.enter(w, r, query.Get("code"), a); err != nil {
			s.refuse(w, r, err)
			return
		}
		http.Redirect(w, r, a.To, http.StatusSeeOther)
	}
}

// enter begins the session of the person in the ID token that the provider gives for a code.
func (s *SignIn) enter(w http.ResponseWriter, r *http.Request, code string, a *attempt) error {
	got, err := s.provider.exchange(r.Context(), code, a)
	if err != nil {
		return err
	}
	person, err := s.whoAmI(r.Context(), got.idToken)
	if err != nil {
		return fmt.Errorf("%w: %w", errAPIServer, err)
	}
	if err := s.write(w, r, newSession(got, person, s.Now())); err != nil {
		return err
	}
	if hasSignedOut(r) {
		http.SetCookie(w, newCookie(signedOutCookie, "", -1))
	}
	return nil
}

// hasSignedOut reports whether the last session of the browser has ended with a sign-out.
func hasSignedOut(r *http.Request) bool { return len(r.CookiesNamed(signedOutCookie)) > 0 }

// refuse shows why a sign-in has failed. The log has the details.
func (s *SignIn) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Info("a sign-in has failed", "error", reasonOf(err))
	status, reason := http.StatusForbidden, "token"
	var unanswered *url.Error
	switch {
	case errors.Is(err, errTooMany):
		w.Header().Set("Retry-After", "5")
		status, reason = http.StatusTooManyRequests, "tooMany"
	case errors.Is(err, errTooLarge):
		reason = "tooLarge"
	case apierrors.IsUnauthorized(err):
		reason = "unknown"
	case errors.Is(err, errAPIServer):
		status, reason = http.StatusBadGateway, "apiServer"
	case errors.Is(err, errUnreachable), errors.As(err, &unanswered):
		status, reason = http.StatusBadGateway, "unreachable"
	}
	pages.SignInProblem(w, r, status, reason)
}

// signOut ends a session on its own form alone, so that no other site can. A sign-in that is under way in another tab ends with it,
// because it may not ask for the password.
func (s *SignIn) signOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	current := &session{}
	if s.cookies.read(r, sessionCookie, current) {
		if subtle.ConstantTimeCompare([]byte(r.PostFormValue(pages.CSRFField)), []byte(current.CSRFToken)) != 1 {
			pages.SignInProblem(w, r, http.StatusForbidden, "strangeForm")
			return
		}
		// The browser does not wait for the provider: a person who closes the page has signed out.
		go s.endRenewals(context.WithoutCancel(r.Context()), current)
	}
	clearCookies(w, r, sessionCookie, 0)
	clearCookies(w, r, attemptCookie, 0)
	http.SetCookie(w, newCookie(signedOutCookie, "1", int(signedOutLife.Seconds())))
	http.Redirect(w, r, signedOutPath, http.StatusSeeOther)
}

// endRenewals makes a copy of a session that has ended worth nothing once its ID token expires, if the provider revokes tokens.
func (s *SignIn) endRenewals(ctx context.Context, ended *session) {
	if ended.RefreshToken == "" {
		return
	}
	if err := s.provider.revoke(ctx, ended.RefreshToken); err != nil {
		s.Log.Info("a refresh token could not be revoked", "error", reasonOf(err))
	}
}
