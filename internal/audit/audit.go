// Package audit writes the provisioning log: one line for each SCIM request, with its credential, operation,
// resource and result. A line never holds a password or a request's body. Its writers have to redact tokens, because a client
// can send one as an id or a method.
//
//	event.go   what a request is logged as: a closed set
//	audit.go   the record of a request, and the lines that are written of it
//	file.go    the file that has the lines a second time
//	queue.go   the lines that wait for the file
package audit

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// levelRead is logr's V(1), which --zap-log-level=debug shows. It does not show slog.LevelDebug, which is V(4).
const levelRead = slog.LevelInfo - 1

// maxValueBytes is how much of a client's value is logged: enough to recognize it, too little to flood the log.
const maxValueBytes = 256

// maxChanges is how many changed attributes a line names: more than an identity provider maps.
const maxChanges = 50

// Record is one request. Empty fields are left out of the log.
type Record struct {
	Event     Event
	RequestID string
	// TraceID is the id of the request's trace, if it has one.
	TraceID string
	// Namespace is the directory's; Credential is the name of the SCIMCredential.
	Namespace, Credential string
	// Remote is the address that the request came from: the client's, or that of a proxy that is not trusted.
	Remote string
	// UserAgent is the header of that name.
	UserAgent string

	// Operation is the SCIM operation; Method the HTTP method; ResourceType "User" or "Group"; ID the SCIM id.
	Operation, Method, ResourceType, ID string
	// UserName, DisplayName and ExternalID are the resource's. DisplayName is for groups only, because a user's
	// is personal data that userName makes unnecessary.
	UserName, DisplayName, ExternalID string

	// Effects are what the request has done, in words of a closed set such as "Deactivated".
	Effects []string
	// Changes are the attributes that it has changed.
	Changes []Change
	// Added and Removed are members of a group.
	Added, Removed Members

	// Status is the HTTP status. SCIMType and Detail are those of the SCIM error (RFC 7644 section 3.12).
	Status           int
	SCIMType, Detail string
	// Reason is why a request was refused, in one word such as "expired". The client is not told.
	Reason string
	// Duration is the time from the request to the end of its response.
	Duration time.Duration
}

// Change is an attribute whose value a request has changed.
type Change struct {
	Name string // such as "name.givenName"
	// Before and After return the values as JSON; "" if the attribute was or is unassigned. They are called only if the
	// values of the attribute are logged.
	Before, After func() string
}

// Members are members of a group.
type Members struct {
	Count int
	IDs   []string // the first
}

