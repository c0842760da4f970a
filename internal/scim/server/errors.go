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

// methodNotAllowed is a 405. Its response lists the allowed methods (RFC 9110 section 15.5.6).
type methodNotAllowed struct{ allow, method, pattern string }

func (e *methodNotAllowed) Error() string {
	return fmt.Sprintf("%s is not supported at %s; supported are %s", e.method, e.pattern, e.allow)
}

// errorResponse returns the response to an error. The cause goes to the log only.
func (s *server) errorResponse(req *request, err error) *response {
	scimErr := toSCIMError(err, req.record.RequestID)
	detail := shortened(scimErr.Detail, limits.Detail)
	s.log(req, scimErr, err)
	req.record.Type, req.record.Detail, req.record.Reason = scimErr.Type, detail, scimErr.Reason
	resp := &response{status: scimErr.Status, body: encodeError(scimErr.Status, scimErr.Type, detail)}
	var method *methodNotAllowed
	switch {
	case errors.As(err, &method):
		resp.set("Allow", method.allow)
	case scimErr.Status == http.StatusUnauthorized:
		resp.set("Www-Authenticate", `Bearer realm="scim"`) // RFC 7644 section 2, RFC 6750 section 3
	case scimErr.Status == http.StatusTooManyRequests, scimErr.Status == http.StatusServiceUnavailable:
		resp.set("Retry-After", wholeSeconds(scimErr.RetryAfter))
	}
	return resp
}

// toSCIMError converts an error to the one that the client sees.
func toSCIMError(err error, requestID string) *scim.Error {
	var scimErr *scim.Error
	var method *methodNotAllowed
	var body *schema.Error
	var syntax *filter.SyntaxError
	switch {
	case errors.As(err, &scimErr) && scimErr.Status >= 400 && scimErr.Status < 600 && scimErr.Status != http.StatusInternalServerError:
		return scimErr
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
		Detail: "the service failed; its log has the cause under the request id " + requestID,
		Cause:  err,
	}
}

// statusOf returns the status of the response to an error.
func statusOf(err error) int { return toSCIMError(err, "").Status }

// log writes the cause of an error, which the response does not tell. Errors without a cause are left to the
// observer.
func (s *server) log(req *request, scimErr *scim.Error, err error) {
	level := slog.LevelInfo
	switch {
	case scimErr.Reason != "": // the observer records the reason
		return
	case scimErr.Status == http.StatusServiceUnavailable, scimErr.Status == http.StatusTooManyRequests:
		level = slog.LevelWarn
	case scimErr.Status >= http.StatusInternalServerError && scimErr.Status != http.StatusNotImplemented:
		level = slog.LevelError
	case scimErr.Cause == nil:
		return
	}
	s.Logger.LogAttrs(req.Context(), level, "SCIM request failed", append(req.ids(),
		slog.String("method", req.Method), slog.String("route", req.pattern),
		slog.String("id", req.record.ID), slog.String("subject", req.record.Subject),
		slog.Int("status", scimErr.Status), slog.String("error", err.Error()))...)
}

// recoverPanic turns a panic into an error, except the panic that aborts the connection.
func recoverPanic(err *error) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// encodeError returns an error as JSON. The status is a string (RFC 7644 section 3.12).
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

// wholeSeconds returns a Retry-After in whole seconds. Okta waits five minutes if the value is not an integer.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// quoted quotes a part of a request, shortened for a message.
func quoted(s string) string { return strconv.Quote(shortened(s, limits.Quoted)) }

// shortened cuts s after the given number of bytes.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
