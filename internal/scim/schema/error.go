package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// The scimTypes (RFC 7644 section 3.12) of an Error.
const (
	InvalidSyntax = "invalidSyntax"
	InvalidValue  = "invalidValue"
)

// Error says what is wrong with a body.
type Error struct {
	ScimType string // InvalidSyntax or InvalidValue
	Path     string // the attribute, such as "emails[1].primary"; "" for the whole body
	Problem  string // such as "must be a boolean"
}

// Error returns the detail for the client.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + " " + e.Problem
}

func invalid(path, format string, args ...any) error {
	return &Error{ScimType: InvalidValue, Path: path, Problem: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) error {
	return &Error{ScimType: InvalidSyntax, Problem: fmt.Sprintf(format, args...)}
}

// quoted quotes a part of a body, shortened for a message.
func quoted(s string) string {
	if len(s) > limits.Quoted {
		s = strings.ToValidUTF8(s[:limits.Quoted], "") + "…"
	}
	return strconv.Quote(s)
}
