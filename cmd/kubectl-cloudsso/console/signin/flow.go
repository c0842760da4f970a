package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
)

const (
	// attemptCookie begins the name of the cookie of a sign-in, so that two tabs can sign in at a time.
	attemptCookie = "sign-in-"
	// maxAttempts is how many sign-ins may be under way in a browser. Each is a cookie of up to 3 kB, and proxies limit the header.
	maxAttempts = 3
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

// attemptName returns the name of the cookie of the sign-in with a state, which may be any text in an answer.
func attemptName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return attemptCookie + hex.EncodeToString(sum[:4])
}

// underWay is a sign-in of a browser, by the name of its cookie.
type underWay struct {
	name    string
	expires time.Time
}

// attempts returns the sign-ins that are under way in a browser, the oldest first.
func (s *SignIn) attempts(r *http.Request) (all []underWay) {
	for _, c := range r.Cookies() {
		name, isFirst := strings.CutSuffix(strings.TrimPrefix(c.Name, hostPrefix), partSuffix(0))
		if !isFirst || !strings.HasPrefix(c.Name, hostPrefix+attemptCookie) {
			continue
		}
		a := &attempt{}
		s.cookies.read(r, name, a) // one that cannot be read is the oldest
		all = append(all, underWay{name, a.Expires})
	}
	slices.SortStableFunc(all, func(a, b underWay) int { return a.expires.Compare(b.expires) })
	return all
}

// forget ends the oldest sign-ins that are under way in a browser, but for some of the latest.
func (s *SignIn) forget(w http.ResponseWriter, r *http.Request, but int) {
	all := s.attempts(r)
	for _, old := range all[:max(0, len(all)-but)] {
		clearCookies(w, r, old.name, 0)
	}
}

// errAPIServer says that the API server did not tell who a person is.
var errAPIServer = errors.New("the API server")

// begin sends a person to the provider.
func (s *SignIn) begin(w http.ResponseWriter, r *http.Request) {
	a := &attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		To: localAddress(r.URL.Query().Get(toParameter)), Expires: s.Now().Add(attemptLife),
	}
	again := signInAddress(a.To)
	address, err := s.provider.signInURL(r.Context(), a, hasSignedOut(r))
	if err == nil {
		s.forget(w, r, maxAttempts-1)
		err = s.cookies.write(w, r, attemptName(a.State), a, attemptLife)
	}
	if err != nil {
		s.refuse(w, r, again, err)
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
	query := r.URL.Query()
	a, name := &attempt{}, attemptName(query.Get("state"))
	known := s.cookies.read(r, name, a)
	clearCookies(w, r, name, 0) // it is for one answer
	switch {
	case !known, !s.Now().Before(a.Expires), subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.State)) != 1:
		pages.SignInProblem(w, r, http.StatusBadRequest, signInPath, "state")
	case query.Has("error"):
		s.Log.Info("the provider has refused a sign-in", "error", errorCode(query.Get("error")))
		pages.SignInProblem(w, r, http.StatusForbidden, signInAddress(a.To), "refused")
	default:
		if err := s.enter(w, r, query.Get("code"), a); err != nil {
			s.refuse(w, r, signInAddress(a.To), err)
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
	next := newSession(got, person, s.Now())
	if before := s.valid(r); before != nil && before.Subject == next.Subject { // another tab has signed in: its forms stay valid
		next.CSRFToken = before.CSRFToken
	}
	if err := s.write(w, r, next); err != nil {
		return err
	}
	if hasSignedOut(r) {
		http.SetCookie(w, newCookie(signedOutCookie, "", -1))
	}
	return nil
}

// hasSignedOut reports whether the last session of the browser has ended with a sign-out.
func hasSignedOut(r *http.Request) bool { return len(r.CookiesNamed(signedOutCookie)) > 0 }

// refuse shows why a sign-in has failed, with a link to another one that leads to the same page. The log has the details.
func (s *SignIn) refuse(w http.ResponseWriter, r *http.Request, again string, err error) {
	s.Log.Info("a sign-in has failed", "error", reasonOf(err))
	status, reason := http.StatusForbidden, "token"
	var unanswered *url.Error
	var answered apierrors.APIStatus
	switch {
	case errors.Is(err, errTooMany):
		w.Header().Set("Retry-After", "5")
		status, reason = http.StatusTooManyRequests, "tooMany"
	case errors.Is(err, errTooLarge):
		reason = "tooLarge"
	case apierrors.IsUnauthorized(err):
		pages.SignInProblem(w, r, status, again, "unknown", s.Provider.Issuer, s.Provider.ClientID)
		return
	case errors.Is(err, errAPIServer) && errors.As(err, &answered):
		pages.SignInRefused(w, r, again, answered)
		return
	case errors.Is(err, errAPIServer):
		status, reason = http.StatusBadGateway, "apiServer"
	case errors.Is(err, errUnreachable), errors.As(err, &unanswered):
		status, reason = http.StatusBadGateway, "unreachable"
	}
	pages.SignInProblem(w, r, status, again, reason)
}

// signOut ends a session on its own form alone, so that no other site can. A sign-in that is under way in another tab ends with it,
// because it may not ask for the password.
func (s *SignIn) signOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	current := &session{}
	if s.cookies.read(r, sessionCookie, current) {
		if subtle.ConstantTimeCompare([]byte(r.PostFormValue(pages.CSRFField)), []byte(current.CSRFToken)) != 1 {
			pages.SignInProblem(w, r, http.StatusForbidden, signInPath, "strangeForm")
			return
		}
		// The browser does not wait for the provider: a person who closes the page has signed out.
		go s.endRenewals(context.WithoutCancel(r.Context()), current)
	}
	clearCookies(w, r, sessionCookie, 0)
	s.forget(w, r, 0)
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
