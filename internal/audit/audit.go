// Package audit writes the provisioning log: one line for each SCIM request, with its credential, operation,
// resource and result. A line never holds a password or a request's body. Its handler has to write through a writer that
// redacts tokens, because a client can send one as an id or a method.
package audit

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Event is the type of a line. The set is closed, because alerts on the log rely on it.
type Event string

// The events of the provisioning log.
const (
	AuthenticationRefused  Event = "Authentication Refused"  // 401, 400 for two headers, or 429 after many: no credential, or one that is not usable
	RequestLimited         Event = "Request Limited"         // 429: a usable credential sends too many requests
	SynchronizationRefused Event = "Synchronization Refused" // 403: the directory's switch is Disabled, or the namespace has no directory or is not selected; 503: not activated
	Discovery              Event = "Discovery"               // RFC 7644 section 4, including a refused filter
	ResourceRead           Event = "Resource Read"           // section 3.4.1
	ResourcesQueried       Event = "Resources Queried"       // sections 3.4.2 and 3.4.3
	ResourceCreated        Event = "Resource Created"        // section 3.3
	ResourceReplaced       Event = "Resource Replaced"       // section 3.5.1
	ResourceModified       Event = "Resource Modified"       // section 3.5.2
	ResourceDeleted        Event = "Resource Deleted"        // section 3.6
	BulkProcessed          Event = "Bulk Processed"          // section 3.7
	RequestUnknown         Event = "Request Unknown"         // no such endpoint, or a method that it does not have
)

// levelRead is logr's V(1), which --zap-log-level=debug shows. It does not show slog.LevelDebug, which is V(4).
const levelRead = slog.LevelInfo - 1

// maxValueBytes is how much of a client's value is logged: enough to recognize it, too little to flood the log.
const maxValueBytes = 256

// Record is one request. Empty fields are left out of the log.
type Record struct {
	Event     Event
	RequestID string
	// Namespace is the directory's; Credential is the name of the SCIMCredential.
	Namespace, Credential string
	// Remote is the address that the request came from: the client's, or a proxy's.
	Remote string

	// Method is the HTTP method; ResourceType "User" or "Group"; ID the SCIM id.
	Method, ResourceType, ID string
	// UserName, DisplayName and ExternalID are the resource's. DisplayName is for groups only, because a user's
	// is personal data that userName makes unnecessary.
	UserName, DisplayName, ExternalID string

	// Status is the HTTP status. SCIMType and Detail are those of the SCIM error (RFC 7644 section 3.12).
	Status           int
	SCIMType, Detail string
	// Reason is why a request was refused, in one word such as "expired". The client is not told.
	Reason string
	// Duration is the time from the request to the end of its response.
	Duration time.Duration
}

// Log writes the provisioning log. The zero value is not usable; see New.
type Log struct {
	logger *slog.Logger
}

// New returns a Log that writes to handler.
func New(handler slog.Handler) *Log {
	return &Log{logger: slog.New(handler)}
}

// Write logs a request. A successful read has level debug, because providers poll and changes would be hard to
// find between the polls. A client's error (4xx) has level warning, the operator's (5xx) level error.
func (l *Log) Write(ctx context.Context, r Record) {
	level := r.level()
	if l.logger.Enabled(ctx, level) {
		l.logger.LogAttrs(ctx, level, string(r.Event), r.attributes()...)
	}
}

func (r Record) level() slog.Level {
	switch {
	case r.Status >= http.StatusInternalServerError:
		return slog.LevelError
	case r.Status >= http.StatusBadRequest:
		return slog.LevelWarn
	}
	switch r.Event {
	case Discovery, ResourceRead, ResourcesQueried:
		return levelRead
	}
	return slog.LevelInfo
}

func (r Record) attributes() []slog.Attr {
	attributes := make([]slog.Attr, 0, 16)
	for _, a := range []struct{ key, value string }{
		{"requestID", r.RequestID},
		{"namespace", r.Namespace},
		{"credential", r.Credential},
		{"remote", r.Remote},
		{"method", r.Method},
		{"resourceType", r.ResourceType},
		{"id", r.ID},
		{"userName", r.UserName},
		{"displayName", r.DisplayName},
		{"externalId", r.ExternalID},
		{"scimType", r.SCIMType},
		{"detail", r.Detail},
		{"reason", r.Reason},
	} {
		if a.value != "" {
			attributes = append(attributes, slog.String(a.key, bounded(a.value)))
		}
	}
	return append(attributes, slog.Int("status", r.Status), slog.Duration("duration", r.Duration))
}

// bounded cuts a value that is too long to log, and marks the cut.
func bounded(s string) string {
	if len(s) <= maxValueBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxValueBytes], "") + "…"
}
