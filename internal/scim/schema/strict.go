package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// strictReader reads a JSON text once, before any value is built from it. It refuses what encoding/json accepts
// and changes, or accepts and bounds only by memory:
//
//   - bytes that are not UTF-8, and half surrogate pairs, which would become U+FFFD, so that two different
//     values would become one (RFC 8259 sections 8.1 and 8.2)
//   - names that one object has twice, in any letter case (RFC 8259 section 4, RFC 7643 section 2.1)
//   - too many levels, or too many values
//
// It leaves every other error of syntax to encoding/json.
type strictReader struct {
	data   []byte
	at     int
	values int
	open   []int    // for each open bracket, the index in names of its first name, or inArray
	names  [][]byte // the names of the open objects so far, in lower case
	isName bool     // the next string is a name
	words  []string // if not nil, the reader is lenient: see ParseLeniently
}

const inArray = -1

func checkStrict(data []byte) error {
	if !utf8.Valid(data) {
		return malformed("the body is not UTF-8, at byte %d", firstInvalid(data)+1)
	}
	return (&strictReader{data: data}).readAll()
}

func checkLenient(data []byte, words []string) error {
	return (&strictReader{data: data, words: words}).readAll()
}

func (r *strictReader) readAll() error {
	for ; r.at < len(r.data); r.at++ {
		if err := r.read(r.data[r.at]); err != nil {
			return err
		}
		if r.values > limits.BodyValues {
			return malformed("the body has more than %d JSON values", limits.BodyValues)
		}
	}
	return nil
}

func firstInvalid(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// read reads a bracket, a comma or a whole string. Other bytes do not matter.
func (r *strictReader) read(c byte) error {
	switch c {
	case '"':
		return r.readString()
	case '{', '[':
		if len(r.open) == limits.Depth {
			return malformed("the body is nested deeper than %d levels, at byte %d", limits.Depth, r.at)
		}
		names := len(r.names)
		if c == '[' {
			names = inArray
		}
		r.open = append(r.open, names)
		r.isName = c == '{'
		r.values++ // the first value in it; each comma adds one
	case ',':
		r.values++
		r.isName = len(r.open) > 0 && r.open[len(r.open)-1] != inArray
	case '}', ']':
		return r.close()
	}
	return nil
}

// readString moves to the closing quote of a string.
func (r *strictReader) readString() error {
	start := r.at
	hasEscapes := false
	for r.at++; r.at < len(r.data) && r.data[r.at] != '"'; r.at++ {
		if r.data[r.at] == '\\' {
			hasEscapes = true
			r.at++
		}
	}
	text := r.data[start:min(r.at+1, len(r.data))]
	if hasEscapes && r.words == nil && hasHalfSurrogate(text) {
		return malformed("the string that begins at byte %d has half a surrogate pair, which is not a character", start+1)
	}
	if r.isName {
		r.isName = false
		r.names = append(r.names, lowerName(text, hasEscapes))
	}
	return nil
}

// close ends an object or an array.
func (r *strictReader) close() error {
	if len(r.open) == 0 {
		return nil
	}
	first := r.open[len(r.open)-1]
	r.open, r.isName = r.open[:len(r.open)-1], false
	if first == inArray {
		return nil
	}
	names := r.names[first:]
	r.names = r.names[:first]
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if bytes.Equal(names[i], names[i-1]) && r.mustBeUnique(names[i]) {
			return malformed("%s is given twice in the object that ends at byte %d; letter case does not matter",
				quoted(string(names[i])), r.at+1)
		}
	}
	return nil
}

// mustBeUnique reports whether an object must not have a name twice, which is in lower case.
func (r *strictReader) mustBeUnique(name []byte) bool {
	return r.words == nil || slices.ContainsFunc(r.words, func(word string) bool { return bytes.Contains(name, []byte(word)) })
}

// lowerName returns the name that a JSON string stands for, in lower case. The result may share memory with
// the string.
func lowerName(text []byte, hasEscapes bool) []byte {
	name := bytes.Trim(text, `"`)
	if hasEscapes {
		var unescaped string
		if json.Unmarshal(text, &unescaped) == nil { // otherwise the body is refused later
			name = []byte(unescaped)
		}
	}
	if bytes.ContainsFunc(name, func(c rune) bool { return unicode.IsUpper(c) || unicode.IsTitle(c) }) {
		return bytes.ToLower(name)
	}
	return name
}

// hasHalfSurrogate reports whether a JSON string has an escape of a surrogate (\ud800 to \udfff) that is not
// part of a pair.
func hasHalfSurrogate(text []byte) bool {
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		switch unit := codeUnit(text[at:]); {
		case unit >= 0xdc00 && unit <= 0xdfff:
			return true
		case unit >= 0xd800 && unit <= 0xdbff:
			at += len(`\u0000`)
			if low := codeUnit(text[min(at, len(text)):]); low < 0xdc00 || low > 0xdfff {
				return true
			}
			at += len(`\u0000`) - 1
		default:
			at++ // the escaped byte may be another backslash
		}
	}
	return false
}

// codeUnit returns the number of an escape such as \u00e9 at the beginning of text, or -1.
func codeUnit(text []byte) int {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(text[2:len(`\u0000`)]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// errHalfSurrogate is the error of a string that is valid JSON and stands for no text.
var errHalfSurrogate = errors.New("half a surrogate pair is not a character")

// ParseString returns the text of a JSON string, with its quotes. As in a body, half a surrogate pair is an
// error.
func ParseString(text string) (string, error) {
	if hasHalfSurrogate([]byte(text)) {
		return "", errHalfSurrogate
	}
	var s string
	err := json.Unmarshal([]byte(text), &s)
	return s, err
}
