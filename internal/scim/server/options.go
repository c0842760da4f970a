package server

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// Options are what a server needs to know. Authenticate and BaseURL are required.
type Options struct {
	// Authenticate says who sends a request, and whose directory it is about. Its error is a *scim.Error
	// of status 401, 403, 429 or 503; any other is answered with 500.
	//
	// It is asked before anything of the body is read. Discovery needs no credentials: there it is asked
	// only about a request that carries some, and only its 401 and 429 count.
	Authenticate func(*http.Request) (Session, error)

	// BaseURL is the public URL of the service, such as https://sso.example.com/scim/v2. Every URL in a
	// response begins with it; the Host header, which the client chooses, is never used.
	BaseURL string

	// Prefix is the path under which requests arrive, by default /scim/v2. It differs from the path of
	// BaseURL where a proxy rewrites it.
	Prefix string

	// Limits bound what one request may cost; zero fields have their defaults.
	Limits Limits

	// Observe, if not nil, is called once for each request, when its answer is made, and before that for
	// each operation of a bulk request. It must not block.
	Observe func(Record)

	// Logger receives the causes of errors; by default slog.Default().
	Logger *slog.Logger

	// Now is the clock; by default time.Now.
	Now func() time.Time

	// NewRequestID makes the id that a response and the log share; by default 128 random bits.
	NewRequestID func() string
}

// Session is an authenticated client.
type Session struct {
	// Store is the one that the client's credential belongs to.
	Store scim.Store
	// Subject names the credential for the audit log. It is no secret. It may come with an error: a credential
	// that is known, and refused.
	Subject string
	// Again is asked before each operation of a bulk request, which may take longer than a credential or a
	// directory is good for, and costs as many requests as it has operations. Its errors are as those of
	// Authenticate, and the operation's result: a 401 is that of all that follow too, which are not asked about,
	// and a 429 is waited for as long as limits.BulkWait allows. If no operation is let through, the whole
	// request is refused. Nil is never asked.
	Again func(method, path string) error
}

// Record tells of one request and its answer, for the audit log and metrics. It holds nothing of bodies
// but names, and no secrets.
type Record struct {
	RequestID    string // as in the response's X-Request-Id and in the log
	Method       string
	Route        string    // the pattern below the prefix, such as "/Users/{id}"; empty for an unknown one
	ResourceType string    // "User" or "Group"; empty for discovery and unknown routes
	ID           string    // of the resource asked for or created; empty where there is none
	Name         string    // its userName or displayName, where known
	ExternalID   string    // where known
	Subject      string    // Session.Subject; empty if not authenticated
	Remote       string    // the address that the request came from, with its port
	Status       int       // HTTP status
	Type         scim.Type // of an error, where it has one
	Detail       string    // of an error, as the client was told
	Reason       string    // of an error, where it has one: scim.Error.Reason
	Duration     time.Duration
}

func (o Options) withDefaults() Options {
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	if o.Prefix == "" {
		o.Prefix = "/scim/v2"
	}
	o.Prefix = strings.TrimRight("/"+strings.Trim(o.Prefix, "/"), "/")
	o.Limits = o.Limits.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewRequestID == nil {
		o.NewRequestID = rand.Text
	}
	return o
}
