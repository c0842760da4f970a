package schema_test

import (
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Two values that differ must not become one.
func TestTextThatWouldBeTransformedIsRefused(t *testing.T) {
	for _, c := range []struct{ what, body, words string }{
		{"Latin-1", "{\"userName\":\"Ren\xe9\"}", "not UTF-8, at byte 17"},
		{"Latin-1 in a name", "{\"Ren\xe9\":1}", "not UTF-8, at byte 6"},
		{"an overlong encoding", "{\"userName\":\"\xc0\xaf\"}", "not UTF-8, at byte 14"},
		{"a surrogate in UTF-8", "{\"userName\":\"\xed\xa0\x80\"}", "not UTF-8, at byte 14"},
		{"text that is cut within a character", "{\"userName\":\"\xc3", "not UTF-8, at byte 14"},
		{"a high surrogate", `{"userName":"a\ud83d"}`, "begins at byte 13 has half a surrogate pair"},
		{"a low surrogate", `{"userName":"\ude00"}`, "half a surrogate pair"},
		{"a pair in the wrong order", `{"userName":"\ude00\ud83d"}`, "half a surrogate pair"},
		{"two high surrogates", `{"userName":"\ud83d\ud83d\ude00"}`, "half a surrogate pair"},
		{"a high surrogate before another escape", `{"userName":"\uD83D\n"}`, "half a surrogate pair"},
		{"a high surrogate after a backslash", `{"userName":"\\\ud83d"}`, "half a surrogate pair"},
		{"a high surrogate in a name", `{"\ud83d":1}`, "begins at byte 2"},
		{"a high surrogate in unknown content", `{"x":[{"y":"\ud83d"}]}`, "half a surrogate pair"},
	} {
		refused(t, schema.User, c.what, c.body, schema.InvalidSyntax, "", c.words)
	}
}

func TestNamesThatAreGivenTwiceAreRefused(t *testing.T) {
	for _, c := range []struct{ what, body string }{
		{"the same name", `{"userName":"a","userName":"b"}`},
		{"the same value", `{"userName":"a","userName":"a"}`},
		{"another letter case", `{"userName":"a","USERNAME":"b"}`},
		{"an escaped letter", `{"userName":"a","\u0075serName":"b"}`},
		{"once null", `{"userName":"a","USERNAME":null}`},
		{"read-only", `{"id":"a","ID":"b"}`},
		{"schemas", `{"schemas":["a"],"Schemas":["b"]}`},
		{"within an object", `{"name":{"givenName":"A","GivenName":null}}`},
		{"within a list", `{"emails":[{"value":"a"},{"value":"b","display":"c","VALUE":""}]}`},
		{"after a nested object", `{"name":{"givenName":"A"},"title":"b","NAME":{}}`},
		{"an extension", `{"` + enterprise + `":{"department":"A"},"` + strings.ToUpper(enterprise) + `":{}}`},
		{"unknown content", `{"x":{"y":1,"Y":2}}`},
		{"a letter outside ASCII", `{"é":1,"É":2}`},
	} {
		refused(t, schema.User, c.what, c.body, schema.InvalidSyntax, "", "twice in the object that ends at byte")
	}
	refused(t, schema.Group, "members", `{"members":[],"MEMBERS":["a"]}`, schema.InvalidSyntax, "", `"members" is given twice`)
	long := `"` + strings.Repeat("x", limits.Text) + `":1`
	refused(t, schema.User, "a long name", `{`+long+`,`+long+`}`, schema.InvalidSyntax, "", `…" is given twice`)
}

// Objects beside each other, and names that are values elsewhere, have nothing to do with each other.
func TestNamesOfDifferentObjectsMayBeTheSame(t *testing.T) {
	const body = `{"userName":"title","title":"userName","emails":[{"value":"value"},{"value":"Value","type":"value"}],"x":{"y":{"y":["y","Y"]},"userName":{}}}`
	if got, want := text(decode(t, body)), `{"userName":"title","title":"userName","emails":[{"value":"value"},{"value":"Value","type":"value"}]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParseString(t *testing.T) {
	for text, want := range map[string]string{`"a"`: "a", `""`: "", `"\ud83d\ude00\u00e9"`: "😀é", `"\\ud83d"`: `\ud83d`} {
		if got, err := schema.ParseString(text); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{``, `a`, `"a`, `"\ud83d"`, `"\udE00x"`, `"\x"`, `"\ud83"`} {
		if got, err := schema.ParseString(text); err == nil {
			t.Errorf("%s is accepted as %q", text, got)
		}
	}
}
