// Package audit writes the provisioning log: one line for each SCIM request, saying who did what to
// which resource and how it ended. It never holds a token, a password or a request's body.
package audit

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Event is what a request was. The set is closed: whoever alerts on the log relies on it.
type Event string

// The events of the provisioning log.
const (
	AuthenticationRefused  Event = "Authentication Refused"  // 401, or 429 after many: no credential, or none that may be used
	RequestLimited         Event = "Request Limited"         // 429: a good credential asks too often
	SynchronizationRefused Event = "Synchronization Refused" // 403: the directory's switch is Disabled, or there is none
	Discovery              Event = "Discovery"               // RFC 7644 section 4, a refused filter among it
	ResourceRead           Event = "Resource Read"           // section 3.4.1
	ResourcesQueried       Event = "Resources Queried"       // sections 3.4.2 and 3.4.3
	ResourceCreated        Event = "Resource Created"        // section 3.3
	ResourceReplaced       Event = "Resource Replaced"       // section 3.5.1
	ResourceModified       Event = "Resource Modified"       // section 3.5.2
	ResourceDeleted        Event = "Resource Deleted"        // section 3.6
	BulkProcessed          Event = "Bulk Processed"          // section 3.7
	RequestUnknown         Event = "Request Unknown"         // no such endpoint, or not with this method
)

// levelRead is logr's V(1), which --zap-log-level=debug shows. slog.LevelDebug is V(4), which it does not.
const levelRead = slog.LevelInfo - 1

// maxValueBytes of a client's value are logged: enough to recognize it, too little to flood the log.
const maxValueBytes = 256

// Record is one request. What is empty is left out of the log.
type Record struct {
	Event     Event
	RequestID string
	// Namespace is the directory, Credential the SCIMCredential that was used.
	Namespace, Credential string
	// Remote is the address the request came from: the client's, or a proxy's.
	Remote string

	// Method is the HTTP method; ResourceType "User" or "Group"; ID the SCIM id.
	Method, ResourceType, ID string
	// UserName, DisplayName and ExternalID are the resource's, as the provider knows it. DisplayName is
	// for groups: a user's is personal, and userName names the user well enough.
	UserName, DisplayName, ExternalID string

	// Status is the HTTP status. SCIMType and Detail are those of the SCIM error (RFC 7644 section 3.12).
	Status           int
	SCIMType, Detail string
	// Reason is why a request was refused, in a word, where the client must not learn it: "expired".
	Reason string
	// Duration is how long the answer took.
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

// Write logs a request. Reads that went well are of level debug: providers poll, and what changes the
// directory should not drown in it. A client's error is a warning, the operator's own an error.
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

// bounded cuts a value that is too long to log, and says so.
func bounded(s string) string {
	if len(s) <= maxValueBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxValueBytes], "") + "…"
}
