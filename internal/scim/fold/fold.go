// Package fold compares names without regard to case or to how they are written.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxRounds is more rounds of folding and composing than any text needs until nothing changes any more.
const maxRounds = 8

// Name is the folded form of a userName or of a group's displayName: two names are the same exactly if
// their folded forms are equal. It is NFKC with full Unicode case folding (the compatibility caseless
// match of The Unicode Standard, section 3.13, D146), so "STRASSE" and "straße", the ligature "ﬁ" and
// "fi", and full-width and plain letters are the same. It depends on no locale.
//
// Name(Name(s)) == Name(s). Invalid UTF-8 becomes U+FFFD. A lower-case ASCII name is returned as it is,
// without an allocation.
func Name(s string) string {
	if isASCII(s) {
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

// Equal reports whether Name(s) is folded, a name that is folded already. Of ASCII it allocates nothing.
func Equal(s, folded string) bool {
	if !isASCII(s) {
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

// foldCase folds case. Of Cherokee, Unicode folds the small letters to the capital ones, as no other
// script; golang.org/x/text swaps the two. Given only small ones it is right.
func foldCase(s string) string {
	return cases.Fold().String(strings.Map(smallCherokee, s))
}

func smallCherokee(r rune) rune {
	if unicode.Is(unicode.Cherokee, r) {
		return unicode.ToLower(r)
	}
	return r
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
