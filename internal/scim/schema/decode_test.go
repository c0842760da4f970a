package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const (
	core       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

	// full is a user with every attribute that a client may write, in the order in which they are returned.
	full = `{"externalId":"00u1abcd2EFGH3ijk4x7","userName":"alice.adams@example.com",` +
		`"name":{"formatted":"Dr. Alice Q. Ådams III","familyName":"Ådams","givenName":"Alice","middleName":"Q.","honorificPrefix":"Dr.","honorificSuffix":"III"},` +
		`"displayName":"Alice \"Al\" Ådams","nickName":"Al","profileUrl":"https://people.example.com/alice","title":"Director",` +
		`"userType":"Employee","preferredLanguage":"en-GB, en;q=0.8","locale":"en-GB","timezone":"Europe/London","active":true,` +
		`"emails":[{"value":"alice@example.com","display":"Alice","type":"work","primary":true},{"value":"a@home.example","type":"home","primary":false}],` +
		`"phoneNumbers":[{"value":"tel:+44-20-7946-0000","type":"work"},{"value":"tel:+44-7700-900000","type":"mobile"}],` +
		`"ims":[{"value":"alice","type":"xmpp"}],"photos":[{"value":"https://photos.example.com/alice.jpg","type":"photo"}],` +
		`"addresses":[{"formatted":"1 High Street\nLondon","streetAddress":"1 High Street","locality":"London","region":"Greater London","postalCode":"N1 1AA","country":"GB","type":"work","primary":true}],` +
		`"entitlements":[{"value":"parking"}],"roles":[{"value":"reader","display":"Reader","type":"app","primary":true}],` +
		`"x509Certificates":[{"value":"MIIBszCCAVmgAwIBAgIU","display":"Laptop","type":"tls"}],` +
		`"` + enterprise + `":{"employeeNumber":"701984","costCenter":"4130","organization":"Universal Studios","division":"Theme Park","department":"Tour Operations",` +
		`"manager":{"value":"26118915","$ref":"https://sso.example.com/scim/v2/Users/26118915","displayName":"Bob"}}}`

	// unwritable are attributes that clients send and that no client can write.
	unwritable = `"schemas":["` + core + `","` + enterprise + `"],"id":"id-1","password":"t1meMa$heen","groups":[{"value":"g-1","display":"Staff"}],` +
		`"meta":{"resourceType":"User","created":"2026-01-01T00:00:00Z","version":"W/\"1\""}`
)

func decode(tb testing.TB, body string) schema.Object {
	tb.Helper()
	b, err := schema.Decode(schema.User, []byte(body))
	if err != nil {
		tb.Fatalf("%.200s: %v", body, err)
	}
	return b.Attributes
}

func text(o schema.Object) string { return string(schema.AppendJSON(nil, schema.User.Attributes, o)) }

