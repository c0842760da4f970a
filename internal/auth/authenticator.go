package auth

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	// DefaultRate is how many requests a second a credential has for good: eight times the 25 that Entra
	// asks an endpoint to sustain.
	DefaultRate = 200
	// DefaultBurst is how many it may send at once: an initial cycle begins with a page of lookups each.
	DefaultBurst = 1000
)

// Reason says why a request does not go on: for the log and a metric, never for the client, who might
// learn from it which tokens exist.
type Reason string

// The reasons why a request does not go on.
const (
	ReasonMissing     Reason = "missing"      // no Authorization header
	ReasonMalformed   Reason = "malformed"    // a header that presents no token, or too long a one
	ReasonUnknown     Reason = "unknown"      // no credential has this token
	ReasonMistyped    Reason = "mistyped"     // nor can one: it was minted, and then cut or changed in copying
	ReasonConflict    Reason = "conflict"     // two credentials have it
	ReasonDisabled    Reason = "disabled"     // spec.disabled
	ReasonExpired     Reason = "expired"      // its time is over
	ReasonQuota       Reason = "quota"        // it holds no slot
	ReasonDeleted     Reason = "deleted"      // it is being deleted
	ReasonRateLimited Reason = "rate-limited" // a good credential that asks too often
)

// Error says why a request does not go on.
type Error struct {
	Reason Reason
	// Principal is whose token it was, if that is known.
	Principal Principal
	// RetryAfter, in whole seconds, is how long the client is to wait: the answer is 429 with this as
	// Retry-After (RFC 6585 section 4). Zero: the answer is 401 (RFC 9110 section 15.5.2).
	RetryAfter int
}

// Error is for the log.
func (e *Error) Error() string {
	text := "authentication failed: " + string(e.Reason)
	if !e.Principal.IsZero() {
		text += ", credential " + e.Principal.String()
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(", to retry after %d s", e.RetryAfter)
	}
	return text
}

// Options are what an Authenticator may be given; the zero value is what production has.
type Options struct {
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Rate is how many requests a second each credential has. Default: DefaultRate.
	Rate float64
	// Burst is how many requests each credential may send at once. Default: DefaultBurst.
	Burst int
}

// Authenticator decides who a request comes from. Safe for concurrent use.
type Authenticator struct {
	keyring  *Keyring
	failures *failures
	now      func() time.Time
}

// New returns an Authenticator with an empty Keyring: nobody is let in until it is fed.
func New(o Options) *Authenticator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	if o.Burst <= 0 {
		o.Burst = DefaultBurst
	}
	return &Authenticator{keyring: newKeyring(Budget{o.Rate, o.Burst}), failures: newFailures(), now: o.Now}
}

// Keyring returns the credentials that are let in, to be fed.
func (a *Authenticator) Keyring() *Keyring { return a.keyring }

// Authenticate returns who a request comes from: authorization is its Authorization header, remote the
// address it came from, with or without port. Any error is an *Error.
//
// It does the same work whatever is presented, a hash and a lookup by it, and compares no secrets.
// Failures of an address are answered with a wait after some, but never keep a good token out that
// comes from there too: providers share addresses.
func (a *Authenticator) Authenticate(authorization, remote string) (Principal, error) {
	now := a.now()
	token, refused := presented(authorization)
	p, c, known := a.keyring.lookup(HashToken(token), now)
	if refused == "" {
		refused = known
	}
	if refused == ReasonUnknown && strings.HasPrefix(token, TokenPrefix) && !Minted(token) {
		refused = ReasonMistyped
	}
	if refused != "" {
		return Principal{}, &Error{Reason: refused, Principal: p, RetryAfter: seconds(a.failures.record(remote, now))}
	}
	if delay := wait(c.limiter, now); delay > 0 {
		return Principal{}, &Error{Reason: ReasonRateLimited, Principal: p, RetryAfter: seconds(delay)}
	}
	return p, nil
}

// seconds rounds up: Retry-After has whole seconds, and a client that comes too early waits twice.
func seconds(d time.Duration) int {
	return int(math.Ceil(d.Seconds()))
}
