package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// representedUser returns a user as a client may see it: what the client wrote, and what the service adds.
func representedUser(tb testing.TB) schema.Object {
	tb.Helper()
	groups, meta := schema.Groups, schema.Meta
	return decode(tb, `{"userName":"a","externalId":"x","title":"T","name":{"givenName":"G","familyName":"F"},
		"emails":[{"value":"v","type":"work"},{"value":"w"},{"display":"d"}],"`+enterprise+`":{"department":"D","manager":{"value":"7","displayName":"M"}}}`).
		With(schema.Schemas, []any{core}).
		With(schema.ID, "1").
		With(schema.Password, "secret").
		With(groups, []any{schema.Object{}.With(groups.Sub("value"), "g")}).
		With(meta, schema.Object{}.With(meta.Sub("version"), "1").With(meta.Sub("resourceType"), "User"))
}

func TestSelection(t *testing.T) {
	const (
		always = `"schemas":["` + core + `"],"id":"1"`
		name   = `"name":{"familyName":"F","givenName":"G"}`
		emails = `"emails":[{"value":"v","type":"work"},{"value":"w"},{"display":"d"}]`
		groups = `"groups":[{"value":"g"}]`
		more   = `"` + enterprise + `":{"department":"D","manager":{"value":"7","displayName":"M"}}`
		meta   = `"meta":{"resourceType":"User","version":"1"}`
	)
	everything := `{` + always + `,"externalId":"x","userName":"a",` + name + `,"title":"T",` + emails + `,` + groups + `,` + more + `,` + meta + `}`
	for _, c := range []struct{ what, attributes, excluded, want string }{
		{"no parameters", "", "", everything},
		{"parameters of white space", " ", " ", everything},

		{"one attribute", "title", "", `{` + always + `,"title":"T"}`},
		{"several attributes, with white space and in another letter case", " TITLE , username,", "", `{` + always + `,"userName":"a","title":"T"}`},
		{"an attribute that is always returned", "id", "", `{` + always + `}`},
		{"an attribute that is never returned", "password,title", "", `{` + always + `,"title":"T"}`},
		{"an unknown attribute", "nothing", "", `{` + always + `}`},
		{"unknown sub-attributes", "name.nothing,title.x,.,", "", `{` + always + `}`},
		{"attributes without a value", "nickName,photos.value", "", `{` + always + `}`},
		{"a complex value", "name", "", `{` + always + `,` + name + `}`},
		{"a sub-attribute", "name.givenName", "", `{` + always + `,"name":{"givenName":"G"}}`},
		{"a sub-attribute and the whole attribute", "name.givenName,name", "", `{` + always + `,` + name + `}`},
		{"two sub-attributes", "name.givenName,meta.version,name.familyName", "", `{` + always + `,` + name + `,"meta":{"version":"1"}}`},
		{"a sub-attribute of several values", "emails.value", "", `{` + always + `,"emails":[{"value":"v"},{"value":"w"}]}`},
		{"a sub-attribute that some values have", "emails.display", "", `{` + always + `,"emails":[{"display":"d"}]}`},
		{"a URN", core + ":title," + core + ":name.familyName", "", `{` + always + `,"name":{"familyName":"F"},"title":"T"}`},
		{"an extension", enterprise, "", `{` + always + `,` + more + `}`},
		{"an extension's attribute", enterprise + ":department", "", `{` + always + `,"` + enterprise + `":{"department":"D"}}`},
		{"an extension's sub-attribute", enterprise + ":manager.value", "", `{` + always + `,"` + enterprise + `":{"manager":{"value":"7"}}}`},
		{"read-only attributes", "groups,meta.resourceType", "", `{` + always + `,` + groups + `,"meta":{"resourceType":"User"}}`},
		{"both parameters", "title", "title,userName", `{` + always + `,"title":"T"}`},

		{"without some attributes", "", "name,emails,groups,meta," + enterprise, `{` + always + `,"externalId":"x","userName":"a","title":"T"}`},
		{"without an attribute that is always returned", "", "id,SCHEMAS,externalId,userName,name,title,emails,groups,meta,password," + enterprise, `{` + always + `}`},
		{"without unknown attributes", "", "nothing,name.nothing,,title.x", everything},
		{"without a sub-attribute", "", "name.givenName,emails,groups,meta.version," + enterprise, `{` + always + `,"externalId":"x","userName":"a","name":{"familyName":"F"},"title":"T","meta":{"resourceType":"User"}}`},
		{"without every sub-attribute", "", "name.givenName,name.familyName,groups.value,emails,meta,title," + enterprise, `{` + always + `,"externalId":"x","userName":"a"}`},
		{"without a sub-attribute of several values", "", "emails.VALUE,name,groups,meta,title,userName,externalId," + enterprise, `{` + always + `,"emails":[{"type":"work"},{"display":"d"}]}`},
		{"without an extension's sub-attribute", "", "emails,name,groups,meta,title,externalId," + core + ":userName," + enterprise + ":manager.value", `{` + always + `,"` + enterprise + `":{"department":"D","manager":{"displayName":"M"}}}`},
		{"without an extension's attribute", "", "emails,name,groups,meta,title,externalId,userName," + enterprise + ":MANAGER", `{` + always + `,"` + enterprise + `":{"department":"D"}}`},
	} {
		o := representedUser(t)
		if got := text(schema.ParseSelection(schema.User, c.attributes, c.excluded).Apply(o)); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.what, got, c.want)
		}
		if !schema.Equal(o, representedUser(t)) {
			t.Errorf("%s: the object itself was changed", c.what)
		}
	}
	if got := text(schema.Selection{}.Apply(representedUser(t))); got != everything {
		t.Errorf("the zero value selects %s", got)
	}
}

