package schema

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// names are the attributes that tell one resource from another. RFC 7644 section 5 prepares them by PRECIS, so that names
// that look the same to a person are not different names.
var names = []*Attribute{UserName, GroupDisplayName}

// printed are other attributes that kubectl prints. A control character in them could change what a terminal shows.
var printed = []*Attribute{UserDisplayName, ExternalID, emails}

var (
	emails     = UserSchema.mustAttribute("emails")
	emailValue = emails.Sub("value")
)

// CheckCharacters refuses a change of a resource that brings in a character which its attributes must not have. It does not
// look at what stays as it is. It changes nothing: text is stored as it was sent. Any error is an *Error.
func CheckCharacters(current, next Object) error {
	for _, a := range names {
		if name := next.String(a); name != current.String(a) {
			if err := cmp.Or(checkControl(a.Name, name), checkName(a.Name, name)); err != nil {
				return err
			}
		}
	}
	for _, a := range printed {
		if v := next.Get(a); !Equal(v, current.Get(a)) {
			if err := checkPrinted(a.Name, v); err != nil {
				return err
			}
		}
	}
	if text := next.String(UserDisplayName); text != current.String(UserDisplayName) {
		return checkText(UserDisplayName.Name, text)
	}
	return nil
}

// checkPrinted refuses control characters in a text, and in the value of each element of a list.
func checkPrinted(path string, v any) error {
	switch v := v.(type) {
	case string:
		return checkControl(path, v)
	case []any:
		for i, element := range v {
			if o, ok := element.(Object); ok {
				if err := checkControl(fmt.Sprintf("%s[%d].value", path, i), o.String(emailValue)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkControl(path, text string) error {
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return invalid(path, "contains the control character %U; remove it", r)
	}
	return nil
}

// checkText refuses in a text for people what they cannot read, or would read as another text: characters that change the
// direction of what follows, private use, and code points without a character. Other invisible characters are parts of emoji,
// and of words in Arabic, Persian and Indic scripts.
func checkText(path, text string) error {
	for _, r := range text {
		if unicode.Is(directional, r) || !unicode.In(r, assigned...) && !unicode.Is(pictographs, r) {
			return unreadable(path, r)
		}
	}
	return nil
}

// directional are the embeddings, overrides and isolates of the Unicode bidirectional algorithm (UAX 9).
var directional = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x202A, Hi: 0x202E, Stride: 1}, {Lo: 0x2066, Hi: 0x2069, Stride: 1}}}

// assigned are the categories of code points that the Unicode standard assigns a character to. Control characters are refused
// elsewhere.
var assigned = []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf}

// pictographs are the blocks in which each version of Unicode adds emoji. A provider may know more of them than this program.
var pictographs = &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0x1F000, Hi: 0x1FAFF, Stride: 1}}}

// freeform are the characters that the FreeformClass of PRECIS permits everywhere (RFC 8264 section 4.3). It leaves out
// invisible characters, those that change the direction of text, and code points without a character.
var freeform = precis.OpaqueString.Allowed()

// contextual are characters that PRECIS permits beside some others (RFC 8264 section 9.6), as in Catalan and Hebrew
// names. They are visible, so they are permitted everywhere here.
var contextual = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x00B7, Hi: 0x00B7, Stride: 1},
	{Lo: 0x0375, Hi: 0x0375, Stride: 1},
	{Lo: 0x05F3, Hi: 0x05F4, Stride: 1},
	{Lo: 0x0660, Hi: 0x0669, Stride: 1},
	{Lo: 0x06F0, Hi: 0x06F9, Stride: 1},
}}

// checkName refuses a name that PRECIS disallows, or that begins or ends with a space. PRECIS looks at the composed form:
// a Korean syllable may be sent in parts.
func checkName(path, name string) error {
	for _, r := range norm.NFC.String(name) {
		if !freeform.Contains(r) && !unicode.Is(contextual, r) {
			return unreadable(path, r)
		}
	}
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return invalid(path, "begins or ends with a space; remove it")
	}
	return nil
}

func unreadable(path string, r rune) error {
	return invalid(path, "contains %U, which is invisible, changes how other characters are shown, or is assigned to no character; remove it", r)
}
