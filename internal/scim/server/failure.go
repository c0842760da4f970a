package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// errorURN is the schema of an error (RFC 7644 section 3.12).
const errorURN = "urn:ietf:params:scim:api:messages:2.0:Error"

// methodNotAllowed is a 405, which has to say what is allowed (RFC 9110 section 15.5.6).
type methodNotAllowed struct{ allow, method, pattern string }

func (e *methodNotAllowed) Error() string {
	return fmt.Sprintf("%s is not possible at %s; possible are %s", e.method, e.pattern, e.allow)
}

// failure is the answer that an error becomes. The cause goes to the log, and nowhere else.
func (s *server) failure(c *call, err error) *answer {
	told := explain(err, c.record.RequestID)
	detail := shortened(told.Detail, limits.Detail)
	s.log(c, told, err)
	c.record.Type, c.record.Detail, c.record.Reason = told.Type, detail, told.Reason
	a := &answer{status: told.Status, body: encodeError(told.Status, told.Type, detail)}
	var method *methodNotAllowed
	switch {
	case errors.As(err, &method):
		a.set("Allow", method.allow)
	case told.Status == http.StatusUnauthorized:
		a.set("Www-Authenticate", `Bearer realm="scim"`) // RFC 7644 section 2, RFC 6750 section 3
	case told.Status == http.StatusTooManyRequests, told.Status == http.StatusServiceUnavailable:
		a.set("Retry-After", wholeSeconds(told.RetryAfter))
	}
	return a
}

// explain is what the client is told of an error.
func explain(err error, requestID string) *scim.Error {
	var told *scim.Error
	var method *methodNotAllowed
	var body *schema.Error
	var syntax *filter.SyntaxError
	switch {
	case errors.As(err, &told) && told.Status >= 400 && told.Status < 600 && told.Status != http.StatusInternalServerError:
		return told
	case errors.As(err, &body):
		return scim.BadRequest(scim.Type(body.ScimType), "%s", body.Error())
	case errors.As(err, &syntax):
		return scim.BadRequest(scim.InvalidFilter, "filter: %s", syntax.Error())
	case errors.As(err, &method):
		return &scim.Error{Status: http.StatusMethodNotAllowed, Detail: method.Error()}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return scim.Unavailable(time.Second, err)
	}
	return &scim.Error{
		Status: http.StatusInternalServerError,
		Detail: "the service failed; its log has the cause under request id " + requestID,
		Cause:  err,
	}
}

// statusOf is the status of the answer to an error.
func statusOf(err error) int { return explain(err, "").Status }

// log writes what the answer does not say. What it does say is the observer's.
func (s *server) log(c *call, told *scim.Error, err error) {
	level := slog.LevelInfo
	switch {
	case told.Reason != "": // a word that the observer has too says it all
		return
	case told.Status == http.StatusServiceUnavailable, told.Status == http.StatusTooManyRequests:
		level = slog.LevelWarn
	case told.Status >= http.StatusInternalServerError && told.Status != http.StatusNotImplemented:
		level = slog.LevelError
	case told.Cause == nil:
		return
	}
	s.Logger.LogAttrs(c.Context(), level, "SCIM request failed",
		slog.String("requestID", c.record.RequestID), slog.String("method", c.Method), slog.String("route", c.pattern),
		slog.String("id", c.record.ID), slog.String("subject", c.record.Subject),
		slog.Int("status", told.Status), slog.String("error", err.Error()))
}

// recovered turns a panic into an error, but for the one that means to abort the connection.
func recovered(err *error) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// encodeError is an error as JSON. The status is a string (RFC 7644 section 3.12).
func encodeError(status int, t scim.Type, detail string) []byte {
	body, err := json.Marshal(struct {
		Schemas []string  `json:"schemas"`
		Status  string    `json:"status"`
		Type    scim.Type `json:"scimType,omitempty"`
		Detail  string    `json:"detail,omitempty"`
	}{[]string{errorURN}, strconv.Itoa(status), t, detail})
	if err != nil {
		panic(err) // strings always encode
	}
	return body
}

// wholeSeconds is a Retry-After that every provider understands: Okta falls back to five minutes for
// anything but an integer.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// quoted is what a client sent, short enough to be part of a message.
func quoted(s string) string { return strconv.Quote(shortened(s, limits.Quoted)) }

// shortened is s, cut at that many bytes.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
