package schema

import (
	"slices"
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
var printed = []*Attribute{UserDisplayName, ExternalID, UserSchema.mustAttribute("emails").Sub("value"), MembersValue}

// checkCharacters refuses text with a character that the attribute must not have. It changes nothing: text is stored as
// it was sent.
func checkCharacters(a *Attribute, path, text string) error {
	isName := slices.Contains(names, a)
	if !isName && !slices.Contains(printed, a) {
		return nil
	}
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return invalid(path, "contains the control character %U; remove it", r)
	}
	if isName {
		return checkName(path, text)
	}
	return nil
}

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
			return invalid(path, "contains %U, which is invisible, changes how other characters are shown, or is assigned to no character; remove it", r)
		}
	}
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return invalid(path, "begins or ends with a space; remove it")
	}
	return nil
}
