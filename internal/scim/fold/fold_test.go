package fold_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

func TestNamesThatAreTheSame(t *testing.T) {
	for _, same := range [][]string{
		{"alice@example.com", "Alice@Example.COM", "ALICE@EXAMPLE.COM"},
		{"straße", "STRASSE", "strasse", "STRAẞE"},
		{"josé", "jose\u0301", "JOSÉ"},
		{"ﬁnance", "finance", "FINANCE"},
		{"Ａｌｉｃｅ", "alice"},
		{"Σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ"},
		{"ᾳ\u0301", "α\u0301\u0345", "Α\u0301ι"},
		{"㎒", "mhz"},
		{"K", "k", "\u212a"}, // the Kelvin sign
		{"İ", "i\u0307"},
		{"ᏣᎳᎩ", "ꮳꮃꭹ"}, // Cherokee
		{"", ""},
	} {
		for _, name := range same[1:] {
			if got, want := fold.Name(name), fold.Name(same[0]); got != want {
				t.Errorf("Name(%+q) = %+q, want %+q as of %+q", name, got, want, same[0])
			}
		}
	}
}

func TestNamesThatDiffer(t *testing.T) {
	for _, pair := range [][2]string{
		{"alice", "alicia"},
		{"jose", "josé"},
		{"i", "ı"}, // the Turkish dotless i is another letter in every locale
		{"alice", "alice "},
		{"alice", "аlice"}, // the second begins with a Cyrillic letter
		{"a", ""},
	} {
		if fold.Name(pair[0]) == fold.Name(pair[1]) {
			t.Errorf("%+q and %+q fold alike", pair[0], pair[1])
		}
	}
}

func TestEveryCharacterFoldsOnce(t *testing.T) {
	for r := range unicode.MaxRune {
		// Characters without case and without a decomposition do not change. Most are of that kind.
		if unicode.SimpleFold(r) != r || !norm.NFKD.IsNormalString(string(r)) {
			checkFolding(t, string(r))
			checkFolding(t, "a"+string(r)+"\u0301\u0345")
		}
	}
}

func TestLowerCaseASCIIDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { fold.Name("alice.long-name+tag@example.com") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEqualAgreesWithName(t *testing.T) {
	texts := []string{"", "a", "A", "alice@example.com", "Alice@Example.COM", "alicé", "ALICÉ", "straße", "STRASSE", "\xff", "K", "k", "\u212a"}
	for _, s := range texts {
		for _, other := range texts {
			if got, want := fold.Equal(s, fold.Name(other)), fold.Name(s) == fold.Name(other); got != want {
				t.Errorf("Equal(%q, %q) is %t", s, fold.Name(other), got)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { fold.Equal("Alice@Example.COM", "alice@example.com") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"", "Alice", "straße", "ﬁ\u0345\u0301", "ᾳ\u0301", "㎒", "\xff\xfe", "İ", "ΰ\u0308", strings.Repeat("\u0301", 40)} {
		f.Add(s)
	}
	f.Fuzz(checkFolding)
}

func checkFolding(t *testing.T, s string) {
	t.Helper()
	once := fold.Name(s)
	if twice := fold.Name(once); twice != once {
		t.Errorf("Name(%+q) = %+q, but folded again %+q", s, once, twice)
	}
	if !utf8.ValidString(once) {
		t.Errorf("Name(%+q) = %+q is not UTF-8", s, once)
	}
}
