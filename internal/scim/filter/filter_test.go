package filter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const person = `{"userName":"Alice@Example.com","externalId":"00uA","active":true,"title":"Engineer","displayName":"Alice \"Al\" Ådams",
	"name":{"givenName":"Alice","familyName":"Adams"},
	"emails":[{"type":"work","value":"alice@example.com","primary":true},{"type":"home","value":"a@home.example"}],
	"photos":[{"value":"https://example.com/a.jpg"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","manager":{"value":"26118915"}}}`

func resource(tb testing.TB, body string) *scim.Resource {
	tb.Helper()
	b, err := schema.Decode(schema.User, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return &scim.Resource{
		Type: schema.User, ID: "alice-1", Attributes: b.Attributes,
		Created: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), LastModified: time.Date(2026, 3, 2, 12, 0, 0, 5e8, time.UTC),
		Groups: slices.Values([]scim.Reference{{Value: "g1", Display: "Staff"}, {Value: "g2", Display: "Admins"}}),
	}
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

		// An absent primary means false (RFC 7643 section 2.4), and is absent all the same.
		{`emails[primary eq false]`, true},
		{`emails[primary eq false and type eq "home"]`, true},
		{`emails[primary eq false and type eq "work"]`, false},
		{`emails[primary eq "False" and type eq "home"]`, true},
		{`emails[primary ne true and type eq "home"]`, true},
		{`emails[primary ne false and type eq "home"]`, false},
		{`emails[not (primary eq true) and type eq "home"]`, true},
		{`emails[primary pr and type eq "home"]`, false},
		{`emails[primary eq null and type eq "home"]`, true},
		{`emails.primary eq false`, true},
		{`photos.primary eq true`, false},
		{`photos.primary eq false`, true},
		{`phoneNumbers.primary eq false`, false},
		{`phoneNumbers[primary eq false]`, false},
		{`emails[type eq "home" and value co "@example.c"]`, false},
		{`not (userName eq "bob")`, true},
		{`userName eq "bob" or title eq "engineer" and active eq true`, true},
		{`(userName eq "bob" or title eq "engineer") and active eq false`, false},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "alice@example.com"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "sales"`, true},
		// Every operator, on text with and without regard to case.
		{`title gt "Engine"`, true},
		{`title gt "engineer"`, false},
		{`title ge "ENGINEER"`, true},
		{`title lt "Zoologist"`, true},
		{`title le "engineer"`, true},
		{`title le "Dean"`, false},
		{`title ne "engineer"`, false},
		{`externalId sw "00u"`, true},
		{`externalId sw "00U"`, false},
		{`externalId co "uA"`, true},
		{`externalId ew "UA"`, false},
		{`externalId gt "00uB"`, false},
		{`displayName co "ÅDAMS"`, true},
		{`displayName co "\"al\""`, true},
		{`displayName sw "\u0041lice"`, true},
		// Unassigned attributes.
		{`nickName eq "x"`, false},
		{`nickName ne "x"`, true},
		{`nickName gt ""`, false},
		{`nickName eq null`, true},
		{`nickName ne null`, false},
		{`title eq null`, false},
		{`title ne null`, true},
		{`not (nickName pr)`, true},
		// Booleans, as JSON and as providers send them.
		{`active eq "true"`, true},
		{`active eq True`, true},
		{`active eq "False"`, false},
		{`active ne false`, true},
		{`emails.primary eq true`, true},
		// Dates.
		{`meta.created gt "2026-03-01T11:59:59"`, true}, // without a zone, as UTC
		{`meta.created gt "2026-03-01T12:00:00"`, false},
		{`meta.created ge "2026-03-01T12:00:00.0000000"`, true},
		{`meta.created lt "2026-03-01T12:00:00.1"`, true},
		{`meta.created gt "2026-03-01T05:00:00.0000001-07:00"`, false},
		{`meta.created eq "2026-03-01T12:00:00Z"`, true},
		{`meta.created eq "2026-03-01T13:00:00+01:00"`, true},
		{`meta.lastModified gt "2026-03-02T12:00:00Z"`, true},
		{`meta.lastModified le "2026-03-02T12:00:00.5Z"`, true},
		{`meta.lastModified lt "2026-03-02T12:00:00.5Z"`, false},
		{`meta.created ge "2026-03-01T12:00:00Z" and meta.created lt "2026-03-02T00:00:00Z"`, true},
		// Complex and multi-valued attributes.
		{`emails pr`, true},
		{`phoneNumbers pr`, false},
		{`name pr`, true},
		{`emails eq "alice@example.com"`, true}, // its value
		{`emails co "home"`, true},
		{`emails ne "a@home.example"`, false}, // one of them is
		{`emails ne "absent@example.com"`, true},
		{`emails.type eq "HOME"`, true},
		{`emails[type eq "work"]`, true},
		{`emails[type eq "other"]`, false},
		{`emails[not (type eq "work")]`, true},
		{`emails[type eq "home" or primary eq true]`, true},
		{`emails[type pr and not (primary pr)]`, true},
		{`emails[type eq "work"].value eq "alice@example.com"`, true},
		{`emails[type eq "work"].value eq "a@home.example"`, false},
		{`emails[type eq "home"].value sw "a@" and active eq true`, true},
		{`emails[type eq "work"].display pr`, false},
		{`photos.value eq "https://example.com/a.jpg"`, true},
		{`photos.value eq "https://example.com/A.jpg"`, false},
		{`groups.display eq "staff"`, true},
		{`groups[value eq "g2"]`, true},
		{`groups.type eq "direct"`, true},
		{`groups eq "g3"`, false},
		{`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`, true},
		{`schemas co "Group"`, false},
		{`meta.resourceType eq "User"`, true},
		{`URN:IETF:params:scim:schemas:extension:enterprise:2.0:user:Manager.Value eq "26118915"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter pr`, false},
		// Values without quotes, and white space wherever the grammar has it.
		{`externalId eq 00uA`, true},
		{`userName eq alice@example.com and active eq true`, true},
		{"  userName\teq   \"alice@example.com\"  ", true},
		{`(((userName pr)))and(active eq true)`, true},
		{`userName pr AND NOT(active eq false)OR title pr`, true},
		// "and" takes precedence over "or".
		{`title eq "x" and title eq "y" or active eq true`, true},
		{`title eq "x" and (title eq "y" or active eq true)`, false},
		{`not (title eq "x") and not (title eq "y")`, true},
	} {
		input, want := c.input, c.want
		f, err := filter.Parse(schema.User, input)
		if err != nil {
			t.Errorf("%s: %v", input, err)
			continue
		}
		if got := f.Match(r, nil); got != want {
			t.Errorf("%s: %t, want %t", input, got, want)
		}
	}
}

func TestErrorsSayWhereAFilterIsMalformed(t *testing.T) {
	for _, c := range []struct {
		input    string
		position int
	}{
		{``, 1},
		{`userName`, 9},
		{`userName eq`, 12},
		{`eq "x"`, 1},
		{`userName xx "x"`, 10},
		{`userName eq "x`, 13},
		{`(userName eq "x"`, 1},
		{`userName eq "x")`, 16},
		{`userName eq "x" and`, 20},
		{`userName eq "x" title pr`, 17},
		{`not userName eq "x"`, 1},
		{`emails[type eq "work"`, 7},
		{`emails[type eq "work"].value`, 29},
		{`emails[type eq "work"].nothing eq "x"`, 24},
		{`emails[nothing eq "x"]`, 8},
		{`userName[type eq "x"]`, 9},
		{`unknownAttribute eq "x"`, 1},
		{`name.nothing eq "x"`, 1},
		{`urn:example:User:x eq "x"`, 1},
		{`userName eq "\x"`, 13},
		{`active eq "perhaps"`, 10},
		{`active gt true`, 1},
		{`meta.created eq "yesterday"`, 16},
		{`userName gt null`, 1},
		{`name eq "x"`, 8},
		{`password sw "a"`, 1},
		{"userName eq \"\xff\"", 14},
		{`externalId eq "a\ud83d"`, 15},
		{strings.Repeat("(", limits.FilterDepth+1) + "active pr", limits.FilterDepth + 1},
		{strings.Repeat(" ", limits.FilterLength) + "active pr", limits.FilterLength + 1},
	} {
		_, err := filter.Parse(schema.User, c.input)
		var syntax *filter.SyntaxError
		if !errors.As(err, &syntax) || syntax.Position != c.position || syntax.Problem == "" {
			t.Errorf("%.80q: %v, want a SyntaxError at position %d", c.input, err, c.position)
		}
	}
}

