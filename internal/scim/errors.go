package scim

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Type is a scimType: the detail error keyword of RFC 7644 section 3.12.
type Type string

// The scimTypes of RFC 7644 section 3.12, table 9. Two are not used: invalidVers, because the version is in the
// URL, and sensitive, because no parameter is refused.
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

// Error is an error for the client (RFC 7644 section 3.12). The client sees any other error as a 500 whose
// detail does not tell the cause. The cause goes to the log.
type Error struct {
	Status     int           // HTTP status
	Type       Type          // empty if RFC 7644 defines none
	Detail     string        // for the identity provider's administrator: what happened, to which object, what to do now
	RetryAfter time.Duration // of 429 and 503; sent in whole seconds, rounded up
	Reason     string        // for the log and metrics only: a word of a closed set, or empty
	Cause      error         // for the log only
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%d %s: %s: %v", e.Status, e.Type, e.Detail, e.Cause)
	}
	return fmt.Sprintf("%d %s: %s", e.Status, e.Type, e.Detail)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// BadRequest returns a 400 of the given type.
func BadRequest(t Type, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: t, Detail: fmt.Sprintf(format, args...)}
}

// NotFound returns the 404 for a resource that does not exist.
func NotFound(resourceType, id string) *Error {
	return &Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("%s %q does not exist", resourceType, id)}
}

// Conflict returns the 409 for a value that another resource has (scimType uniqueness).
func Conflict(format string, args ...any) *Error {
	return &Error{Status: http.StatusConflict, Type: Uniqueness, Detail: fmt.Sprintf(format, args...)}
}

// Unavailable returns a 503. The request can be repeated: the store has changed nothing, or a repetition
// completes the change.
func Unavailable(retryAfter time.Duration, cause error) *Error {
	return &Error{
		Status:     http.StatusServiceUnavailable,
		Detail:     "the service cannot read or write its objects at the moment; try again",
		RetryAfter: retryAfter,
		Cause:      cause,
	}
}

// DeactivatedOnly is the error of a change that was refused, and of which the deactivation of the user is stored.
type DeactivatedOnly struct {
	Resource *Resource // the user as it is now
	Refused  error     // why the rest was refused
}

// Error returns the text for the log.
func (e *DeactivatedOnly) Error() string {
	return "only the deactivation is stored: " + e.Refused.Error()
}

// Unwrap returns why the rest was refused.
func (e *DeactivatedOnly) Unwrap() error { return e.Refused }

// IsAboutContent reports whether a change was refused for what it has, so that another change of the same resource could be
// stored now. An error with a Reason is about the directory; 404 and 412 refuse every change; and a request is repeated after 429
// and every 5xx but 507.
func IsAboutContent(err error) bool {
	var body *schema.Error
	if errors.As(err, &body) {
		return true
	}
	var e *Error
	if !errors.As(err, &e) || e.Reason != "" {
		return false
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage:
		return true
	}
	return false
}