// The test has a schema of its own, because no attribute of the three schemas is returned on request.
func TestReturned(t *testing.T) {
	var own schema.Schema
	if err := json.Unmarshal([]byte(`{"id":"urn:example:Thing","attributes":[
		{"name":"always","type":"string","returned":"always"},
		{"name":"never","type":"string","returned":"never"},
		{"name":"usual","type":"string","returned":"default"},
		{"name":"request","type":"string","returned":"request"},
		{"name":"parts","type":"complex","returned":"default","subAttributes":[
			{"name":"always","type":"string","returned":"always"},
			{"name":"never","type":"string","returned":"never"},
			{"name":"usual","type":"string","returned":"default"},
			{"name":"request","type":"string","returned":"request"}]}]}`), &own); err != nil {
		t.Fatal(err)
	}
	rt := &schema.ResourceType{Name: "Thing", Schema: &own, Attributes: own.Attributes}
	var o, parts schema.Object
	for _, a := range own.Attributes[:4] {
		o = o.With(a, "x")
	}
	for _, a := range own.Attribute("parts").SubAttributes {
		parts = parts.With(a, "x")
	}
	o = o.With(own.Attribute("parts"), parts)
	for _, c := range []struct{ attributes, excluded, want string }{
		{"", "", `{"always":"x","usual":"x","parts":{"always":"x","usual":"x"}}`},
		{"usual", "", `{"always":"x","usual":"x"}`},
		{"request", "", `{"always":"x","request":"x"}`},
		{"never", "", `{"always":"x"}`},
		{"REQUEST,urn:example:thing:usual", "", `{"always":"x","usual":"x","request":"x"}`},
		{"parts", "", `{"always":"x","parts":{"always":"x","usual":"x","request":"x"}}`},
		{"parts.usual", "", `{"always":"x","parts":{"always":"x","usual":"x"}}`},
		{"parts.request", "", `{"always":"x","parts":{"always":"x","request":"x"}}`},
		{"parts.never", "", `{"always":"x","parts":{"always":"x"}}`},
		{`parts[usual eq "x"]`, "", `{"always":"x","parts":{"always":"x","usual":"x","request":"x"}}`}, // the name before the bracket
		{`parts[usual eq "a,usual]\",\\"].usual , request`, "", `{"always":"x","request":"x","parts":{"always":"x","usual":"x","request":"x"}}`},
		{`never[,usual`, "", `{"always":"x"}`},
		{`],usual`, "", `{"always":"x","usual":"x"}`},
		{"", `parts[usual eq "x"],usual`, `{"always":"x"}`},
		{"", "always,usual,request,never", `{"always":"x","parts":{"always":"x","usual":"x"}}`},
		{"", "parts", `{"always":"x","usual":"x"}`},
		{"", "parts.always,parts.usual", `{"always":"x","usual":"x","parts":{"always":"x"}}`},
	} {
		selected := schema.ParseSelection(rt, c.attributes, c.excluded).Apply(o)
		if got := string(schema.AppendJSON(nil, rt.Attributes, selected)); got != c.want {
			t.Errorf("attributes %q, without %q: %s, want %s", c.attributes, c.excluded, got, c.want)
		}
	}
}

// A store need not fetch an attribute of which no part is selected.
func TestSelectionHas(t *testing.T) {
	for _, c := range []struct {
		attributes, excluded string
		a                    *schema.Attribute
		want                 bool
	}{
		{"", "", schema.Members, true},
		{"", "members", schema.Members, false},
		{"", "members.display", schema.Members, true},
		{"displayName", "", schema.Members, false},
		{"members.value", "", schema.Members, true},
		{"nothing", "", schema.Members, false},
		{"nothing", "", schema.ID, true},
		{"", "id", schema.ID, true},
	} {
		if got := schema.ParseSelection(schema.Group, c.attributes, c.excluded).Has(c.a); got != c.want {
			t.Errorf("attributes %q, without %q: %s is selected: %t", c.attributes, c.excluded, c.a.Name, got)
		}
	}
	if schema.ParseSelection(schema.User, "password", "").Has(schema.Password) {
		t.Error("a password is selected")
	}
}
