package patch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/patch"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const (
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	person     = `{"userName":"alice","active":true,"title":"CEO","name":{"givenName":"Alice","familyName":"Adams"},
		"emails":[{"type":"work","value":"alice@example.com","primary":true},{"type":"home","value":"a@home.example"}],
		"` + enterprise + `":{"department":"Sales","manager":{"value":"26118915"}}}`
)

func request(operations string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`, operations)
}

func decode(tb testing.TB, body string) schema.Object {
	tb.Helper()
	b, err := schema.Decode(schema.User, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return b.Attributes
}

// edited returns the test's person with some attributes changed. changes are pairs of a name and its new JSON
// value; "" unassigns the attribute.
func edited(tb testing.TB, changes ...string) schema.Object {
	tb.Helper()
	o := decode(tb, person)
	for pair := range slices.Chunk(changes, 2) {
		a := schema.User.Attribute(pair[0])
		o = o.Without(a)
		if pair[1] != "" {
			o = o.With(a, decode(tb, `{`+quote(pair[0])+`:`+pair[1]+`}`).Get(a))
		}
	}
	return o
}

func quote(s string) string { return `"` + s + `"` }

func apply(o schema.Object, operations string) (schema.Object, error) {
	p, err := patch.Parse(context.Background(), schema.User, []byte(request(operations)), nil)
	if err != nil {
		return nil, err
	}
	return p.Apply(context.Background(), o)
}

func TestApply(t *testing.T) {
	const (
		work = `{"type":"work","value":"alice@example.com","primary":true}`
		home = `{"type":"home","value":"a@home.example"}`
	)
	for _, c := range []struct {
		what, operations string
		changes          []string
	}{
		// The target, in every form that providers send.
		{"a path", `{"op":"replace","path":"title","value":"CTO"}`, []string{"title", `"CTO"`}},
		{"a path in another letter case", `{"op":"replace","path":"TITLE","value":"CTO"}`, []string{"title", `"CTO"`}},
		{"a path with its URN", `{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:title","value":"CTO"}`, []string{"title", `"CTO"`}},
		{"no path", `{"op":"replace","value":{"title":"CTO","active":false}}`, []string{"title", `"CTO"`, "active", "false"}},
		{"no path, add", `{"op":"add","value":{"nickName":"Al"}}`, []string{"nickName", `"Al"`}},
		{"an empty path", `{"op":"replace","path":"","value":{"title":"CTO"}}`, []string{"title", `"CTO"`}},
		{"a null path", `{"op":"replace","path":null,"value":{"title":"CTO"}}`, []string{"title", `"CTO"`}},
		{"a dotted key without a path", `{"op":"replace","value":{"name.familyName":"Baker"}}`, []string{"name", `{"givenName":"Alice","familyName":"Baker"}`}},
		{"a URN key without a path", `{"op":"replace","value":{"` + enterprise + `:department":"Ops"}}`, []string{enterprise, `{"department":"Ops","manager":{"value":"26118915"}}`}},
		{"an extension without a path", `{"op":"replace","value":{"` + enterprise + `":{"department":"Ops"}}}`, []string{enterprise, `{"department":"Ops","manager":{"value":"26118915"}}`}},
		{"a value path as a key", `{"op":"replace","value":{"emails[type eq \"home\"].value":"b@home.example"}}`, []string{"emails", `[` + work + `,{"type":"home","value":"b@home.example"}]`}},
		{"a sub-attribute", `{"op":"replace","path":"name.familyName","value":"Baker"}`, []string{"name", `{"givenName":"Alice","familyName":"Baker"}`}},
		{"an extension's attribute", `{"op":"Add","path":"` + enterprise + `:costCenter","value":"4130"}`, []string{enterprise, `{"department":"Sales","costCenter":"4130","manager":{"value":"26118915"}}`}},
		{"an extension's sub-attribute", `{"op":"replace","path":"` + enterprise + `:manager.value","value":"7"}`, []string{enterprise, `{"department":"Sales","manager":{"value":"7"}}`}},
		{"a manager as an array (Entra ID)", `{"op":"Replace","path":"` + enterprise + `:manager","value":[{"value":"7"}]}`, []string{enterprise, `{"department":"Sales","manager":{"value":"7"}}`}},
		{"a manager as a string (Entra ID)", `{"op":"Replace","path":"` + enterprise + `:manager","value":"7"}`, []string{enterprise, `{"department":"Sales","manager":{"value":"7"}}`}},
		{"op and keys in another letter case", `{"OP":"REPLACE","Path":"title","VALUE":"CTO"}`, []string{"title", `"CTO"`}},
		{"read-only attributes among others", `{"op":"replace","value":{"id":"x","meta":{"version":"1"},"schemas":[],"groups":[{"value":"g"}],"password":"p","title":"CTO"}}`, []string{"title", `"CTO"`}},
		{"unknown attributes among others", `{"op":"replace","value":{"favouriteColour":"red","urn:example:User":{"x":1},"title":"CTO"}}`, []string{"title", `"CTO"`}},
		{"an unknown extension", `{"op":"add","path":"urn:example:User:x","value":"1"}`, nil},
		{"an unknown extension whose URN begins with a known one", `{"op":"add","path":"` + enterprise + `Custom:jobCode","value":"1"}`, nil},
		{"a dot after the URN of an extension", `{"op":"add","path":"` + enterprise + `.manager","value":"7"}`, []string{enterprise, `{"department":"Sales","manager":{"value":"7"}}`}},
		{"unknown attributes beside another operation", `{"op":"add","path":"nothing","value":"x"},{"op":"replace","path":"active","value":false},{"op":"replace","path":"` + enterprise + `:jobCode","value":"x"},` +
			`{"op":"add","path":"emails[type eq \"work\"].verified","value":true},{"op":"remove","path":"emails[verified eq true]"},{"op":"add","path":"name.initials","value":"A"}`, []string{"active", "false"}},
		{"an unknown attribute without a value, beside another operation", `{"op":"replace","path":"active","value":false},{"op":"replace","path":"customAttr"},{"op":"add","path":"urn:example:User:x"}`, []string{"active", "false"}},
		{"a type that the schema does not list, beside other operations", `{"op":"replace","path":"emails[type eq \"personal\"].value","value":"p@example.com"},{"op":"replace","path":"active","value":false},` +
			`{"op":"replace","path":"addresses[type eq \"personal\"]","value":{"locality":"x"}}`, []string{"active", "false"}},
		{"an unknown attribute beside an unknown extension", `{"op":"add","path":"urn:example:User:x","value":"1"},{"op":"add","path":"nothing","value":"x"}`, nil},
		{"a password", `{"op":"replace","path":"password","value":"p"}`, nil},

		// Single values.
		{"a boolean as a string (Entra ID)", `{"op":"Replace","path":"active","value":"False"}`, []string{"active", "false"}},
		{"add to a single value replaces it", `{"op":"add","path":"title","value":"CTO"}`, []string{"title", `"CTO"`}},
		{"add of a complex value merges", `{"op":"add","path":"name","value":{"middleName":"Q"}}`, []string{"name", `{"givenName":"Alice","familyName":"Adams","middleName":"Q"}`}},
		{"replace of a complex value keeps other sub-attributes", `{"op":"replace","path":"name","value":{"familyName":"Baker"}}`, []string{"name", `{"givenName":"Alice","familyName":"Baker"}`}},
		{"replace by null removes", `{"op":"replace","path":"title","value":null}`, []string{"title", ""}},
		{"replace by an empty string removes", `{"op":"replace","path":"title","value":""}`, []string{"title", ""}},
		{"null for a sub-attribute of an extension clears that one", `{"op":"replace","value":{"` + enterprise + `":{"manager":null}}}`, []string{enterprise, `{"department":"Sales"}`}},
		{"null beside a value", `{"op":"replace","value":{"` + enterprise + `":{"department":"Ops","manager":null}}}`, []string{enterprise, `{"department":"Ops"}`}},
		{"null within a complex value of an extension", `{"op":"replace","path":"` + enterprise + `:manager","value":{"displayName":"Bob","value":null}}`, []string{enterprise, `{"department":"Sales","manager":{"displayName":"Bob"}}`}},
		{"an empty text for a manager", `{"op":"replace","value":{"` + enterprise + `":{"manager":""}}}`, []string{enterprise, `{"department":"Sales"}`}},
		{"null for all sub-attributes of a complex value", `{"op":"replace","path":"name","value":{"givenName":null,"familyName":[]}}`, []string{"name", ""}},
		{"null for an extension", `{"op":"replace","value":{"` + enterprise + `":null}}`, []string{enterprise, ""}},
		{"an empty text for one sub-attribute (Okta)", `{"op":"replace","value":{"name":{"givenName":""}}}`, []string{"name", `{"familyName":"Adams"}`}},
		{"an empty text for an unassigned sub-attribute", `{"op":"replace","path":"name","value":{"middleName":""}}`, nil},
		{"unknown sub-attributes of an extension", `{"op":"replace","value":{"` + enterprise + `":{"jobCode":"X1","manager":{"grade":null}}}}`, nil},
		{"unknown sub-attributes of a complex value", `{"op":"replace","path":"name","value":{"initials":null}},{"op":"replace","path":"name","value":{}}`, nil},
		{"values of which everything is unknown", `{"op":"replace","path":"emails","value":[{"address":"z@example.com"}]},{"op":"replace","value":{"emails":[{},null]}}`, nil},
		{"a value path whose value is unknown", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"address":"z@example.com"}}`, nil},
		{"unknown values beside a known one", `{"op":"replace","path":"emails","value":[{"address":"z@example.com"},{"value":"b@example.com","display":null}]}`, []string{"emails", `[{"value":"b@example.com"}]`}},
		{"values that are empty", `{"op":"replace","path":"emails","value":[{"type":"","value":null}]}`, []string{"emails", ""}},
		{"remove of values of which everything is unknown", `{"op":"remove","path":"emails","value":[{"address":"a@home.example"}]}`, nil},
		{"remove of a complex value with an unknown value", `{"op":"remove","path":"name","value":{}}`, []string{"name", ""}},
		{"remove of an extension with an unknown value", `{"op":"remove","path":"` + enterprise + `","value":{"jobCode":"X1"}}`, []string{enterprise, ""}},
		{"remove of a selected value with an unknown value", `{"op":"remove","path":"emails[type eq \"work\"]","value":{}}`, []string{"emails", `[` + home + `]`}},
		{"remove with an empty array", `{"op":"remove","path":"emails","value":[]}`, nil},
		{"remove with null", `{"op":"remove","path":"emails","value":null}`, []string{"emails", ""}},
		{"add of unknown and null sub-attributes", `{"op":"add","value":{"name":{"initials":"A","givenName":null},"emails":[{"address":"x"},{"value":null}],"title":null}}`, nil},
		{"add of null changes nothing", `{"op":"add","path":"title","value":null}`, nil},
		{"remove", `{"op":"remove","path":"title"}`, []string{"title", ""}},
		{"remove of a sub-attribute", `{"op":"remove","path":"name.givenName"}`, []string{"name", `{"familyName":"Adams"}`}},
		{"remove of the last sub-attribute", `{"op":"remove","path":"name.givenName"},{"op":"remove","path":"name.familyName"}`, []string{"name", ""}},
		{"remove of unassigned attributes", `{"op":"remove","path":"nickName"},{"op":"remove","path":"addresses[type eq \"work\"]"}`, nil},
		{"several operations, in order", `{"op":"remove","path":"name"},{"op":"add","path":"name","value":{"givenName":"Al"}}`, []string{"name", `{"givenName":"Al"}`}},

		// Multi-valued attributes.
		{"add of a value", `{"op":"add","path":"emails","value":[{"type":"other","value":"o@example.com"}]}`, []string{"emails", `[` + work + `,` + home + `,{"type":"other","value":"o@example.com"}]`}},
		{"add of one value without an array", `{"op":"add","path":"emails","value":{"type":"other","value":"o@example.com"}}`, []string{"emails", `[` + work + `,` + home + `,{"type":"other","value":"o@example.com"}]`}},
		{"add of a value as a string", `{"op":"add","path":"emails","value":"o@example.com"}`, []string{"emails", `[` + work + `,` + home + `,{"value":"o@example.com"}]`}},
		{"add of a value that exists", `{"op":"add","path":"emails","value":[` + home + `]}`, nil},
		{"add of a sub-attribute that an existing value lacks", `{"op":"add","path":"emails","value":[{"type":"home","value":"a@home.example","display":"Home"}]}`, []string{"emails", `[` + work + `,{"type":"home","value":"a@home.example","display":"Home"}]`}},
		{"add of a primary value unsets the other's primary", `{"op":"add","path":"emails","value":[{"value":"o@example.com","primary":true}]}`, []string{"emails", `[{"type":"work","value":"alice@example.com"},` + home + `,{"value":"o@example.com","primary":true}]`}},
		{"replace of all values", `{"op":"replace","path":"emails","value":[{"value":"o@example.com"}]}`, []string{"emails", `[{"value":"o@example.com"}]`}},
		{"replace by an empty array", `{"op":"replace","path":"emails","value":[]}`, []string{"emails", ""}},
		{"add of one value twice", `{"op":"add","path":"emails","value":[{"type":"other","value":"o@example.com"},{"type":"other","value":"o@example.com","display":"O"}]}`, []string{"emails", `[` + work + `,` + home + `,{"type":"other","value":"o@example.com","display":"O"}]`}},
		{"values that become equal", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"type":"work","value":"alice@example.com"}}`, []string{"emails", `[` + work + `]`}},
		{"remove of all values", `{"op":"remove","path":"emails"}`, []string{"emails", ""}},
		{"remove of some values by value", `{"op":"remove","path":"emails","value":[{"value":"a@home.example"}]}`, []string{"emails", `[` + work + `]`}},
		{"remove of a single value with an empty array", `{"op":"remove","path":"title","value":[]}`, []string{"title", ""}},
		{"a sub-attribute of every value", `{"op":"replace","path":"emails.display","value":"Mail"}`, []string{"emails", `[{"type":"work","value":"alice@example.com","primary":true,"display":"Mail"},{"type":"home","value":"a@home.example","display":"Mail"}]`}},

		// Values that a filter selects.
		{"a value path", `{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@example.com"}`, []string{"emails", `[{"type":"work","value":"b@example.com","primary":true},` + home + `]`}},
		{"a value path of two conditions", `{"op":"replace","path":"emails[type eq \"home\" and value sw \"a\"].value","value":"b@home.example"}`, []string{"emails", `[` + work + `,{"type":"home","value":"b@home.example"}]`}},
		{"a whole value is replaced", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"type":"other","value":"o@example.com"}}`, []string{"emails", `[` + work + `,{"type":"other","value":"o@example.com"}]`}},
		{"a whole value, as an array of one", `{"op":"replace","path":"emails[type eq \"home\"]","value":[{"type":"other","value":"o@example.com"}]}`, []string{"emails", `[` + work + `,{"type":"other","value":"o@example.com"}]`}},
		{"add to a selected value merges", `{"op":"add","path":"emails[type eq \"home\"]","value":{"display":"Home"}}`, []string{"emails", `[` + work + `,{"type":"home","value":"a@home.example","display":"Home"}]`}},
		{"a value path with an absent primary", `{"op":"replace","path":"emails[primary eq false and type eq \"home\"].value","value":"b@home.example"}`, []string{"emails", `[` + work + `,{"type":"home","value":"b@home.example"}]`}},
		{"primary is kept as sent", `{"op":"add","path":"emails","value":[{"value":"o@example.com","primary":false}]}`, []string{"emails", `[` + work + `,` + home + `,{"value":"o@example.com","primary":false}]`}},
		{"remove of a selected value", `{"op":"remove","path":"emails[type eq \"home\"]"}`, []string{"emails", `[` + work + `]`}},
		{"remove of all selected values", `{"op":"remove","path":"emails[value pr]"}`, []string{"emails", ""}},
		{"remove of a selected sub-attribute", `{"op":"remove","path":"emails[type eq \"work\"].primary"}`, []string{"emails", `[{"type":"work","value":"alice@example.com"},` + home + `]`}},
		{"remove of no selected value", `{"op":"remove","path":"emails[type eq \"other\"]"}`, nil},
		{"replace of primary unsets the other's primary", `{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}`, []string{"emails", `[{"type":"work","value":"alice@example.com"},{"type":"home","value":"a@home.example","primary":true}]`}},
		{"add creates a value if the filter selects none", `{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1"}`, []string{"phoneNumbers", `[{"type":"mobile","value":"+1"}]`}},
		{"replace creates a value if the filter selects none (Entra ID)", `{"op":"Replace","path":"emails[type eq \"other\"].value","value":"o@example.com"}`, []string{"emails", `[` + work + `,` + home + `,{"type":"other","value":"o@example.com"}]`}},
		{"replace creates a value of a canonical type in any letter case", `{"op":"replace","path":"phoneNumbers[type eq \"Mobile\"].value","value":"+1"}`, []string{"phoneNumbers", `[{"type":"Mobile","value":"+1"}]`}},
		{"replace creates a value if the schema lists no types", `{"op":"replace","path":"roles[type eq \"app\"].value","value":"admin"}`, []string{"roles", `[{"type":"app","value":"admin"}]`}},
		{"replace creates a value by primary", `{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"admin"}`, []string{"roles", `[{"primary":true,"value":"admin"}]`}},
		{"add creates a value of any type", `{"op":"add","path":"emails[type eq \"school\"].value","value":"s@example.com"}`, []string{"emails", `[` + work + `,` + home + `,{"type":"school","value":"s@example.com"}]`}},
		{"add creates a value by primary (Entra ID)", `{"op":"Add","path":"roles[primary eq \"True\"].value","value":"admin"}`, []string{"roles", `[{"primary":true,"value":"admin"}]`}},
		{"add creates an address from its parts (Entra ID)", `{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"Bonn"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"DE"}`, []string{"addresses", `[{"type":"work","locality":"Bonn","country":"DE"}]`}},
		{"add creates the value that the filter names", `{"op":"add","path":"emails[value eq \"o@example.com\"].type","value":"other"}`, []string{"emails", `[` + work + `,` + home + `,{"value":"o@example.com","type":"other"}]`}},
	} {
		t.Run(c.what, func(t *testing.T) {
			before := decode(t, person)
			got, err := apply(before, c.operations)
			if err != nil {
				t.Fatal(err)
			}
			if want := edited(t, c.changes...); !schema.Equal(got, want) {
				t.Errorf("got %s, want %s", text(got), text(want))
			}
			if !schema.Equal(before, decode(t, person)) {
				t.Error("the resource itself was changed")
			}
			if again, err := apply(got, c.operations); err != nil || !schema.Equal(again, got) {
				t.Errorf("the second application yields %s, %v", text(again), err)
			}
		})
	}
}

