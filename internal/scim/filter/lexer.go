package filter

import (
	"fmt"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim/dialect"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// lexer splits a filter into tokens.
type lexer struct {
	input string
	at    int
}

func (l *lexer) errorf(at int, format string, args ...any) error {
	return &SyntaxError{Position: at + 1, Problem: fmt.Sprintf(format, args...)}
}

func (l *lexer) unknownAttribute(at int, format string, args ...any) error {
	return &SyntaxError{Position: at + 1, Problem: fmt.Sprintf(format, args...), IsUnknownAttribute: true}
}

func (l *lexer) skipSpace() {
	for l.at < len(l.input) && (l.input[l.at] == ' ' || l.input[l.at] == '\t') {
		l.at++
	}
}

// next skips white space and returns the next byte, or 0 at the end.
func (l *lexer) next() byte {
	l.skipSpace()
	if l.at == len(l.input) {
		return 0
	}
	return l.input[l.at]
}

// accept moves past the byte if it comes next.
func (l *lexer) accept(c byte) bool {
	if l.next() != c {
		return false
	}
	l.at++
	return true
}

// word reads the bytes up to white space or punctuation.
func (l *lexer) word() string {
	l.skipSpace()
	start := l.at
	for l.at < len(l.input) && !strings.ContainsRune(" \t()[]\"", rune(l.input[l.at])) {
		l.at++
	}
	return l.input[start:l.at]
}

// keyword moves past a word, in any letter case, if it comes next.
func (l *lexer) keyword(word string) bool {
	before := l.at
	if strings.EqualFold(l.word(), word) {
		return true
	}
	l.at = before
	return false
}

// literal reads a comparison value: JSON, or a bare word.
func (l *lexer) literal() (any, error) {
	start := l.at
	if l.next() == '"' {
		return l.quoted()
	}
	switch word := l.word(); strings.ToLower(word) {
	case "":
		return nil, l.errorf(start, "a value is missing")
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	default:
		return dialect.BareWord(word), nil
	}
}

func (l *lexer) quoted() (any, error) {
	start := l.at
	for l.at++; l.at < len(l.input); l.at++ {
		switch l.input[l.at] {
		case '\\':
			l.at++
		case '"':
			l.at++
			text, err := schema.ParseString(l.input[start:l.at])
			if err != nil {
				return nil, l.errorf(start, "the text is not a JSON string: %v", err)
			}
			return text, nil
		}
	}
	l.at = min(l.at, len(l.input))
	return nil, l.errorf(start, "the string is not closed")
}
