package auth

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	// DefaultRate is how many requests a second each credential may send in the long run: eight times the 25
	// that Entra asks an endpoint to sustain.
	DefaultRate = 200
	// DefaultBurst is how many requests each credential may send at once, because an initial import begins
	// with one lookup for each user of a page.
	DefaultBurst = 1000
)

// Reason is why a request is refused. It is for the log and a metric, never for the client, because a client
// could learn from it which tokens exist.
type Reason string

// The reasons why a request is refused.
const (
	ReasonMissing     Reason = "missing"      // no Authorization header
	ReasonAmbiguous   Reason = "ambiguous"    // more than one Authorization header
	ReasonMalformed   Reason = "malformed"    // the header has nothing that begins as a token
	ReasonMistyped    Reason = "mistyped"     // the header has a token that was cut or changed in copying
	ReasonUnknown     Reason = "unknown"      // no credential of the token's namespace has this token
	ReasonConflict    Reason = "conflict"     // two credentials have this token
	ReasonPending     Reason = "pending"      // the operator has not written spec.expiresAt yet
	ReasonDisabled    Reason = "disabled"     // spec.disabled
	ReasonExpired     Reason = "expired"      // the credential has expired
	ReasonQuota       Reason = "quota"        // the credential holds no slot
	ReasonDeleted     Reason = "deleted"      // the credential is being deleted
	ReasonNetwork     Reason = "network"      // the request comes from a network that spec.allowedNetworks does not have
	ReasonRateLimited Reason = "rate-limited" // a usable credential sends too many requests
)

// Error is the refusal of a request.
type Error struct {
	Reason Reason
	// Principal is the credential that the token belongs to; zero if no credential is known.
	Principal Principal
	// RetryAfter is how many seconds the client must wait: the response is 429 with this Retry-After
	// (RFC 6585 section 4). If it is zero, the response is 401 (RFC 9110 section 15.5.2), or 400 if the reason is
	// ReasonAmbiguous.
	RetryAfter int
}

// Error returns the text for the log.
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

// Options configure an Authenticator. Production uses the zero value.
type Options struct {
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Rate is how many requests a second each credential may send in the long run. Default: DefaultRate.
	Rate float64
	// Burst is how many requests each credential may send at once. Default: DefaultBurst.
	Burst int
	// MaxRate is the greatest rate that a directory may set for its credentials. Its burst is at most what MaxRate
	// permits in burstSeconds. Default: no maximum.
	MaxRate float64
}

// burstSeconds is in how many seconds a credential that sends MaxRate would send the greatest burst.
const burstSeconds = 10

// Authenticator finds the credential of a request, and limits how many requests it sends. Safe for concurrent use.
type Authenticator struct {
	keyring  *Keyring
	failures *failures
	now      func() time.Time
}

// New returns an Authenticator with an empty Keyring. It refuses every request until the Keyring is filled.
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
	if o.MaxRate <= 0 {
		o.MaxRate = math.MaxInt32
	}
	return &Authenticator{keyring: newKeyring(Budget{o.Rate, o.Burst}, o.MaxRate), failures: newFailures(), now: o.Now}
}

// Keyring returns the Authenticator's credentials, which the caller fills.
func (a *Authenticator) Keyring() *Keyring { return a.keyring }

// Authenticate returns the credential of a request. authorization are the request's Authorization headers, remote its
// source address with or without a port. Every error is an *Error.
//
// Only a text in the form of a token is hashed and looked up. An address with many failures must wait before the next
// failure, but a valid token from that address is still accepted, because providers share addresses.
func (a *Authenticator) Authenticate(authorization []string, remote string) (Principal, error) {
	now := a.now()
	p, c, refused := a.find(authorization, now)
	if refused == "" && !c.use.IsAllowedFrom(addressOf(remote)) {
		refused = ReasonNetwork
	}
	if refused == ReasonAmbiguous { // no token was tried
		return Principal{}, &Error{Reason: refused}
	}
	if refused != "" {
		return Principal{}, &Error{Reason: refused, Principal: p, RetryAfter: seconds(a.failures.record(remote, now))}
	}
	if delay := delayOf(c.limiter, now); delay > 0 {
		return Principal{}, &Error{Reason: ReasonRateLimited, Principal: p, RetryAfter: seconds(delay)}
	}
	return p, nil
}

// find returns the credential of a request, and why it is refused; "" if it is usable.
func (a *Authenticator) find(authorization []string, now time.Time) (Principal, *credential, Reason) {
	token, refused := presentedToken(authorization)
	if refused != "" {
		return Principal{}, nil, refused
	}
	namespace, ok := ParseToken(token)
	switch {
	case ok:
		return a.keyring.lookup(namespace, HashToken(token), now)
	case strings.HasPrefix(token, TokenPrefix):
		return Principal{}, nil, ReasonMistyped
	}
	return Principal{}, nil, ReasonMalformed
}

// seconds rounds up to whole seconds for Retry-After, because a client that retries too early must wait again.
func seconds(d time.Duration) int {
	return int(math.Ceil(d.Seconds()))
}