func TestDecode(t *testing.T) {
	for _, c := range []struct{ what, body, want string }{
		{"every attribute", full, full},
		{"every attribute, and some that cannot be written", strings.Replace(full, "{", "{"+unwritable+",", 1), full},
		{"only attributes that cannot be written", `{` + unwritable + `}`, `{}`},
		{"an empty object", `{}`, `{}`},
		{"white space", " \r\n\t{ \"userName\" :\n\"a\" } \n", `{"userName":"a"}`},
		{"escapes", `{"title":"\u0061\n\"\\\/\ud83d\ude00"}`, `{"title":"a\n\"\\/😀"}`},
		{"an escaped backslash before a u", `{"userName":"\\ud83d"}`, `{"userName":"\\ud83d"}`},
		{"the replacement character itself", `{"userName":"\ufffd"}`, `{"userName":"` + "\ufffd" + `"}`},

		// Letter case (RFC 7643 section 2.1).
		{"names in any letter case", `{"USERNAME":"a","Name":{"GIVENNAME":"A"},"eMails":[{"VALUE":"x","Type":"work"}]}`, `{"userName":"a","name":{"givenName":"A"},"emails":[{"value":"x","type":"work"}]}`},
		{"a URN in any letter case", `{"` + strings.ToUpper(enterprise) + `":{"MANAGER":{"$REF":"x"}}}`, `{"` + enterprise + `":{"manager":{"$ref":"x"}}}`},
		{"letter case of values is kept", `{"userName":"ALICE","emails":[{"type":"Work"}]}`, `{"userName":"ALICE","emails":[{"type":"Work"}]}`},
		{"a letter that folds to a letter of another length", `{"u\u017ferName":"a","\u212aey":1}`, `{}`},

		// Booleans, as Entra ID sends them.
		{"True", `{"active":"True"}`, `{"active":true}`},
		{"False", `{"active":"False"}`, `{"active":false}`},
		{"TRUE", `{"active":"TRUE","emails":[{"primary":"true"}]}`, `{"active":true,"emails":[{"primary":true}]}`},
		{"an array of one boolean", `{"active":["True"]}`, `{"active":true}`},

		// Text.
		{"numbers for text", `{"userName":42,"title":-1.5e3,"` + enterprise + `":{"employeeNumber":701984}}`, `{"userName":"42","title":"-1.5e3","` + enterprise + `":{"employeeNumber":"701984"}}`},
		{"a large number keeps its digits", `{"externalId":12345678901234567890123}`, `{"externalId":"12345678901234567890123"}`},
		{"an array of one text", `{"userName":["a"]}`, `{"userName":"a"}`},
		{"space is a value", `{"title":" "}`, `{"title":" "}`},
		{"text at its longest", `{"title":"` + strings.Repeat("é", limits.Text/2) + `"}`, `{"title":"` + strings.Repeat("é", limits.Text/2) + `"}`},

		// An array of one and a single value are interchangeable.
		{"one value for a list", `{"emails":{"value":"x"}}`, `{"emails":[{"value":"x"}]}`},
		{"one text for a list", `{"emails":"x"}`, `{"emails":[{"value":"x"}]}`},
		{"a list of text", `{"emails":["x","y"]}`, `{"emails":[{"value":"x"},{"value":"y"}]}`},
		{"a list of both", `{"roles":["x",{"value":"y","primary":true},null]}`, `{"roles":[{"value":"x"},{"value":"y","primary":true}]}`},
		{"a list of one for a complex value", `{"name":[{"givenName":"A"}]}`, `{"name":{"givenName":"A"}}`},
		{"a list of one extension", `{"` + enterprise + `":[{"department":"A"}]}`, `{"` + enterprise + `":{"department":"A"}}`},
		{"a text for a manager", `{"` + enterprise + `":{"manager":"7"}}`, `{"` + enterprise + `":{"manager":{"value":"7"}}}`},
		{"a list of one text for a manager", `{"` + enterprise + `":{"manager":["7"]}}`, `{"` + enterprise + `":{"manager":{"value":"7"}}}`},
		{"the largest number of values", `{"roles":[` + numberedRoles(limits.Values) + `]}`, `{"roles":[` + numberedRoles(limits.Values) + `]}`},

		// Each pair of value and type once (RFC 7643 section 2.4).
		{
			"equal pairs of value and type", `{"emails":[{"value":"a","type":"work"},{"value":"a","type":"home"},{"value":"a","type":"work","primary":true,"display":"A"},{"value":"a"},"a"]}`,
			`{"emails":[{"value":"a","display":"A","type":"work","primary":true},{"value":"a","type":"home"},{"value":"a"}]}`,
		},
		{"equal pairs that are primary", `{"roles":[{"value":"a","primary":true},{"value":"a","primary":true}]}`, `{"roles":[{"value":"a","primary":true}]}`},
		{
			"equal values without a value", `{"addresses":[{"type":"work","locality":"Bonn"},{"locality":"Bonn","type":"work"},{"type":"work","locality":"Berlin"}]}`,
			`{"addresses":[{"locality":"Bonn","type":"work"},{"locality":"Berlin","type":"work"}]}`,
		},
		{"letter case makes another value", `{"emails":["a","A"]}`, `{"emails":[{"value":"a"},{"value":"A"}]}`},
		{"one primary value among others", `{"emails":[{"value":"x","primary":true},{"value":"y","primary":false},{"value":"z"}]}`, `{"emails":[{"value":"x","primary":true},{"value":"y","primary":false},{"value":"z"}]}`},

		// Unassigned values (RFC 7643 section 2.5).
		{"null", `{"userName":null,"active":null,"name":null,"emails":null,"` + enterprise + `":null}`, `{}`},
		{"empty lists", `{"userName":[],"active":[],"name":[],"emails":[],"` + enterprise + `":[]}`, `{}`},
		{"empty text", `{"userName":"","emails":"","profileUrl":"","x509Certificates":[{"value":""}]}`, `{}`},
		{"empty objects", `{"name":{},"emails":[{},{"value":null}],"` + enterprise + `":{"manager":{}}}`, `{}`},
		{"lists of empty values", `{"userName":[null],"emails":[null,"",{}],"name":[null]}`, `{}`},
		{"empty sub-attributes", `{"name":{"givenName":"","familyName":"B"},"emails":[{"value":"x","type":null,"primary":[]}]}`, `{"name":{"familyName":"B"},"emails":[{"value":"x"}]}`},
		{"false is a value", `{"active":false,"emails":[{"primary":false}]}`, `{"active":false,"emails":[{"primary":false}]}`},

		// Attributes that no schema has.
		{"unknown attributes", `{"favouriteColour":{"x":[1]},"userName":"a","urn:example:2.0:User":{"x":1},"name.givenName":"A"}`, `{"userName":"a"}`},
		{"unknown sub-attributes", `{"name":{"givenName":"A","initials":"A"},"emails":[{"value":"x","verified":true}]}`, `{"name":{"givenName":"A"},"emails":[{"value":"x"}]}`},
		{"another type's attribute", `{"members":[{"value":"x"}]}`, `{}`},
		{"a wrong type of an attribute that cannot be written", `{"id":{},"meta":7,"groups":true,"password":[]}`, `{}`},

		// The schemas attribute.
		{"an unknown schema", `{"schemas":["urn:example:x"],"userName":"a"}`, `{"userName":"a"}`},
		{"one schema as text", `{"schemas":"` + core + `"}`, `{}`},
		{"no schemas", `{"schemas":null}`, `{}`},
	} {
		b, err := schema.Decode(schema.User, []byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got := text(b.Attributes); got != c.want {
			t.Errorf("%s: %.300s, want %.300s", c.what, got, c.want)
		}
		if b.HasMembers || b.Members != nil {
			t.Errorf("%s: a user has the members %q", c.what, b.Members)
		}
	}
}

// numberedRoles returns n values that differ.
func numberedRoles(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"value":"role-%d"}`, i))
	}
	return strings.Join(list, ",")
}

func repeatList(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ what, body, path, words string }{
		{"a number for a boolean", `{"active":1}`, "active", "boolean"},
		{"text for a boolean", `{"active":"yes"}`, "active", "boolean"},
		{"a letter for a boolean", `{"active":"t"}`, "active", "boolean"},
		{"a digit for a boolean", `{"active":"1"}`, "active", "boolean"},
		{"empty text for a boolean", `{"active":""}`, "active", "boolean"},
		{"an object for a boolean", `{"active":{}}`, "active", "boolean"},
		{"a boolean for text", `{"userName":true}`, "userName", "string"},
		{"an object for text", `{"userName":{"value":"a"}}`, "userName", "string"},
		{"two values of a single-valued attribute", `{"userName":["a","b"]}`, "userName", "array of 2"},
		{"a list within a list of one", `{"userName":[["a"]]}`, "userName", "string"},
		{"text for a complex value without a value", `{"name":"Alice"}`, "name", "object"},
		{"a boolean for a complex value", `{"name":true}`, "name", "object"},
		{"a number for a complex value", `{"emails":[{"value":"a"},7]}`, "emails[1]", "object"},
		{"a list within a list", `{"emails":[["a"]]}`, "emails[0]", "object"},
		{"two managers", `{"` + enterprise + `":{"manager":["1","2"]}}`, enterprise + ":manager", "array of 2"},
		{"text for an extension", `{"` + enterprise + `":"Sales"}`, enterprise, "object"},
		{"a wrong type within", `{"name":{"givenName":{"x":1}}}`, "name.givenName", "string"},
		{"a wrong type within a list", `{"emails":[{"value":"a"},{"value":"b","primary":"perhaps"}]}`, "emails[1].primary", "boolean"},
		{"a wrong type in an extension", `{"` + enterprise + `":{"department":false}}`, enterprise + ":department", "string"},
		{"a wrong type deep in an extension", `{"` + enterprise + `":{"manager":{"displayName":[{}]}}}`, enterprise + ":manager.displayName", "string"},
		{"errors name attributes in the letter case of the schema", `{"EMAILS":[{"PRIMARY":7}]}`, "emails[0].primary", "boolean"},
		{"two primary values", `{"emails":[{"value":"a","primary":true},{"value":"b","primary":"True"}]}`, "emails", "primary"},
		{"not base64", `{"x509Certificates":[{"value":"?"}]}`, "x509Certificates[0].value", "base64"},
		{"base64 without padding", `{"x509Certificates":[{"value":"QQ"}]}`, "x509Certificates[0].value", "base64"},
		{"text that is too long", `{"title":"` + strings.Repeat("x", limits.Text+1) + `"}`, "title", "65537 bytes"},
		{"text that is too long within", `{"emails":[{"value":"` + strings.Repeat("x", limits.Text+1) + `"}]}`, "emails[0].value", "65536"},
		{"a number that is too long", `{"title":` + strings.Repeat("1", limits.Text+1) + `}`, "title", "65536"},
		{"too many values", `{"roles":[` + repeatList(`"x"`, limits.Values+1) + `]}`, "roles", "101 values"},
		{"too many nulls", `{"roles":[` + repeatList(`null`, limits.Values+1) + `]}`, "roles", "at most 100"},
	} {
		for range 20 { // the order of a map differs from run to run
			if !refused(t, schema.User, c.what, c.body, schema.InvalidValue, c.path, c.words) {
				break
			}
		}
	}
}

// refused reports whether decoding a body fails with that type, path and wording.
func refused(t *testing.T, rt *schema.ResourceType, what, body, scimType, path, words string) bool {
	t.Helper()
	b, err := schema.Decode(rt, []byte(body))
	var schemaErr *schema.Error
	switch {
	case err == nil:
		t.Errorf("%s: accepted as %+v", what, b)
	case b != nil:
		t.Errorf("%s: a body is returned beside the error", what)
	case !errors.As(err, &schemaErr):
		t.Errorf("%s: %T %v is not a *schema.Error", what, err, err)
	case schemaErr.ScimType != scimType || schemaErr.Path != path || !strings.Contains(schemaErr.Problem, words):
		t.Errorf("%s: %s, path %q: %.200v; want %s, path %q and %q", what, schemaErr.ScimType, schemaErr.Path, err, scimType, path, words)
	case !strings.Contains(err.Error(), words) || !strings.HasPrefix(err.Error(), path):
		t.Errorf("%s: the detail is %q", what, err)
	default:
		return true
	}
	return false
}

func TestMalformedBodiesAreRefused(t *testing.T) {
	deep := func(levels int) string {
		return `{"x":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	for _, c := range []struct{ body, words string }{
		{``, "empty"},
		{" \n", "empty"},
		{`null`, "must be a JSON object"},
		{`[]`, "must be a JSON object"},
		{`"userName"`, "must be a JSON object"},
		{`7`, "must be a JSON object"},
		{`{`, "ends too early, at byte 1"},
		{`{"userName":"a"`, "ends too early, at byte 15"},
		{`{"userName":"a`, "ends too early, at byte 14"},
		{`{"userName":"a",}`, "at byte 17"},
		{`{userName:"a"}`, "at byte 2"},
		{`{"userName":'a'}`, "at byte 13"},
		{`{"userName":"a" "title":"b"}`, "at byte 17"},
		{`{"userName":tru}`, "at byte 16"},
		{`{"userName":01}`, "at byte 14"},
		{`{"userName":NaN}`, "at byte 13"},
		{"{\"userName\":\"a\nb\"}", "at byte 15"},
		{`{"userName":"\x"}`, "at byte 15"},
		{"\xef\xbb\xbf{}", "at byte 1"},
		{"\xff", "at byte 1"},
		{`{}{}`, "more text after its JSON value, at byte"},
		{`{} x`, "more text after its JSON value, at byte"},
		{`{}}`, "more text after its JSON value, at byte"},
		{`{},`, "more text after its JSON value, at byte"},
		{deep(limits.Depth + 1), fmt.Sprintf("deeper than %d levels, at byte %d", limits.Depth, 4+limits.Depth)},
		{strings.Repeat(`{"x":`, limits.Depth+1), "deeper than"},
		{`{"x":[` + repeatList("0", limits.BodyValues) + `]}`, fmt.Sprintf("more than %d JSON values", limits.BodyValues)},
		{strings.Repeat("[", 1<<20), "deeper than"},
		{`{"schemas":7}`, "schemas must be"},
		{`{"schemas":[7]}`, "schemas must be"},
		{`{"schemas":{"x":1}}`, "schemas must be"},
	} {
		refused(t, schema.User, fmt.Sprintf("%.60q", c.body), c.body, schema.InvalidSyntax, "", c.words)
		if o, err := schema.ParseObject([]byte(c.body)); err == nil && !strings.Contains(c.body, "schemas") {
			t.Errorf("%.60q is accepted as the object %v", c.body, o)
		}
	}
	for _, body := range []string{
		deep(limits.Depth),
		`{"x":[` + repeatList("0", limits.BodyValues-1) + `]}`,
		`{"x":[` + repeatList(deep(limits.Depth-2), 3) + `]}`,
		`{"x":"` + strings.Repeat("[", 100) + `","y\"[[":"\\"}`, // brackets in a string do not count
	} {
		if _, err := schema.Decode(schema.User, []byte(body)); err != nil {
			t.Errorf("%.60q: %v", body, err)
		}
	}
}

func TestUnknownAttributesAreNamed(t *testing.T) {
	b, err := schema.Decode(schema.User, []byte(`{"userName":"a","urn:example:2.0:User":{},"ID":"x","favouriteColour":null,"name":{"initials":"x"},"members":[],"`+core+`":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(b.Unknown)
	if want := []string{"favouriteColour", "members", "urn:example:2.0:User", core}; !slices.Equal(b.Unknown, want) {
		t.Errorf("the unknown attributes are %q, want %q", b.Unknown, want)
	}
}

func TestMembers(t *testing.T) {
	for _, c := range []struct{ members, want string }{
		{`[{"value":"a","$ref":"https://example.com/Users/a","type":"User","display":"A"},{"value":"b"}]`, "a b"},
		{`["a","b"]`, "a b"},
		{`["a",{"VALUE":"b"},null]`, "a b"},
		{`{"value":"a"}`, "a"},
		{`"a"`, "a"},
		{`[{"value":7,"type":"user"}]`, "7"},
		{`[{"value":["a"],"display":{"not":"read"},"unknown":1}]`, "a"},
		{`["a","a"]`, "a a"},
		{`[]`, ""},
		{`null`, ""},
	} {
		b, err := schema.Decode(schema.Group, []byte(`{"displayName":"G","MEMBERS":`+c.members+`}`))
		if err != nil {
			t.Errorf("%s: %v", c.members, err)
			continue
		}
		if got := strings.Join(b.Members, " "); got != c.want || !b.HasMembers {
			t.Errorf("%s: %q, %t, want %q", c.members, got, b.HasMembers, c.want)
		}
		if len(b.Attributes) != 1 || b.Attributes.String(schema.GroupDisplayName) != "G" {
			t.Errorf("%s: the attributes are %v", c.members, b.Attributes)
		}
	}
	if b, err := schema.Decode(schema.Group, []byte(`{"displayName":"G"}`)); err != nil || b.HasMembers {
		t.Errorf("without members: %+v, %v", b, err)
	}
	if b, err := schema.Decode(schema.Group, []byte(`{"members":[`+repeatList(`"a"`, limits.Members)+`]}`)); err != nil || len(b.Members) != limits.Members {
		t.Errorf("the largest number of members: %v", err)
	}
}

func TestInvalidMembersAreRefused(t *testing.T) {
	for _, c := range []struct{ members, path, words string }{
		{`[{"value":"a"},{"value":"b","type":"Group"}]`, "members[1]", "nested groups are not supported"},
		{`{"type":"GROUP","value":"b"}`, "members[0]", "nested groups"},
		{`[{"display":"A"}]`, "members[0].value", "missing"},
		{`[{"value":""}]`, "members[0].value", "missing"},
		{`["a",""]`, "members[1].value", "missing"},
		{`[{}]`, "members[0].value", "missing"},
		{`[null]`, "members[0].value", "missing"},
		{`""`, "members[0].value", "missing"},
		{`[{"value":null,"type":"User"}]`, "members[0].value", "missing"},
		{`[{"value":true}]`, "members[0].value", "string"},
		{`[{"value":["a","b"]}]`, "members[0].value", "array of 2"},
		{`[{"value":"a","type":false}]`, "members[0].type", "string"},
		{`[{"value":"` + strings.Repeat("x", limits.Text+1) + `"}]`, "members[0].value", "bytes"},
		{`[["a"]]`, "members[0]", "object"},
		{`7`, "members[0]", "object"},
		{`true`, "members[0]", "object"},
		{`[` + repeatList(`"a"`, limits.Members+1) + `]`, "members", "at most 100000"},
	} {
		refused(t, schema.Group, fmt.Sprintf("%.60s", c.members), `{"members":`+c.members+`}`, schema.InvalidValue, c.path, c.words)
	}
}

// No writable attribute of the three schemas is a number or a date. A schema that is added may have some.
func TestDecodeValueOfEveryType(t *testing.T) {
	for _, c := range []struct {
		of    schema.Type
		value string
		want  any // nil if the value is refused
	}{
		{schema.Integer, `7`, int64(7)},
		{schema.Integer, `-7`, int64(-7)},
		{schema.Integer, `"7"`, int64(7)},
		{schema.Integer, `9223372036854775807`, int64(9223372036854775807)},
		{schema.Integer, `9223372036854775808`, nil},
		{schema.Integer, `7.5`, nil},
		{schema.Integer, `"7.5"`, nil},
		{schema.Integer, `"seven"`, nil},
		{schema.Integer, `true`, nil},
		{schema.Integer, `[7,8]`, nil},
		{schema.Integer, `{}`, nil},
		{schema.Decimal, `7`, 7.0},
		{schema.Decimal, `-7.25e2`, -725.0},
		{schema.Decimal, `"7.25"`, 7.25},
		{schema.Decimal, `1e999`, nil},
		{schema.Decimal, `"NaN"`, nil},
		{schema.Decimal, `"-Inf"`, nil},
		{schema.Decimal, `"0x1p4"`, nil},
		{schema.Decimal, `false`, nil},
		{schema.DateTime, `"2011-08-01T18:29:49Z"`, "2011-08-01T18:29:49Z"},
		{schema.DateTime, `"2011-08-01T18:29:49.123456789+02:00"`, "2011-08-01T18:29:49.123456789+02:00"},
		{schema.DateTime, `"2011-08-01"`, nil},
		{schema.DateTime, `"2011-08-01T18:29:49"`, "2011-08-01T18:29:49"},
		{schema.DateTime, `"2011-08-01T18:29:49.5"`, "2011-08-01T18:29:49.5"},
		{schema.DateTime, `"2011-02-30T18:29:49Z"`, nil},
		{schema.DateTime, `"yesterday"`, nil},
		{schema.DateTime, `1312223389`, nil},
		{schema.Binary, `"AP8="`, "AP8="},
		{schema.Binary, `"AP8"`, nil},
		{schema.Binary, `"_-8="`, nil},
		{schema.Binary, `true`, nil},
		{schema.Reference, `"../Users/1"`, "../Users/1"},
		{schema.Reference, `{}`, nil},
		{schema.String, `"é"`, "é"},
		{schema.String, `1.50`, "1.50"},
		{schema.Boolean, `"fALSE"`, false},
	} {
		o, err := schema.ParseObject([]byte(`{"v":` + c.value + `}`))
		if err != nil {
			t.Fatal(err)
		}
		a := &schema.Attribute{Name: "a", Type: c.of}
		got, err := schema.DecodeValue(a, "x.a", o["v"])
		var schemaErr *schema.Error
		switch {
		case c.want == nil && (!errors.As(err, &schemaErr) || schemaErr.Path != "x.a" || schemaErr.ScimType != schema.InvalidValue):
			t.Errorf("%s %s is %v, %v", c.of, c.value, got, err)
		case c.want != nil && (err != nil || got != c.want):
			t.Errorf("%s %s is %v, %v, want %v", c.of, c.value, got, err, c.want)
		}
		a.MultiValued = true
		list, err := schema.DecodeValue(a, "a", []any{nil, o["v"]})
		if c.want == nil && (!errors.As(err, &schemaErr) || schemaErr.Path != "a[1]") {
			t.Errorf("%s %s in a list is %v, %v", c.of, c.value, list, err)
		}
		if c.want != nil && (err != nil || !schema.Equal(list, []any{c.want})) {
			t.Errorf("%s %s in a list is %v, %v", c.of, c.value, list, err)
		}
	}
}

// A PATCH needs to know what a client unassigns, and what it says nothing about.
func TestDecodeValueKeepsUnassignedAndUnknownApart(t *testing.T) {
	const unassigned, nothing = "unassigned", "nothing"
	for _, c := range []struct{ name, value, want string }{
		{"title", `null`, unassigned},
		{"title", `""`, unassigned},
		{"title", `[]`, unassigned},
		{"title", `[null]`, unassigned},
		{"name", `null`, unassigned},
		{"name", `""`, unassigned},
		{"name", `[]`, unassigned},
		{"name", `{}`, nothing},
		{"name", `[{"initials":"A"}]`, nothing},
		{"name", `{"givenName":"","initials":"A"}`, `{"givenName":null}`},
		{"name", `{"givenName":null,"familyName":"A"}`, `{"familyName":"A","givenName":null}`},
		{enterprise, `{"manager":null}`, `{"manager":null}`},
		{enterprise, `{"manager":{"grade":1}}`, nothing},
		{enterprise, `{"manager":{"value":""}}`, `{"manager":{"value":null}}`},
		{"emails", `null`, unassigned},
		{"emails", `""`, unassigned},
		{"emails", `[]`, unassigned},
		{"emails", `[null,""]`, unassigned},
		{"emails", `{}`, nothing},
		{"emails", `[{"address":"a"},null]`, nothing},
		{"emails", `[{"address":"a"},{"value":null},{"value":"b"}]`, `[{"value":null},{"value":"b"}]`},
	} {
		a := schema.User.Attribute(c.name)
		o, err := schema.ParseObject([]byte(`{"v":` + c.value + `}`))
		if err != nil {
			t.Fatal(err)
		}
		v, err := schema.DecodeValue(a, a.Name, o["v"])
		got := show(v)
		switch {
		case v == nil:
			got = unassigned
		case schema.IsEmpty(v):
			got = nothing
		}
		if err != nil || got != c.want {
			t.Errorf("%s %s is %s, %v, want %s", c.name, c.value, got, err, c.want)
		}
	}
}

// show writes a decoded value with its nils, and with the fields of objects in the order of their names.
func show(v any) string {
	var parts []string
	switch v := v.(type) {
	case schema.Object:
		for _, f := range v {
			parts = append(parts, fmt.Sprintf("%q:%s", f.Attribute.Name, show(f.Value)))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case nil:
		return "null"
	}
	return fmt.Sprintf("%q", v)
}

func TestJSONMember(t *testing.T) {
	o := map[string]any{"Path": "a", "op": nil, "ſize": "c"}
	for _, c := range []struct {
		name string
		want any
		sent bool
	}{{"path", "a", true}, {"OP", nil, true}, {"value", nil, false}, {"size", nil, false}} {
		if v, sent := schema.JSONMember(o, c.name); v != c.want || sent != c.sent {
			t.Errorf("%s is %v, sent %t; want %v, %t", c.name, v, sent, c.want, c.sent)
		}
	}
}

// A body that is accepted reads the same after it is written, and every error is one for the client.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		full, `{` + unwritable + `}`, `{"displayName":"G","members":[{"value":"a"},"b",7]}`, `{"active":"True","emails":"x"}`, `{"name":[{"givenName":["A"]}]}`,
		`{"title":1e5,"x509Certificates":["QQ=="]}`, `{"userName":"\ud83d<\u2028"}`, `{"emails":[{"primary":true},{"primary":true}]}`, "{\"userName\":\"\xff\"}", `{}}`, `[[[[`,
		`{"userName":"a","USERNAME":"b"}`, `{"x":{"\u0061":1,"A":2}}`, `{"userName":"\\\ud83d\ud83d"}`, `"\`, `{"a\`, `}{"`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, rt := range schema.ResourceTypes {
			b, err := schema.Decode(rt, body)
			var schemaErr *schema.Error
			if errors.As(err, &schemaErr) && schemaErr.Problem != "" && b == nil {
				continue
			}
			if err != nil {
				t.Fatalf("%q: %T %v", body, err, err)
			}
			encoded := withMembers(schema.AppendJSON(nil, rt.Attributes, b.Attributes), b)
			again, err := schema.Decode(rt, encoded)
			if err != nil {
				t.Fatalf("%q is written as %s, which is not a %s: %v", body, encoded, rt.Name, err)
			}
			if !schema.Equal(again.Attributes, b.Attributes) || !slices.Equal(again.Members, b.Members) || again.HasMembers != b.HasMembers || again.Unknown != nil {
				t.Fatalf("%q is written as %s, which is read as %+v, not %+v", body, encoded, again, b)
			}
			_ = schema.Validate(rt, b.Attributes) // must not panic; its error is for the client
		}
	})
}

// withMembers appends a body's members to an encoded object.
func withMembers(encoded []byte, b *schema.Body) []byte {
	if !b.HasMembers {
		return encoded
	}
	encoded = encoded[:len(encoded)-1]
	if len(encoded) > 1 {
		encoded = append(encoded, ',')
	}
	encoded = append(encoded, `"members":[`...)
	for i, id := range b.Members {
		if i > 0 {
			encoded = append(encoded, ',')
		}
		encoded = schema.AppendString(encoded, id)
	}
	return append(encoded, "]}"...)
}

func BenchmarkDecode(b *testing.B) {
	for name, body := range map[string]string{
		"full":    strings.Replace(full, "{", "{"+unwritable+",", 1),
		"minimal": `{"schemas":["` + core + `"],"userName":"alice@example.com","active":true}`,
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(body)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := schema.Decode(schema.User, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
