package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// shown is a user as a client may see it: what it wrote, and what the service adds.
func shown(tb testing.TB) schema.Object {
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
		{"everything but what is never returned", "", "", everything},
		{"space is no name", " ", " ", everything},

		{"one", "title", "", `{` + always + `,"title":"T"}`},
		{"several, with space and in other letters", " TITLE , username,", "", `{` + always + `,"userName":"a","title":"T"}`},
		{"what is always returned", "id", "", `{` + always + `}`},
		{"what is never returned", "password,title", "", `{` + always + `,"title":"T"}`},
		{"what there is not", "nothing", "", `{` + always + `}`},
		{"what there is not, within", "name.nothing,title.x,.,", "", `{` + always + `}`},
		{"what has no value", "nickName,photos.value", "", `{` + always + `}`},
		{"a complex value", "name", "", `{` + always + `,` + name + `}`},
		{"a part of it", "name.givenName", "", `{` + always + `,"name":{"givenName":"G"}}`},
		{"a part and the whole", "name.givenName,name", "", `{` + always + `,` + name + `}`},
		{"two parts", "name.givenName,meta.version,name.familyName", "", `{` + always + `,` + name + `,"meta":{"version":"1"}}`},
		{"a part of several", "emails.value", "", `{` + always + `,"emails":[{"value":"v"},{"value":"w"}]}`},
		{"a part of some", "emails.display", "", `{` + always + `,"emails":[{"display":"d"}]}`},
		{"a URN", core + ":title," + core + ":name.familyName", "", `{` + always + `,"name":{"familyName":"F"},"title":"T"}`},
		{"an extension", enterprise, "", `{` + always + `,` + more + `}`},
		{"a part of an extension", enterprise + ":department", "", `{` + always + `,"` + enterprise + `":{"department":"D"}}`},
		{"a part of its parts", enterprise + ":manager.value", "", `{` + always + `,"` + enterprise + `":{"manager":{"value":"7"}}}`},
		{"what is read-only", "groups,meta.resourceType", "", `{` + always + `,` + groups + `,"meta":{"resourceType":"User"}}`},
		{"both parameters", "title", "title,userName", `{` + always + `,"title":"T"}`},

		{"without some", "", "name,emails,groups,meta," + enterprise, `{` + always + `,"externalId":"x","userName":"a","title":"T"}`},
		{"without what is always returned", "", "id,SCHEMAS,externalId,userName,name,title,emails,groups,meta,password," + enterprise, `{` + always + `}`},
		{"without what there is not", "", "nothing,name.nothing,,title.x", everything},
		{"without a part", "", "name.givenName,emails,groups,meta.version," + enterprise, `{` + always + `,"externalId":"x","userName":"a","name":{"familyName":"F"},"title":"T","meta":{"resourceType":"User"}}`},
		{"without every part", "", "name.givenName,name.familyName,groups.value,emails,meta,title," + enterprise, `{` + always + `,"externalId":"x","userName":"a"}`},
		{"without a part of several", "", "emails.VALUE,name,groups,meta,title,userName,externalId," + enterprise, `{` + always + `,"emails":[{"type":"work"},{"display":"d"}]}`},
		{"without a part of an extension", "", "emails,name,groups,meta,title,externalId," + core + ":userName," + enterprise + ":manager.value", `{` + always + `,"` + enterprise + `":{"department":"D","manager":{"displayName":"M"}}}`},
		{"without an extension's attribute", "", "emails,name,groups,meta,title,externalId,userName," + enterprise + ":MANAGER", `{` + always + `,"` + enterprise + `":{"department":"D"}}`},
	} {
		o := shown(t)
		if got := text(schema.Select(schema.User, c.attributes, c.excluded).Apply(o)); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.what, got, c.want)
		}
		if !schema.Equal(o, shown(t)) {
			t.Errorf("%s: the object itself was changed", c.what)
		}
	}
	if got := text(schema.Selection{}.Apply(shown(t))); got != everything {
		t.Errorf("the zero value selects %s", got)
	}
}

// Every way of being returned (RFC 7643 section 7), at the top and within: this service's own schemas have
// none that is returned on request.
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
		{"", "always,usual,request,never", `{"always":"x","parts":{"always":"x","usual":"x"}}`},
		{"", "parts", `{"always":"x","usual":"x"}`},
		{"", "parts.always,parts.usual", `{"always":"x","usual":"x","parts":{"always":"x"}}`},
	} {
		selected := schema.Select(rt, c.attributes, c.excluded).Apply(o)
		if got := string(schema.AppendJSON(nil, rt.Attributes, selected)); got != c.want {
			t.Errorf("attributes %q, without %q: %s, want %s", c.attributes, c.excluded, got, c.want)
		}
	}
}

// A directory need not fetch what no part of is wanted.
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
		if got := schema.Select(schema.Group, c.attributes, c.excluded).Has(c.a); got != c.want {
			t.Errorf("attributes %q, without %q: %s is wanted: %t", c.attributes, c.excluded, c.a.Name, got)
		}
	}
	if schema.Select(schema.User, "password", "").Has(schema.Password) {
		t.Error("a password is wanted")
	}
}