// Config configures a Log. Log is required.
type Config struct {
	// Log is the operator's log.
	Log slog.Handler
	// File has the lines of admitted requests a second time, as JSON; nil for none. One goroutine writes to it, a line at a
	// time.
	File io.Writer
	// Required refuses a change if File cannot record beforehand that it was requested.
	Required bool
	// Values are the attributes whose values are logged, with those of their sub-attributes, as Change.Name has them. Of others
	// a line has the names.
	Values []string
	// FileResult, if not nil, is told of each line that File does not have, and with nil that File has all lines up to
	// then. Several goroutines may call it.
	FileResult func(error)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Log writes the provisioning log. The zero value is not usable; see New.
type Log struct {
	config Config
	queue  *queue // nil without a file
}

// New returns a Log, which the caller closes.
func New(c Config) *Log {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.FileResult == nil {
		c.FileResult = func(error) {}
	}
	l := &Log{config: c}
	if c.File != nil {
		l.queue = newQueue(c.File, c.FileResult)
	}
	return l
}

// Close waits until the file has the lines that were written before, a few seconds at most. The operator's log can be written
// afterwards.
func (l *Log) Close() {
	if l.queue != nil {
		l.queue.close()
	}
}

// Begin records that a change was requested, before it is carried out. It returns an error if the change must not be carried
// out, because the file is required and has not taken the line within storeTimeout.
func (l *Log) Begin(r Record) error {
	if !l.config.Required || l.queue == nil {
		return nil
	}
	r.Event = ChangeRequested
	return l.queue.store(encoded(l.line(r)))
}

// Write logs a request and its result. A successful read has level debug, because providers poll and changes would be hard to
// find between the polls. A client's error (4xx) has level warning, the operator's (5xx) level error.
//
// It does not wait for the file. A line that the file does not take does not change the response: the operator's log has the
// line too, and the change is stored already.
func (l *Log) Write(ctx context.Context, r Record) {
	level := r.level()
	isLogged := l.config.Log.Enabled(ctx, level)
	isFiled := l.queue != nil && level >= slog.LevelInfo && r.isAdmitted()
	if !isLogged && !isFiled { // a successful read, which providers send most: its line is not built
		return
	}
	line := l.line(r)
	if isLogged {
		_ = l.config.Log.Handle(ctx, line) // zap reports no errors
	}
	if isFiled {
		_ = l.queue.add(encoded(line), nil) // FileResult is told
	}
}

// isAdmitted reports whether an accepted credential sent the request within its rate. Other requests have no line in the
// file, because their number has no bound: they would fill the disk, or rotate the lines of changes away.
func (r Record) isAdmitted() bool {
	return r.Credential != "" && r.Event != AuthenticationRefused && r.Event != RequestLimited
}

// line returns the line of a request.
func (l *Log) line(r Record) slog.Record {
	line := slog.NewRecord(l.config.Now(), r.level(), string(r.Event), 0)
	line.AddAttrs(r.texts()...)
	line.AddAttrs(l.changes(r)...)
	if r.Event != ChangeRequested {
		line.AddAttrs(slog.Int("status", r.Status), slog.Float64("duration", r.Duration.Seconds()))
	}
	return line
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

// texts returns the fields that are texts and not empty.
func (r Record) texts() []slog.Attr {
	attributes := make([]slog.Attr, 0, 16)
	for _, a := range []struct{ key, value string }{
		{"requestID", r.RequestID},
		{"traceID", r.TraceID},
		{"namespace", r.Namespace},
		{"credential", r.Credential},
		{"remote", r.Remote},
		{"userAgent", r.UserAgent},
		{"operation", r.Operation},
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
			attributes = append(attributes, slog.String(a.key, readable(a.value)))
		}
	}
	return attributes
}

// changes returns the fields that say what a request has changed.
func (l *Log) changes(r Record) (attributes []slog.Attr) {
	if len(r.Effects) > 0 {
		attributes = append(attributes, slog.Any("effects", r.Effects))
	}
	if len(r.Changes) > 0 {
		attributes = append(attributes, l.attributeChanges(r.Changes[:min(len(r.Changes), maxChanges)])...)
	}
	if r.Added.Count > 0 {
		attributes = append(attributes, slog.Int("membersAdded", r.Added.Count), slog.Any("addedMembers", r.Added.IDs))
	}
	if r.Removed.Count > 0 {
		attributes = append(attributes, slog.Int("membersRemoved", r.Removed.Count), slog.Any("removedMembers", r.Removed.IDs))
	}
	return attributes
}

// attributeChanges returns the names of the changed attributes, and the values of those that are configured.
func (l *Log) attributeChanges(changes []Change) []slog.Attr {
	names := make([]string, 0, len(changes))
	before, after := map[string]string{}, map[string]string{}
	for _, c := range changes {
		names = append(names, c.Name)
		if l.hasValues(c.Name) {
			before[c.Name], after[c.Name] = readable(c.Before()), readable(c.After())
		}
	}
	attributes := []slog.Attr{slog.Any("changed", names)}
	if len(before) > 0 {
		attributes = append(attributes, slog.Any("before", before), slog.Any("after", after))
	}
	return attributes
}

// hasValues reports whether the values of an attribute are logged.
func (l *Log) hasValues(name string) bool {
	for _, configured := range l.config.Values {
		if rest, ok := strings.CutPrefix(name, configured); ok && (rest == "" || rest[0] == '.' || rest[0] == ':') {
			return true
		}
	}
	return false
}

// readable returns a value as it is logged: with the code points of characters that a terminal would not show, or obey, and
// cut with a mark if it is then too long.
func readable(s string) string {
	if len(s) <= maxValueBytes && !strings.ContainsFunc(s, isUnprintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		text := string(r)
		if isUnprintable(r) {
			text = fmt.Sprintf("<U+%04X>", r)
		}
		if b.Len()+len(text) > maxValueBytes {
			return b.String() + "…"
		}
		b.WriteString(text)
	}
	return b.String()
}

func isUnprintable(r rune) bool { return !unicode.IsPrint(r) }
