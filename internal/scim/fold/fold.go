// Package fold compares names without regard to letter case and to the Unicode form of their characters.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxRounds bounds the rounds of folding and composing. Every text is stable after fewer.
const maxRounds = 8

// Name returns the folded form of a userName or of a group's displayName. Two names are the same if and only
// if their folded forms are equal. The form is NFKC with full Unicode case folding (the compatibility caseless
// match of The Unicode Standard, section 3.13, D146): "STRASSE" and "straße", the ligature "ﬁ" and "fi", and
// full-width and plain letters are the same. It does not depend on a locale.
//
// Name(Name(s)) == Name(s). Invalid UTF-8 becomes U+FFFD. A lower-case ASCII name is returned without an
// allocation.
func Name(s string) string {
	if IsASCII(s) {
		return strings.ToLower(s)
	}
	s = norm.NFKC.String(strings.ToValidUTF8(s, string(utf8.RuneError)))
	for range maxRounds {
		folded := norm.NFKC.String(foldCase(s))
		if folded == s {
			break
		}
		s = folded
	}
	return s
}

// Equal reports whether Name(s) equals folded, which must be a folded name. It allocates nothing if s is
// ASCII.
func Equal(s, folded string) bool {
	if !IsASCII(s) {
		return Name(s) == folded
	}
	if len(s) != len(folded) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != folded[i] {
			return false
		}
	}
	return true
}

// foldCase folds letter case. Unicode folds the small letters of Cherokee to the capital ones, unlike those of
// any other script, and golang.org/x/text exchanges the two. Its result is right if all Cherokee letters are
// small.
func foldCase(s string) string {
	return cases.Fold().String(strings.Map(smallCherokee, s))
}

func smallCherokee(r rune) rune {
	if unicode.Is(unicode.Cherokee, r) {
		return unicode.ToLower(r)
	}
	return r
}

// IsASCII reports whether the folded form of a text differs in letter case at most.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
