// Package dialect reads what identity providers write differently from the RFCs, if the meaning is plain. Each
// function names the providers that need it. The rest of the protocol core sees one form only.
//
// docs/dialects.md lists what each provider sends, and where the dialects are handled that are not a matter of
// writing: a request whose meaning the RFCs leave open. docs/adr/0007-dialects.md says why.
package dialect

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Boolean returns the boolean that a JSON value stands for. Entra ID sends "True" and "False" in PATCH, and quotes
// booleans in filters.
func Boolean(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		value, err := strconv.ParseBool(strings.ToLower(v))
		return value, err == nil && len(v) > 1 // ParseBool accepts t, f, 1 and 0 too
	}
	return false, false
}

// Text returns the text that a JSON value stands for. Some providers send employee numbers as JSON numbers, whose
// digits are kept.
func Text(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// List returns the values of a multi-valued attribute. Clients written by hand send a single value in place of an
// array of one.
func List(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// Single returns the value of a single-valued attribute: nil for an empty array. Entra ID sends the manager as an
// array of one. An array of more is not ok.
func Single(v any) (one any, ok bool) {
	list, isList := v.([]any)
	switch {
	case !isList:
		return v, true
	case len(list) == 0:
		return nil, true
	}
	return list[0], len(list) == 1
}

// Verb returns the verb of a PATCH operation in lower case. Entra ID sends Add, Replace and Remove.
func Verb(op string) string { return strings.ToLower(op) }

// CutURN removes the URN of a schema, and the colon after it, from the name of an attribute. Some clients write a dot
// for the colon. Letter case does not matter.
func CutURN(name, urn string) (rest string, ok bool) {
	if len(name) > len(urn) && (name[len(urn)] == ':' || name[len(urn)] == '.') && strings.EqualFold(name[:len(urn)], urn) {
		return name[len(urn)+1:], true
	}
	return "", false
}

// BareWord is a value without quotes in a filter, as authentik before 2025.10 sends it and Entra ID's documentation
// shows it: a number, or text. True, false and null are not bare words.
type BareWord string
