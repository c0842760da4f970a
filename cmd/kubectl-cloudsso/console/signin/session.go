package signin

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

const (
	sessionCookie = "session"
	// maxSession is how long a session is renewed: a working day. After it a person proves again who they are.
	maxSession = 12 * time.Hour
	// renewEarly is how long before its expiry an ID token is renewed, so that it does not expire on its way to the API server.
	renewEarly = 30 * time.Second
)

// session is what the browser of a person keeps, sealed.
type session struct {
	// Person is the user name that the API server knows the person by.
	Person string
	// Subject is the provider's id of the person, which a renewal must not change.
	Subject string
	// IDToken authenticates the person to the API server until Expires.
	IDToken string
	Expires time.Time
	// RefreshToken gets the next ID token until Ends; "" if the provider gives none.
	RefreshToken string `json:",omitempty"`
	Ends         time.Time
	CSRFToken    string
}

// newSession returns the session that a sign-in begins.
func newSession(t tokens, person string, now time.Time) *session {
	s := &session{Person: person, CSRFToken: rand.Text(), Ends: now.Add(maxSession)}
	s.take(t)
	return s
}

// take puts new tokens in place of the old ones.
func (s *session) take(t tokens) {
	s.Subject, s.IDToken, s.Expires, s.RefreshToken = t.subject, t.idToken, t.expires, t.refreshToken
	if s.RefreshToken == "" && s.Expires.Before(s.Ends) {
		s.Ends = s.Expires
	}
}

// isValid reports whether the ID token can still be used.
func (s *session) isValid(now time.Time) bool {
	return now.Before(s.Ends) && now.Before(s.Expires)
}

// needsRenewal reports whether the ID token is about to expire, or has, and can be renewed.
func (s *session) needsRenewal(now time.Time) bool {
	return s.RefreshToken != "" && now.Before(s.Ends) && now.After(s.Expires.Add(-renewEarly))
}

// current returns the session of a request; nil if it has none that is valid.
func (s *SignIn) current(w http.ResponseWriter, r *http.Request) *session {
	c := &session{}
	if !s.cookies.read(r, sessionCookie, c) {
		return nil
	}
	if c.needsRenewal(s.Now()) {
		s.renew(w, r, c)
	}
	if !c.isValid(s.Now()) {
		return nil
	}
	return c
}

// valid returns the session of a request, without a renewal; nil if it has none that is valid.
func (s *SignIn) valid(r *http.Request) *session {
	c := &session{}
	if !s.cookies.read(r, sessionCookie, c) || !c.isValid(s.Now()) {
		return nil
	}
	return c
}

// renew gets a new ID token for a session. If that fails, the session ends with the old one.
func (s *SignIn) renew(w http.ResponseWriter, r *http.Request, c *session) {
	renewed, err := s.renewOnce(r.Context(), c)
	if err != nil {
		s.Log.Info("a session could not be renewed", "error", reasonOf(err))
		return
	}
	next := *c
	next.take(renewed)
	if err := s.write(w, r, &next); err != nil {
		s.Log.Info("a session could not be renewed", "error", err)
		return
	}
	*c = next
}

// renewOnce renews once for all requests that a browser sends at a time, because a provider may accept a refresh token once alone.
func (s *SignIn) renewOnce(ctx context.Context, c *session) (tokens, error) {
	renewed, err, _ := s.renewals.Do(c.RefreshToken, func() (any, error) {
		return s.provider.renew(context.WithoutCancel(ctx), c.RefreshToken, c.Subject)
	})
	if err != nil {
		return tokens{}, err
	}
	return renewed.(tokens), nil //nolint:errcheck // the function above returns no other type
}

// write puts a session into the browser, in place of an earlier one.
func (s *SignIn) write(w http.ResponseWriter, r *http.Request, c *session) error {
	return s.cookies.write(w, r, sessionCookie, c, c.Ends.Sub(s.Now()))
}

// whoAmITimeout bounds the question who a person is: the person waits for the page.
const whoAmITimeout = 10 * time.Second

// whoAmI asks the API server what it calls the person of an ID token. So a token that it does not accept is refused at the
// sign-in.
func (s *SignIn) whoAmI(ctx context.Context, idToken string) (string, error) {
	c, _, err := plugin.ConnectWithToken(s.API, idToken)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, whoAmITimeout)
	defer cancel()
	review := &authenticationv1.SelfSubjectReview{}
	err = c.Create(ctx, review)
	return review.Status.UserInfo.Username, err
}
