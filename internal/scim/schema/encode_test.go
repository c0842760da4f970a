package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

func TestAppendJSON(t *testing.T) {
	emails := schema.User.Attribute("emails")
	value, primary := emails.Sub("value"), emails.Sub("primary")
	for _, c := range []struct {
		what string
		o    schema.Object
		want string
	}{
		{"no fields", nil, `{}`},
		{"fields in the order of the schema", schema.Object{{Attribute: schema.Active, Value: false}, {Attribute: schema.UserName, Value: "a"}, {Attribute: schema.ID, Value: "1"}}, `{"id":"1","userName":"a","active":false}`},
		{"sub-attributes in the order of the schema", schema.Object{{Attribute: emails, Value: []any{schema.Object{{Attribute: primary, Value: true}, {Attribute: value, Value: "x"}}}}}, `{"emails":[{"value":"x","primary":true}]}`},
		{"an attribute of another type is left out", schema.Object{{Attribute: schema.GroupDisplayName, Value: "G"}, {Attribute: schema.UserName, Value: "a"}}, `{"userName":"a"}`},
		{"a sub-attribute of another attribute is left out", schema.Object{{Attribute: schema.Name, Value: schema.Object{{Attribute: value, Value: "x"}}}}, `{"name":{}}`},
		{"a list of text", schema.Object{{Attribute: schema.Schemas, Value: []any{"x", "y"}}}, `{"schemas":["x","y"]}`},
		{"empty text", schema.Object{{Attribute: schema.UserName, Value: ""}}, `{"userName":""}`},
	} {
		if got := text(c.o); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if got := string(schema.AppendJSON([]byte("before "), schema.User.Attributes, schema.Object{}.With(schema.UserName, "a"))); got != `before {"userName":"a"}` {
		t.Errorf("appended: %s", got)
	}
}

func TestEnclose(t *testing.T) {
	dst := schema.AppendName([]byte("before"), schema.UserName)
	dst = schema.AppendName(append(dst, '1'), schema.Active)
	if got := string(schema.Enclose(append(dst, '2'), len("before"), "{}")); got != `before{"userName":1,"active":2}` {
		t.Errorf("got %s", got)
	}
	if got := string(schema.Enclose([]byte("before"), len("before"), "[]")); got != "before[]" {
		t.Errorf("an empty list is %s", got)
	}
}

func TestAppendValue(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{"x", `"x"`},
		{true, `true`},
		{int64(-7), `-7`},
		{int64(9223372036854775807), `9223372036854775807`},
		{7.25, `7.25`},
		{1e300, `1e+300`},
		{[]any{"x", int64(1), []any{}}, `["x",1,[]]`},
		{schema.Object{}, `{}`},
		{nil, `null`},
		{struct{}{}, `null`},
	} {
		got := string(schema.AppendValue(nil, schema.Name, c.v))
		if got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("%v: %s, want %s", c.v, got, c.want)
		}
	}
}

// A client reads back every string as it was.
func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"":                       "",
		"alice@example.com":      "alice@example.com",
		`"quoted" \ and /`:       `"quoted" \ and /`,
		"\x00\x1f\b\f\n\r\t\x7f": "\x00\x1f\b\f\n\r\t\x7f",
		"<a href='x'>&</a>":      "<a href='x'>&</a>",
		"Ådams 日本 😀 \u2028":      "Ådams 日本 😀 \u2028",
		"é<&>":                   "é<&>",
		"a\xffb":                 "a\ufffdb",
		"\xed\xa0\x80":           "\ufffd\ufffd\ufffd", // half a surrogate pair
	} {
		var got string
		encoded := schema.AppendString([]byte(nil), s)
		if err := json.Unmarshal(encoded, &got); err != nil || got != want {
			t.Errorf("%q is written as %s, which is read as %q, %v", s, encoded, got, err)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a", `"`, "\x00", "é", "\xff", "<", "\u2029"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		encoded := schema.AppendString(nil, s)
		standard, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(encoded, &got) != nil || json.Unmarshal(standard, &want) != nil || got != want {
			t.Fatalf("%q is written as %s, which is read as %q, not %q", s, encoded, got, want)
		}
	})
}

func TestEncodingOfPlainTextAllocatesNothing(t *testing.T) {
	o := decode(t, `{"userName":"alice@example.com","active":true,"emails":[{"value":"alice@example.com","type":"work"}]}`)
	dst := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() { schema.AppendJSON(dst, schema.User.Attributes, o) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, body := range map[string]string{
		"full":    full,
		"minimal": `{"userName":"alice@example.com","active":true}`,
	} {
		b.Run(name, func(b *testing.B) {
			o := decode(b, body)
			dst := make([]byte, 0, 4<<10)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				dst = schema.AppendJSON(dst[:0], schema.User.Attributes, o)
			}
		})
	}
}