func text(o schema.Object) string { return string(schema.AppendJSON(nil, schema.User.Attributes, o)) }

func TestInvalidOperationsAreRefused(t *testing.T) {
	for _, c := range []struct {
		what, operations string
		scimType         scim.Type
		words            string
	}{
		{"an unknown operation", `{"op":"move","path":"active","value":true}`, scim.InvalidSyntax, "move"},
		{"a missing op", `{"path":"active","value":true}`, scim.InvalidSyntax, "op"},
		{"add without a value", `{"op":"add","path":"title"}`, scim.InvalidValue, "value is missing"},
		{"replace without a value", `{"op":"replace","path":"active"}`, scim.InvalidValue, "value is missing"},
		{"an unknown attribute without a value, alone", `{"op":"replace","path":"customAttr"}`, scim.InvalidPath, "customAttr"},
		{"replace at a value path, without a value", `{"op":"replace","path":"emails[type eq \"work\"]"}`, scim.InvalidValue, "value is missing"},
		{"replace at a sub-attribute, without a value", `{"op":"replace","path":"emails[type eq \"work\"].value"}`, scim.InvalidValue, "value is missing"},
		{"replace with neither path nor value", `{"op":"replace"}`, scim.InvalidValue, "value is missing"},
		{"an operation that is a number", `7`, scim.InvalidSyntax, "Operations[0]"},
		{"remove without a path", `{"op":"remove"}`, scim.NoTarget, "path"},
		{"a value that is not an object, without a path", `{"op":"add","value":"x"}`, scim.InvalidValue, "value"},
		{"a path that is not a string", `{"op":"add","path":7,"value":"x"}`, scim.InvalidPath, "path"},
		{"a path to an unknown attribute", `{"op":"add","path":"nothing","value":"x"}`, scim.InvalidPath, "nothing"},
		{"a value path that is not closed", `{"op":"replace","path":"emails[type eq","value":"x"}`, scim.InvalidPath, "position"},
		{"a filter on a simple attribute", `{"op":"replace","path":"title[value eq \"x\"]","value":"x"}`, scim.InvalidPath, "title"},
		{"a wrong type", `{"op":"replace","path":"active","value":{"x":1}}`, "", "active"},
		{"a wrong type, without a path", `{"op":"replace","value":{"emails":[7]}}`, "", "emails[0]"},
		{"a read-only path", `{"op":"replace","path":"id","value":"x"}`, scim.Mutability, "id"},
		{"a read-only sub-attribute", `{"op":"replace","path":"meta.version","value":"x"}`, scim.Mutability, "version"},
		{"a user's groups", `{"op":"add","path":"groups","value":[{"value":"g"}]}`, scim.Mutability, "groups"},
		{"userName removed", `{"op":"remove","path":"userName"}`, scim.Mutability, "userName"},
		{"userName replaced by null", `{"op":"replace","value":{"userName":null}}`, scim.Mutability, "userName"},
		{"userName replaced by white space", `{"op":"replace","path":"userName","value":" "}`, "", "userName"},
		{"a value that does not exist replaced", `{"op":"replace","path":"emails[value eq \"absent@example.com\"].type","value":"work"}`, scim.NoTarget, "absent"},
		{"a value of a type that the schema does not list replaced", `{"op":"replace","path":"emails[type eq \"nonexistent\"].value","value":"x"}`, scim.NoTarget, "nonexistent"},
		{"a value of such a type, and of more, replaced", `{"op":"replace","path":"addresses[primary eq true and type eq \"nonexistent\"]","value":{"locality":"x"}}`, scim.NoTarget, "nonexistent"},
		{"a value of such a type, beside an unknown attribute", `{"op":"add","path":"nothing","value":"x"},{"op":"replace","path":"emails[type eq \"nonexistent\"].value","value":"x"}`, scim.NoTarget, "Operations[1]"},
		{"a value that does not exist, beside another operation", `{"op":"replace","path":"active","value":false},{"op":"replace","path":"emails[value eq \"absent@example.com\"].type","value":"work"}`, scim.NoTarget, "absent"},
		{"a filter that requires no sub-attribute", `{"op":"replace","path":"phoneNumbers[not (type eq \"work\")].value","value":"1"}`, scim.NoTarget, "phoneNumbers"},
		{"two primary values", `{"op":"replace","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, "", "primary"},
		{"an error in the second operation", `{"op":"add","path":"title","value":"x"},{"op":"add","path":"emails[","value":"x"}`, scim.InvalidPath, "Operations[1]"},
		{"unknown attributes alone", `{"op":"add","path":"nothing","value":"x"},{"op":"remove","path":"userName.x"}`, scim.InvalidPath, "Operations[0]: path \"nothing\""},
		{"an unknown sub-attribute alone", `{"op":"add","path":"emails[type eq \"work\"].verified","value":true}`, scim.InvalidPath, "verified"},
		{"an unknown attribute of a known schema alone", `{"op":"add","path":"` + enterprise + `:jobCode","value":"x"}`, scim.InvalidPath, "jobCode"},
	} {
		_, err := apply(decode(t, person), c.operations)
		var scimErr *scim.Error
		var schemaErr *schema.Error
		switch {
		case err == nil:
			t.Errorf("%s: accepted", c.what)
		case c.scimType != "" && (!errors.As(err, &scimErr) || scimErr.Type != c.scimType):
			t.Errorf("%s: %v, want %s", c.what, err, c.scimType)
		case c.scimType == "" && !errors.As(err, &schemaErr):
			t.Errorf("%s: %v, want an error about the value", c.what, err)
		case !strings.Contains(err.Error(), c.words):
			t.Errorf("%s: %q does not say %s", c.what, err, c.words)
		}
	}
}

func TestAMultiValuedAttributeDoesNotGrowBeyondItsLimit(t *testing.T) {
	full := decode(t, `{"userName":"alice","emails":[`+numberedEmails(0, limits.Values)+`]}`)
	one := numberedEmails(limits.Values, limits.Values+1)
	for what, operations := range map[string]string{
		"add":                             `{"op":"add","path":"emails","value":[` + one + `]}`,
		"add without a path":              `{"op":"add","value":{"emails":` + one + `}}`,
		"add at a value path":             `{"op":"add","path":"emails[type eq \"work\"].value","value":"x"}`,
		"many values, in one operation":   `{"op":"add","path":"emails","value":[` + numberedEmails(limits.Values/2, limits.Values*3/2) + `]}`,
		"removed again in the same one":   `{"op":"add","path":"emails","value":[` + one + `]},{"op":"remove","path":"emails"}`,
		"after an operation that changes": `{"op":"remove","path":"emails[value eq \"0@example.com\"]"},{"op":"add","path":"emails","value":[` + numberedEmails(limits.Values, limits.Values+2) + `]}`,
	} {
		_, err := apply(full, `{"op":"replace","path":"title","value":"CTO"},`+operations)
		var scimErr *scim.Error
		if !errors.As(err, &scimErr) || scimErr.Type != scim.InvalidValue || !strings.Contains(scimErr.Detail, "at most 100") || !strings.HasPrefix(scimErr.Detail, "Operations[") {
			t.Errorf("%s: %v", what, err)
		}
	}
	again := `{"op":"add","path":"emails","value":[` + numberedEmails(0, limits.Values) + `]}`
	swap := `{"op":"remove","path":"emails[value eq \"0@example.com\"]"},{"op":"add","path":"emails","value":[` + one + `]}`
	for _, operations := range []string{again, swap} {
		if _, err := apply(full, operations); err != nil {
			t.Errorf("%.100s: %v", operations, err)
		}
	}
}

// One PATCH has one budget for the filters of all paths, also if it is applied again after a conflict.
func TestPathFiltersHaveABudget(t *testing.T) {
	long := decode(t, `{"userName":"alice","emails":[`+strings.ReplaceAll(numberedEmails(0, limits.Values), "@", strings.Repeat("ä", 4000))+`]}`)
	short := decode(t, `{"userName":"alice","emails":[`+numberedEmails(0, limits.Values)+`]}`)
	terms := func(n int) string {
		return `{"op":"remove","path":"emails[` + strings.TrimSuffix(strings.Repeat(`value co \"xyz\" or `, n), " or ") + `]"}`
	}
	for _, c := range []struct {
		what       string
		o          schema.Object
		operations string
		times      int
		refused    bool
	}{
		{"many operations", short, strings.TrimSuffix(strings.Repeat(terms(1)+",", 5000), ","), 1, false},
		{"long filters", short, strings.TrimSuffix(strings.Repeat(terms(300)+",", 60), ","), 1, false},
		{"too many long filters", short, strings.TrimSuffix(strings.Repeat(terms(300)+",", 100), ","), 1, true},
		{"long values", long, terms(5), 1, false},
		{"long values, many times", long, terms(20), 1, true},
		{"long values, again after conflicts", long, terms(5), 3, true},
	} {
		p, err := patch.Parse(t.Context(), schema.User, []byte(request(c.operations)), filter.NewMeter(t.Context(), limits.FilterComparisons))
		for i := 0; err == nil && i < c.times; i++ {
			_, err = p.Apply(t.Context(), c.o)
		}
		var refusal *scim.Error
		if isRefused := errors.As(err, &refusal) && refusal.Type == scim.TooMany; isRefused != c.refused || err != nil && !strings.HasPrefix(refusal.Detail, "Operations[") {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// The paths of members have the same budget: the conditions are counted for each member, and the length of its name.
func TestMemberFiltersHaveABudget(t *testing.T) {
	for _, c := range []struct {
		what, display string
		conditions    int
		refused       bool
	}{
		{"the largest number of conditions", "bob", limits.MemberFilterTerms, false},
		{"names of two words with accents", "Zoë Müller", 3, false},
		{"long names with accents", strings.Repeat("ä", 256), limits.MemberFilterTerms, true},
		{"characters with a long folded form", strings.Repeat("\ufdfa", 256), 1, true},
	} {
		err := matchMembers(t.Context(), t, c.conditions, limits.Members, func(int) scim.Reference { return scim.Reference{Value: "u-1", Display: c.display} })
		var refusal *scim.Error
		if isRefused := errors.As(err, &refusal) && refusal.Type == scim.TooMany && strings.Contains(refusal.Detail, "value eq"); isRefused != c.refused || err != nil && !isRefused {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// A client that has hung up does not cost the rest of the members.
func TestMemberFiltersStopWhenTheRequestIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	err := matchMembers(ctx, t, 1, limits.Members, func(i int) scim.Reference {
		if asked = i + 1; asked == 10 {
			cancel()
		}
		return scim.Reference{Value: "u-1", Display: "bob"}
	})
	if !errors.Is(err, context.Canceled) || asked != 10 {
		t.Errorf("%v after %d members", err, asked)
	}
}

// matchMembers asks a patch whose filter has so many conditions about each of n members, until it fails.
func matchMembers(ctx context.Context, tb testing.TB, conditions, n int, member func(i int) scim.Reference) error {
	tb.Helper()
	path := `members[` + strings.TrimSuffix(strings.Repeat(`display co \"xyz\" or `, conditions), " or ") + `]`
	p, err := patch.Parse(ctx, schema.Group, []byte(request(`{"op":"remove","path":"`+path+`"}`)), filter.NewMeter(ctx, limits.FilterComparisons))
	if err != nil {
		tb.Fatal(err)
	}
	match := p.Change(ctx).Members[0].Match
	for i := range n {
		if _, err := match(member(i)); err != nil {
			return err
		}
	}
	return nil
}

// numberedEmails returns values that differ, with the numbers from first to end-1.
func numberedEmails(first, end int) string {
	var list []string
	for i := first; i < end; i++ {
		list = append(list, fmt.Sprintf(`{"value":"%d@example.com"}`, i))
	}
	return strings.Join(list, ",")
}

// A client that has hung up does not cost the rest of its operations.
func TestOperationsStopWhenTheRequestIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := patch.Parse(ctx, schema.User, []byte(request(`{"op":"replace","path":"title","value":"CTO"}`)), nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.Apply(ctx, decode(t, person)); !errors.Is(err, context.Canceled) {
		t.Errorf("applied: %v", err)
	}
	if _, err := patch.Parse(ctx, schema.User, []byte(request(`{"op":"move"}`)), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("parsed: %v", err)
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	for _, body := range []string{``, `[]`, `{}`, `{"Operations":{}}`, `{"Operations":[null]}`, `{"operations":[]}`, `{"Operations":null}`, `{"Operations":[{"op":"add"}]}`} {
		if _, err := patch.Parse(context.Background(), schema.User, []byte(body), nil); err == nil {
			t.Errorf("%s: accepted", body)
		}
	}
	many := strings.Repeat(`{"op":"remove","path":"title"},`, limits.PatchOperations)
	if _, err := patch.Parse(context.Background(), schema.User, []byte(request(many+`{"op":"remove","path":"title"}`)), nil); err == nil {
		t.Error("too many operations: accepted")
	}
}

func TestMembers(t *testing.T) {
	type change struct {
		op  scim.MemberOp
		ids string
	}
	for _, c := range []struct {
		what, operations string
		want             []change
	}{
		{"Okta adds and removes", `{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"b","display":"B"}]}`, []change{{scim.RemoveMembers, "a"}, {scim.AddMembers, "b"}}},
		{"Entra ID removes by value", `{"op":"Remove","path":"members","value":[{"value":"a","$ref":null}]}`, []change{{scim.RemoveMembers, "a"}}},
		{"remove with an empty array removes no member", `{"op":"Remove","path":"members","value":[]}`, nil},
		{"one operation for each member", `{"op":"add","path":"members","value":["a"]},{"op":"remove","path":"members","value":["b"]},{"op":"add","path":"members","value":["c"]}`, []change{{scim.RemoveMembers, "b"}, {scim.AddMembers, "a c"}}},
		{"the last operation on a member counts", `{"op":"add","path":"members","value":["a","b","b"]},{"op":"remove","path":"members","value":["a","c"]},{"op":"add","path":"members","value":["c"]}`, []change{{scim.RemoveMembers, "a"}, {scim.AddMembers, "b c"}}},
		{"changes before and after a replacement", `{"op":"add","path":"members","value":["a"]},{"op":"replace","path":"members","value":["b","c"]},{"op":"add","path":"members","value":["d"]},{"op":"remove","path":"members","value":["b","e"]}`, []change{{scim.ReplaceMembers, "c d"}}},
		{"all removed, then added (CloudSSO)", `{"op":"remove","path":"members"},{"op":"add","path":"members","value":["a"]}`, []change{{scim.ReplaceMembers, "a"}}},
		{"changes around a filter", `{"op":"add","path":"members","value":["a"]},{"op":"remove","path":"members[display sw \"x\"]"},{"op":"remove","path":"members[display sw \"y\"]"},{"op":"add","path":"members","value":["b"]}`, []change{{scim.AddMembers, "a"}, {scim.RemoveMembers, ""}, {scim.AddMembers, "b"}}},
		{"a replacement at a filter", `{"op":"replace","path":"members[display sw \"x\"]","value":["a"]}`, []change{{scim.RemoveMembers, ""}, {scim.AddMembers, "a"}}},
		{"a filter before a replacement", `{"op":"remove","path":"members[display sw \"x\"]"},{"op":"replace","path":"members","value":["a"]}`, []change{{scim.ReplaceMembers, "a"}}},
		{"remove without a value removes all members", `{"op":"remove","path":"members"}`, []change{{scim.ReplaceMembers, ""}}},
		{"several selected at once", `{"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"}`, []change{{scim.RemoveMembers, "a b"}}},
		{"ids alone", `{"op":"add","path":"members","value":["a","b"]}`, []change{{scim.AddMembers, "a b"}}},
		{"one object", `{"op":"add","path":"members","value":{"value":"a"}}`, []change{{scim.AddMembers, "a"}}},
		{"one id", `{"op":"add","path":"members","value":"a"}`, []change{{scim.AddMembers, "a"}}},
		{"full push", `{"op":"replace","path":"members","value":[{"value":"a"},{"value":"b"}]}`, []change{{scim.ReplaceMembers, "a b"}}},
		{"an empty group", `{"op":"replace","path":"members","value":[]}`, []change{{scim.ReplaceMembers, ""}}},
		{"no members", `{"op":"replace","path":"members","value":null}`, []change{{scim.ReplaceMembers, ""}}},
		{"without a path", `{"op":"replace","value":{"id":"g","displayName":"G","members":[{"value":"a"}]}}`, []change{{scim.ReplaceMembers, "a"}}},
		{"added without a path", `{"op":"add","value":{"members":[{"value":"a"}]}}`, []change{{scim.AddMembers, "a"}}},
		{"a URN", `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":[{"value":"a"}]}`, []change{{scim.AddMembers, "a"}}},
		{"another attribute", `{"op":"replace","value":{"displayName":"G"}}`, nil},
	} {
		p, err := patch.Parse(context.Background(), schema.Group, []byte(request(c.operations)), nil)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		var got []change
		for _, m := range p.Change(context.Background()).Members {
			got = append(got, change{m.Op, strings.Join(m.IDs, " ")})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	const byDisplay = `{"op":"remove","path":"members[display sw \"a\"]"}`
	p, err := patch.Parse(context.Background(), schema.Group, []byte(request(byDisplay+`,{"op":"remove","path":"members[display sw \"c\"]"}`)), nil)
	if err != nil {
		t.Fatal(err)
	}
	match := func(r scim.Reference) bool {
		selected, err := p.Change(context.Background()).Members[0].Match(r)
		return selected && err == nil
	}
	if !match(scim.Reference{Value: "1", Display: "Alice"}) || !match(scim.Reference{Value: "2", Display: "Carol"}) || match(scim.Reference{Value: "a", Display: "Bob"}) {
		t.Error("members are not selected by display")
	}
	many := strings.Repeat(byDisplay+",", limits.MemberFilterTerms-1) + byDisplay
	if p, err = patch.Parse(context.Background(), schema.Group, []byte(request(many)), nil); err != nil || len(p.Change(context.Background()).Members) != 1 {
		t.Errorf("the largest number of conditions: %v", err)
	}
	for _, operations := range []string{
		many + "," + byDisplay,
		`{"op":"add","path":"members","value":[{"display":"no value"}]}`,
		`{"op":"add","path":"members","value":[{"value":"g","type":"Group"}]}`,
		`{"op":"replace","path":"members[value eq \"a\"].display","value":"x"}`,
		`{"op":"replace","path":"members.value","value":"x"}`,
		`{"op":"add","path":"members","value":7}`,
		`{"op":"replace","path":"members"}`,
		`{"op":"add","path":"members"}`,
		`{"op":"replace","path":"members[value eq \"a\"]"}`,
		`{"op":"replace","path":"members","value":[null]}`,
		`{"op":"replace","value":{"members":[{"display":"A"}]}}`,
	} {
		if _, err := patch.Parse(context.Background(), schema.Group, []byte(request(operations)), nil); err == nil {
			t.Errorf("%s: accepted", operations)
		}
	}
}

// An accepted patch yields a resource that its schema accepts, also after it is written and read again.
func FuzzApply(f *testing.F) {
	for _, operations := range []string{
		`{"op":"replace","value":{"active":false}}`, `{"op":"add","path":"emails[type eq \"home\"].value","value":"x"}`,
		`{"op":"remove","path":"emails[value pr]"}`, `{"op":"Add","path":"name","value":{"givenName":"A"}}`, `{"op":"replace","path":"userName","value":["x"]}`,
		`{"op":"add","path":"emails","value":[{"value":"x","primary":true}]}`, `{"op":"replace","value":{"` + enterprise + `:manager":"7","name.formatted":"x"}}`,
		`{"op":"replace","value":{"name":{"givenName":null,"x":1},"` + enterprise + `":{"manager":{"value":null}}}}`, `{"op":"replace","path":"emails","value":[{"x":1},{"value":"","type":"work"},null]}`,
	} {
		f.Add(request(operations))
	}
	f.Fuzz(func(t *testing.T, body string) {
		p, err := patch.Parse(context.Background(), schema.User, []byte(body), nil)
		if err != nil {
			return
		}
		before := decode(t, person)
		o, err := p.Apply(context.Background(), before)
		if err != nil {
			return
		}
		if !schema.Equal(before, decode(t, person)) {
			t.Fatalf("%s changes the resource itself", body)
		}
		again, err := schema.Decode(schema.User, []byte(text(o)))
		if err != nil {
			t.Fatalf("%s yields %s, which is not a user: %v", body, text(o), err)
		}
		if err := schema.Validate(schema.User, again.Attributes); err != nil || !schema.Equal(again.Attributes, o) {
			t.Fatalf("%s yields %s, which is read as %s, %v", body, text(o), text(again.Attributes), err)
		}
	})
}

func BenchmarkDeactivate(b *testing.B) {
	body, o := []byte(request(`{"op":"replace","value":{"active":false}}`)), decode(b, person)
	b.ReportAllocs()
	for b.Loop() {
		p, err := patch.Parse(context.Background(), schema.User, body, nil)
		if err == nil {
			_, err = p.Apply(context.Background(), o)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for name, operations := range map[string]string{
		"active":     `{"op":"replace","path":"active","value":false}`,
		"value path": `{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@example.com"}`,
	} {
		b.Run(name, func(b *testing.B) {
			o := decode(b, person)
			b.ReportAllocs()
			for b.Loop() {
				p, err := patch.Parse(context.Background(), schema.User, []byte(request(operations)), nil)
				if err == nil {
					_, err = p.Apply(context.Background(), o)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The cost of a body of up to 1 MB, on a user with almost as many values as there may be. The metric ratio compares
// it with reading the body as JSON, which is linear.
func BenchmarkLargeBody(b *testing.B) {
	for name, operation := range map[string]func(i int) string{
		"add one email": func(i int) string {
			return fmt.Sprintf(`{"op":"add","path":"emails","value":[%s]}`, numberedEmails(i%98, i%98+1))
		},
		"add 98 emails": func(int) string { return `{"op":"add","path":"emails","value":[` + numberedEmails(0, 98) + `]}` },
		"remove and add": func(i int) string {
			return fmt.Sprintf(`{"op":"remove","path":"emails","value":"%d@example.com"},{"op":"add","path":"emails","value":"%d@example.com"}`, i%98, i%98)
		},
		"value path": func(i int) string {
			return fmt.Sprintf(`{"op":"add","path":"emails[value eq \"%d@example.com\"].display","value":"x"}`, i%98)
		},
		"add one address": func(i int) string {
			return fmt.Sprintf(`{"op":"add","path":"addresses","value":[{"locality":"%d"}]}`, i%98)
		},
		"every value": func(int) string { return `{"op":"add","path":"emails.display","value":"x"}` },
		"too many, in the end": func(i int) string {
			return fmt.Sprintf(`{"op":"add","path":"emails","value":[%s]}`, numberedEmails(i, i+1))
		},
	} {
		b.Run(name, func(b *testing.B) {
			body := []byte(request(operationsOf(1<<20, operation)))
			o := decode(b, `{"userName":"alice","emails":[`+numberedEmails(0, 98)+`]}`)

			b.SetBytes(int64(len(body)))
			var applying, reading time.Duration
			for b.Loop() {
				started := time.Now()
				if p, err := patch.Parse(b.Context(), schema.User, body, filter.NewMeter(b.Context(), limits.FilterComparisons)); err != nil {
					b.Fatal(err)
				} else if _, err := p.Apply(b.Context(), o); err != nil && !strings.Contains(err.Error(), "at most") {
					b.Fatal(err)
				}
				applying += time.Since(started)
				started = time.Now()
				var v any
				if err := json.Unmarshal(body, &v); err != nil {
					b.Fatal(err)
				}
				reading += time.Since(started)
			}
			b.ReportMetric(float64(applying)/float64(reading), "ratio")
			b.ReportMetric(applying.Seconds()*1000/float64(b.N), "ms/patch")
		})
	}
}

// operationsOf returns as many operations as a body of that size, and limits.PatchOperations, permit.
func operationsOf(size int, operation func(i int) string) string {
	var b strings.Builder
	b.WriteString(operation(0))
	for i := 1; i < limits.PatchOperations/2 && b.Len() < size; i++ {
		b.WriteString("," + operation(i))
	}
	return b.String()
}

// The patch adds 100 members.
func BenchmarkMembers(b *testing.B) {
	var members []string
	for i := range 100 {
		members = append(members, fmt.Sprintf(`{"value":"user-%d-x7k2p","display":"User %d"}`, i, i))
	}
	body := []byte(request(`{"op":"add","path":"members","value":[` + strings.Join(members, ",") + `]}`))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := patch.Parse(context.Background(), schema.Group, body, nil); err != nil {
			b.Fatal(err)
		}
	}
}
