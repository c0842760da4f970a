package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// Options configure a server. Authenticate and BaseURL are required.
type Options struct {
	// Authenticate returns the session of a request: its credential and its store. Its error is a
	// *scim.Error of status 401, 403, 429 or 503; any other becomes a 500.
	//
	// It is called before the body is read. Discovery needs no credentials: there it is called only if the
	// request has some, and only its 401 and 429 count.
	Authenticate func(*http.Request) (Session, error)

	// BaseURL is the public URL of the service, such as https://sso.example.com/scim/v2. Every URL in a
	// response begins with it. The Host header is never used, because the client chooses it.
	BaseURL string

	// Prefix is the path under which requests arrive, by default /scim/v2. It differs from the path of
	// BaseURL if a proxy rewrites the path.
	Prefix string

	// Limits bound the cost of one request. A zero field has its default.
	Limits Limits

	// BeforeChange, if not nil, is called before a request, or an operation of a bulk request, changes a resource. Its
	// error refuses the change, which waits for it.
	BeforeChange func(Record) error

	// Observe, if not nil, is called once for each request, before its response is written. For a bulk
	// request it is called for each operation first. The response waits for it.
	Observe func(Record)

	// Tracer, if not nil, traces the requests of accepted credentials.
	Tracer Tracer

	// Logger receives the causes of errors; by default slog.Default().
	Logger *slog.Logger

	// Now is the clock; by default time.Now.
	Now func() time.Time

	// NewRequestID returns an id for a response and its log lines; by default 128 random bits.
	NewRequestID func() string
}

// Tracer traces requests. Its methods are called once for each request that has a trace, and not for the operations of a bulk
// request, which are part of that request's trace.
type Tracer interface {
	// Begin returns the context of what the request does, and the id of its trace; "" if this request is not traced. The
	// record has what is known before the request is carried out.
	Begin(r *http.Request, record Record) (ctx context.Context, traceID string)
	// End is called with that context when the response has been written.
	End(ctx context.Context, record Record)
}

// Session is an authenticated client.
type Session struct {
	// Store has the resources that the credential gives access to.
	Store scim.Store
	// Subject names the credential for the audit log. It is not a secret. Authenticate may return it with an
	// error, if the credential is known and refused.
	Subject string
	// Directory names the resources that the credential gives access to. The credentials of one directory share its
	// places for requests and large bodies. Authenticate returns it whenever it returns a Subject.
	Directory string
	// Revalidate, if not nil, is called before each operation of a bulk request. During a long one, the
	// credential may expire or synchronization may be disabled. Each operation also counts as a request for
	// the rate limit. The errors are those of Authenticate, and become the result of the operation. A 401 is
	// also the result of all operations that follow, without further calls. After a 429 the operation waits,
	// up to limits.BulkWait in all. If no operation is admitted, the whole request is refused.
	Revalidate func(method, path string) error
}

// Record describes one request and its response, for the audit log and metrics. It has no secrets.
type Record struct {
	RequestID    string // as in the response's X-Request-Id and in the log
	TraceID      string // empty if the request is not traced
	Operation    Operation
	Method       string
	Route        string   // the pattern below the prefix, such as "/Users/{id}"; empty for an unknown path
	ResourceType string   // "User" or "Group"; empty for discovery and unknown routes
	ID           string   // of the resource that was requested or created; empty if there is none
	Name         string   // its userName or displayName, if known
	ExternalID   string   // if known
	Subject      string   // Session.Subject; empty if not authenticated
	Remote       string   // the address that the request came from, with its port
	UserAgent    string   // the header, as the client sent it
	Effects      []Effect // what the request has done, also if it was refused for the rest; empty for a change of other attributes only
	Changes      []AttributeChange
	Added        scim.MemberSample // of a group
	Removed      scim.MemberSample
	Status       int       // HTTP status
	Type         scim.Type // of an error, if it has one
	Detail       string    // of an error, as in the response
	Reason       string    // of an error, if it has one: scim.Error.Reason
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
