package schema

import (
	"strings"
	"testing"
)

// What identity providers send as names.
func TestNamesThatProvidersSendAreAccepted(t *testing.T) {
	for _, name := range []string{
		"alice@example.com", "alice+test@example.com", "o'brien@example.com", "o’brien@example.com", "Domain Users", "R&D (Zürich)",
		"josé.garcía@example.com", "jose\u0301@example.com", "Gal·la", "佐藤 花子", "スター・ウォーズ", "김민준", "\u1100\u1161\u11a8", "Мария", "נתן ג׳ונס",
		"محمد ٣", "ΑΒΓ", "ｆｕｌｌ", "👩 team", "a b", "DOMAIN\\alice", "alice#EXT#@example.com", "a/b:c*?<>|", "100 %", "ß", "ﷺ", "no-break\u00a0space",
	} {
		if err := CheckCharacters(nil, Object{}.With(UserName, name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNamesThatLookAlikeAreRefused(t *testing.T) {
	for _, c := range []struct{ what, name, codePoint string }{
		{"zero width space", "ad\u200bmin", "U+200B"},
		{"zero width joiner", "ad\u200dmin", "U+200D"},
		{"zero width non-joiner", "ad\u200cmin", "U+200C"},
		{"soft hyphen", "ad\u00admin", "U+00AD"},
		{"word joiner", "ad\u2060min", "U+2060"},
		{"byte order mark", "ad\ufeffmin", "U+FEFF"},
		{"bidi override", "\u202eadmin", "U+202E"},
		{"bidi isolate", "admin\u2069", "U+2069"},
		{"tag", "admin\U000e0041", "U+E0041"},
		{"variation selector", "a\ufe0fdmin", "U+FE0F"},
		{"combining grapheme joiner", "a\u034fdmin", "U+034F"},
		{"Hangul filler", "admin\u3164", "U+3164"},
		{"Mongolian vowel separator", "a\u180edmin", "U+180E"},
		{"line separator", "admin\u2028x", "U+2028"},
		{"private use", "admin\ue000", "U+E000"},
		{"unassigned", "admin\U000e0fff", "U+E0FFF"},
		{"noncharacter", "admin\uffff", "U+FFFF"},
		{"NUL", "admin\x00", "U+0000"},
		{"newline", "admin\n", "U+000A"},
		{"escape", "\x1b[2Jadmin", "U+001B"},
		{"C1", "\u009b31madmin", "U+009B"},
		{"delete", "admin\x7f", "U+007F"},
		{"space at the end", "admin ", "ends with a space"},
		{"space at the beginning", " admin", "begins or"},
		{"no-break space at the end", "admin\u00a0", "ends with a space"},
	} {
		for _, a := range []*Attribute{UserName, GroupDisplayName} {
			err := CheckCharacters(nil, Object{}.With(a, c.name))
			if err == nil || !strings.Contains(err.Error(), c.codePoint) || !strings.Contains(err.Error(), a.Name) {
				t.Errorf("%s with %s: %v, want it refused with %q", a.Name, c.what, err, c.codePoint)
			}
		}
	}
}

func TestControlCharactersAreRefusedInWhatKubectlPrints(t *testing.T) {
	for _, c := range []struct {
		rt         *ResourceType
		body, path string // no path: accepted
	}{
		{User, `{"displayName":"x\u009b31m"}`, "displayName"},
		{User, `{"externalId":"x\u001b"}`, "externalId"},
		{User, `{"emails":[{"value":"a@example.com"},{"value":"x\u0000@example.com"}]}`, "emails[1].value"},
		{Group, `{"displayName":"a","members":[{"value":"x\u009b"}]}`, "members[0].value"},
		{User, `{"displayName":"Jane \u2764\ufe0f "}`, ""},
		{User, `{"addresses":[{"formatted":"1 Main St\nTown"}]}`, ""},
	} {
		b, err := Decode(c.rt, []byte(c.body))
		if err == nil {
			err = CheckCharacters(nil, b.Attributes)
		}
		if c.path == "" && err != nil || c.path != "" && (err == nil || !strings.HasPrefix(err.Error(), c.path+" contains the control character")) {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

// What identity providers send as the displayName of a user.
func TestDisplayNamesThatProvidersSendAreAccepted(t *testing.T) {
	for _, name := range []string{
		"Jane Doe", " Jane ", "O’Brien, Jane (Contractor) [ext]", "josé garcía", "jose\u0301", "佐藤 花子", "김민준", "\u1100\u1161\u11a8", "Мария", "נתן ג׳ונס", "محمد ٣",
		"Jane ❤️", "👩 team", "👩🏽‍💻", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "1️⃣", "\U0001fae9", "\U0001fac8",
		"می\u200cخواهم", "क्\u200dष", "\u200fמשה\u200e", "Anna\u00adMaria", "no-break\u00a0space", "Jane\u200b", "𝒥ane", "\ufeffJane",
	} {
		if err := CheckCharacters(nil, Object{}.With(UserDisplayName, name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDisplayNamesThatReadAsAnotherTextAreRefused(t *testing.T) {
	for _, c := range []struct{ what, name, codePoint string }{
		{"bidi embedding", "Jane \u202animda", "U+202A"},
		{"bidi override", "Jane \u202enimda", "U+202E"},
		{"pop of a bidi embedding", "Jane\u202c", "U+202C"},
		{"bidi isolate", "\u2066Jane", "U+2066"},
		{"pop of a bidi isolate", "Jane\u2069", "U+2069"},
		{"private use", "Jane \ue000", "U+E000"},
		{"private use of a supplementary plane", "Jane \U000f0000", "U+F0000"},
		{"unassigned", "Jane \U000e0fff", "U+E0FFF"},
		{"unassigned beside a script", "Jane \u0378", "U+0378"},
		{"noncharacter", "Jane \uffff", "U+FFFF"},
		{"escape", "Jane \x1b[2J", "U+001B"},
	} {
		err := CheckCharacters(nil, Object{}.With(UserDisplayName, c.name))
		if err == nil || !strings.Contains(err.Error(), c.codePoint) || !strings.HasPrefix(err.Error(), "displayName ") {
			t.Errorf("%s: %v, want it refused with %q", c.what, err, c.codePoint)
		}
	}
}

func TestCharactersThatAreStoredAreNotLookedAtAgain(t *testing.T) {
	stored := Object{}.With(UserName, "ad\u200bmin").With(UserDisplayName, "Jane\t").With(Active, true)
	for _, next := range []Object{stored.With(Active, false), stored.With(ExternalID, "00u1")} {
		if err := CheckCharacters(stored, next); err != nil {
			t.Errorf("%v: %v", next, err)
		}
	}
	if CheckCharacters(stored, stored.With(UserDisplayName, "Jane\u202e")) == nil {
		t.Error("another displayName is not looked at")
	}
}
