package scim

import (
	"fmt"
	"net/http"
	"time"
)

// Type is a scimType: the detail error keyword of RFC 7644 section 3.12.
type Type string

// The scimTypes of RFC 7644 section 3.12, table 9, but invalidVers and sensitive: the version is in the URL, and
// no parameter is refused for being there.
const (
	InvalidFilter Type = "invalidFilter"
	TooMany       Type = "tooMany"
	Uniqueness    Type = "uniqueness"
	Mutability    Type = "mutability"
	InvalidSyntax Type = "invalidSyntax"
	InvalidPath   Type = "invalidPath"
	NoTarget      Type = "noTarget"
	InvalidValue  Type = "invalidValue"
)

// The scimTypes of RFC 9865 section 2.1.
const (
	InvalidCursor Type = "invalidCursor"
	InvalidCount  Type = "invalidCount"
)

// Error is an error that the client is told (RFC 7644 section 3.12). Any other error becomes a 500
// whose detail says nothing of its cause; the cause goes to the log.
type Error struct {
	Status     int           // HTTP status
	Type       Type          // empty where RFC 7644 defines none
	Detail     string        // for the identity provider's administrator: what, to which attribute or object, what to do
	RetryAfter time.Duration // on 429 and 503; sent in whole seconds, rounded up
	Reason     string        // why, in a word, for the log and metrics only: one of a closed set, or empty
	Cause      error         // for the log only
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%d %s: %s: %v", e.Status, e.Type, e.Detail, e.Cause)
	}
	return fmt.Sprintf("%d %s: %s", e.Status, e.Type, e.Detail)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// BadRequest is a 400 of the given type.
func BadRequest(t Type, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: t, Detail: fmt.Sprintf(format, args...)}
}

// NotFound is the 404 of a resource that does not exist.
func NotFound(resourceType, id string) *Error {
	return &Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("%s %q does not exist", resourceType, id)}
}

// Conflict is the 409 of a value that another resource has (scimType uniqueness).
func Conflict(format string, args ...any) *Error {
	return &Error{Status: http.StatusConflict, Type: Uniqueness, Detail: fmt.Sprintf(format, args...)}
}

// Unavailable is a 503: the answer cannot be given now, and nothing was changed that a retry would not
// find and finish.
func Unavailable(retryAfter time.Duration, cause error) *Error {
	return &Error{
		Status:     http.StatusServiceUnavailable,
		Detail:     "the directory cannot be reached at the moment; try again",
		RetryAfter: retryAfter,
		Cause:      cause,
	}
}
