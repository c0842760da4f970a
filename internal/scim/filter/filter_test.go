package filter_test

import (
	"errors"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const person = `{"userName":"Alice@Example.com","externalId":"00uA","active":true,"title":"Engineer",
	"name":{"givenName":"Alice","familyName":"Adams"},
	"emails":[{"type":"work","value":"alice@example.com","primary":true},{"type":"home","value":"a@home.example"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`

func resource(tb testing.TB, body string) *scim.Resource {
	tb.Helper()
	b, err := schema.Decode(schema.User, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return &scim.Resource{Type: schema.User, ID: "alice-1", Attributes: b.Attributes}
}

func TestMatch(t *testing.T) {
	r := resource(t, person)
	for _, c := range []struct {
		input string
		want  bool
	}{
		{`userName eq "alice@example.com"`, true},
		{`USERNAME Eq "alice@example.com"`, true},
		{`userName eq "bob@example.com"`, false},
		{`userName ne "bob@example.com"`, true},
		{`externalId eq "00uA"`, true},
		{`externalId eq "00ua"`, false},
		{`id eq "alice-1"`, true},
		{`userName sw "alice"`, true},
		{`userName ew ".com"`, true},
		{`userName co "@EXAMPLE"`, true},
		{`title pr`, true},
		{`nickName pr`, false},
		{`active eq true`, true},
		{`active eq false`, false},
		{`name.familyName eq "adams"`, true},
		{`emails.value eq "a@home.example"`, true},
		{`emails[type eq "work" and value co "@example"]`, true},
		{`emails[type eq "home" and value co "@example.c"]`, false},
		{`not (userName eq "bob")`, true},
		{`userName eq "bob" or title eq "engineer" and active eq true`, true},
		{`(userName eq "bob" or title eq "engineer") and active eq false`, false},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "alice@example.com"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "sales"`, true},
	} {
		input, want := c.input, c.want
		f, err := filter.Parse(schema.User, input)
		if err != nil {
			t.Errorf("%s: %v", input, err)
			continue
		}
		if got := f.Match(r); got != want {
			t.Errorf("%s: %t, want %t", input, got, want)
		}
	}
}

func TestMalformedFiltersSayWhere(t *testing.T) {
	for _, input := range []string{
		``, `userName`, `userName eq`, `eq "x"`, `userName xx "x"`, `userName eq "x`, `(userName eq "x"`, `userName eq "x")`,
		`userName eq "x" and`, `not userName eq "x"`, `emails[type eq "work"`, `nobodysAttribute eq "x"`, `userName eq "\x"`,
	} {
		_, err := filter.Parse(schema.User, input)
		var syntax *filter.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v, want a SyntaxError", input, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, input := range []string{
		`userName eq "a"`, `not (a pr) and (b co "x" or c[d gt 1])`, `emails[type eq "work"].value sw "x"`, `"`, `((((`, `userName eq \u00e9`,
	} {
		f.Add(input)
	}
	r := resource(f, person)
	f.Fuzz(func(t *testing.T, input string) {
		parsed, err := filter.Parse(schema.User, input)
		if err != nil {
			return
		}
		again, err := filter.Parse(schema.User, parsed.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which is no filter: %v", input, parsed, err)
		}
		if again.String() != parsed.String() || again.Match(r) != parsed.Match(r) {
			t.Fatalf("%q prints as %q, which means %q", input, parsed, again)
		}
	})
}

func BenchmarkMatchUserName(b *testing.B) {
	r := resource(b, person)
	f, err := filter.Parse(schema.User, `userName eq "alice@example.com"`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !f.Match(r) {
			b.Fatal("no match")
		}
	}
}
