package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// WriteJSON writes a value for a program, indented.
func WriteJSON(w io.Writer, value any) error {
	text, err := marshalJSON(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// WriteJSONLine writes a value for a program, in one line.
func WriteJSONLine(w io.Writer, value any) error {
	text, err := marshalJSON(value, "", "")
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// WriteYAML writes a value as YAML.
func WriteYAML(w io.Writer, value any) error {
	text, err := marshalYAML(value)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// marshalJSON returns a value as JSON, and a line break. The control characters that encoding/json leaves are escaped too,
// because a person may look at the output with a terminal.
func marshalJSON(value any, prefix, indent string) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, indent)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	text := out.Bytes()
	if !bytes.ContainsFunc(text, isLateControl) {
		return text, nil
	}
	var escaped bytes.Buffer
	for _, r := range string(text) {
		if isLateControl(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
			continue
		}
		escaped.WriteRune(r)
	}
	return escaped.Bytes(), nil
}

// isLateControl reports whether a character is one of the control characters from U+007F on.
func isLateControl(r rune) bool { return 0x7f <= r && r < 0xa0 }

// isReordering reports whether a character sets the direction of all text up to another one: it is one of the embeddings,
// overrides and isolates of Unicode's bidirectional algorithm (UAX #9). Marks such as U+200E are not among them.
func isReordering(r rune) bool {
	return 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

// OrNone returns what a table shows for a value that may be absent, as kubectl does.
func OrNone(value string) string {
	if value == "" {
		return "<none>"
	}
	return Printable(value)
}

// JoinNonEmpty joins texts that are not empty.
func JoinNonEmpty(separator string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), separator)
}

// Warn writes a warning for the person.
func (p *Plugin) Warn(err error) { fmt.Fprintf(p.ErrOut, "warning: %s\n", Printable(err.Error())) }

// Place returns what a table shows for the namespace of a binding.
func Place(namespace string) string {
	if namespace == "" {
		return "(cluster)"
	}
	return namespace
}

// Printable returns a value without what could move the cursor of a terminal, break a table, or reorder the text after it: an
// identity provider sends any text as a name.
func Printable(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || isLateControl(r) || isReordering(r) {
			return '\uFFFD'
		}
		return r
	}, value)
}

// formula finds where a spreadsheet begins a formula: at the begin of a cell, or after a separator of other languages' CSV.
var formula = regexp.MustCompile("(^|[;\t])([=+@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20-])")

// PlainCell returns a value that no spreadsheet takes for a formula: an identity provider sends any text as a name
// (OWASP, "CSV Injection").
func PlainCell(value string) string { return formula.ReplaceAllString(value, "$1'$2") }