func TestQueriesOverSeveralTypes(t *testing.T) {
	if _, err := filter.Parse(schema.User, `members pr`); err == nil {
		t.Error("a user has no members")
	}
	f, err := filter.Parse(schema.User, `members pr or userName sw "alice"`, schema.Group)
	if err != nil || !f.Match(resource(t, person), nil) {
		t.Errorf("%v, %v", f, err)
	}
	if f, err = filter.Parse(schema.User, `members pr`, schema.Group); err != nil || f.Match(resource(t, person), nil) {
		t.Errorf("%v, %v", f, err)
	}
}

// A Store looks up in an index the value that a filter requires.
func TestRequiredValue(t *testing.T) {
	for input, want := range map[string]string{
		`userName eq "x"`:                                  "x",
		`active eq true and (userName eq "x")`:             "x",
		`userName eq "x" and userName eq "y"`:              "x",
		`userName eq "x" or active eq true`:                "",
		`not (userName eq "x")`:                            "",
		`userName ne "x"`:                                  "",
		`userName sw "x"`:                                  "",
		`emails[value eq "x"]`:                             "",
		`(userName eq "x" or title pr) and active eq true`: "",
	} {
		f, err := filter.Parse(schema.User, input)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := filter.RequiredValue(f, schema.UserName); got != want || ok != (want != "") {
			t.Errorf("%s requires %q, %t", input, got, ok)
		}
	}
}

