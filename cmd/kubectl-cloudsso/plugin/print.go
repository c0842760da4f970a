package plugin

import (
	"encoding/json"
	"io"
	"strings"
)

// WriteJSON writes a value for a program, indented.
func WriteJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// OrNone returns what a table shows for a value that may be absent, as kubectl does.
func OrNone(value string) string {
	if value == "" {
		return "<none>"
	}
	return Printable(value)
}

// Place returns what a table shows for the namespace of a binding.
func Place(namespace string) string {
	if namespace == "" {
		return "(cluster)"
	}
	return namespace
}

// Printable returns a value without what could move the cursor of a terminal or break a table: an identity provider sends
// any text as a name.
func Printable(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, value)
}

// PlainCell returns a value that no spreadsheet takes for a formula: an identity provider sends any text as a name
// (OWASP, "CSV Injection").
func PlainCell(value string) string {
	if value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) {
		return "'" + value
	}
	return value
}