// A filter on groups or meta cannot be answered from the user objects alone.
func TestMentions(t *testing.T) {
	for input, want := range map[string]bool{
		`groups.value eq "x"`:                         true,
		`groups pr`:                                   true,
		`groups[value eq "x"]`:                        true,
		`not (groups.value eq "x")`:                   true,
		`userName eq "x" and groups.value eq "x"`:     true,
		`groups.value eq "x" or userName eq "x"`:      true,
		`meta.lastModified gt "2026-01-01T00:00:00Z"`: true,
		`userName eq "groups"`:                        false,
		`emails[value eq "x"]`:                        false,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "groups"`: false,
	} {
		f, err := filter.Parse(schema.User, input)
		if err != nil {
			t.Fatal(err)
		}
		if got := filter.Mentions(f, schema.Groups, schema.Meta); got != want {
			t.Errorf("%s: %t", input, got)
		}
	}
}

func TestPaths(t *testing.T) {
	for input, want := range map[string]string{
		`USERNAME`:                               `userName`,
		`name.GivenName`:                         `name.givenName`,
		` emails[type eq "work"].value `:         `emails[type eq "work"].value`,
		`emails[type eq work and value co "@x"]`: `emails[type eq "work" and value co "@x"]`,
		`urn:ietf:params:scim:schemas:core:2.0:User:name.familyName`:                     `name.familyName`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:user`:                     `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName`: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName`,
		`urn:ietf:params:scim:schemas:core:2.0:User:emails[primary eq "True"].value`:     `emails[primary eq true].value`,
	} {
		if p, err := filter.ParsePath(schema.User, input); err != nil || p.String() != want {
			t.Errorf("%s: %v, %v, want %s", input, p, err, want)
		}
	}
	for input, position := range map[string]int{
		``: 1, `nothing`: 1, `userName.x`: 1, `emails[`: 8, `emails[type eq "x"`: 7, `emails[type eq "x"].`: 21, `emails[type eq "x"].x`: 21,
		`emails[type eq "x"] x`: 21, `userName x`: 10, `userName eq "x"`: 10, `active[value eq "x"]`: 7, `name.givenName.x`: 1,
	} {
		_, err := filter.ParsePath(schema.User, input)
		var syntax *filter.SyntaxError
		if !errors.As(err, &syntax) || syntax.Position != position {
			t.Errorf("%q: %v, want a SyntaxError at position %d", input, err, position)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, input := range []string{`name.givenName`, `emails[type eq "work"].value`, `members[value eq "x" or value eq "y"]`, `urn:ietf:params:scim:schemas:core:2.0:User:x`, `a[b`, `.`} {
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input string) {
		for _, rt := range schema.ResourceTypes {
			p, err := filter.ParsePath(rt, input)
			if err != nil {
				continue
			}
			if len(p.String()) > limits.FilterLength { // quotes and escapes take more room
				continue
			}
			again, err := filter.ParsePath(rt, p.String())
			if err != nil || again.String() != p.String() {
				t.Fatalf("%q prints as %q, which is read as %v, %v", input, p, again, err)
			}
		}
	})
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
		if len(parsed.String()) > limits.FilterLength { // quotes and escapes take more room
			return
		}
		again, err := filter.Parse(schema.User, parsed.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which is not a filter: %v", input, parsed, err)
		}
		if again.String() != parsed.String() || again.Match(r, nil) != parsed.Match(r, nil) {
			t.Fatalf("%q prints as %q, which means %q", input, parsed, again)
		}
	})
}

func TestUserNameIsComparedWithoutAllocation(t *testing.T) {
	r := resource(t, person)
	f, err := filter.Parse(schema.User, `userName eq "alice@example.com"`)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { f.Match(r, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	for name, input := range map[string]string{
		"userName": `userName eq "alice@example.com"`,
		"several":  `userName sw "a" and (active eq true or not (emails[type eq "work"].value co "@example.com"))`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := filter.Parse(schema.User, input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	r := resource(b, person)
	for name, input := range map[string]string{
		"userName eq":     `userName eq "alice@example.com"`,
		"emails value co": `emails.value co "home"`,
		"value path":      `emails[type eq "home" and value sw "a"]`,
		"date":            `meta.lastModified gt "2026-01-01T00:00:00Z"`,
	} {
		b.Run(name, func(b *testing.B) {
			f, err := filter.Parse(schema.User, input)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if !f.Match(r, nil) {
					b.Fatal("no match")
				}
			}
		})
	}
}
