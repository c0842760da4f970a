package schema_test

import (
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

func TestObject(t *testing.T) {
	alice := schema.Object{}.With(schema.UserName, "alice").With(schema.Active, true)
	for _, c := range []struct {
		what string
		o    schema.Object
		want string
	}{
		{"unchanged", alice, `{"userName":"alice","active":true}`},
		{"with another", alice.With(schema.UserDisplayName, "Al"), `{"userName":"alice","displayName":"Al","active":true}`},
		{"with a new value", alice.With(schema.Active, false), `{"userName":"alice","active":false}`},
		{"with nil", alice.With(schema.Active, nil), `{"userName":"alice"}`},
		{"with no values", alice.With(schema.Active, []any{}), `{"userName":"alice"}`},
		{"with nil of an unassigned attribute", alice.With(schema.Name, nil), `{"userName":"alice","active":true}`},
		{"without one", alice.Without(schema.UserName), `{"active":true}`},
		{"without an unassigned attribute", alice.Without(schema.Name), `{"userName":"alice","active":true}`},
		{"without any", alice.Without(schema.UserName).Without(schema.Active), `{}`},
		{"an empty object without one", schema.Object(nil).Without(schema.UserName), `{}`},
		{"an empty object with one", schema.Object(nil).With(schema.UserName, "bob"), `{"userName":"bob"}`},
	} {
		if got := text(c.o); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if got := text(alice); got != `{"userName":"alice","active":true}` {
		t.Errorf("the object itself is now %s", got)
	}
}

// With and Without must not write into spare capacity that two objects share.
func TestObjectsThatShareDoNotAlterEachOther(t *testing.T) {
	base := append(make(schema.Object, 0, 16), schema.Field{Attribute: schema.UserName, Value: "alice"}, schema.Field{Attribute: schema.Active, Value: true})
	one, other := base.With(schema.ExternalID, "1"), base.With(schema.UserDisplayName, "2")
	for o, want := range map[string]string{
		text(base):                                    `{"userName":"alice","active":true}`,
		text(one):                                     `{"externalId":"1","userName":"alice","active":true}`,
		text(other):                                   `{"userName":"alice","displayName":"2","active":true}`,
		text(one.With(schema.UserName, "bob")):        `{"externalId":"1","userName":"bob","active":true}`,
		text(one.Without(schema.UserName)):            `{"externalId":"1","active":true}`,
		text(one.Without(schema.ExternalID)):          text(base),
		text(other.With(schema.UserDisplayName, "é")): `{"userName":"alice","displayName":"é","active":true}`,
		text(one) + text(other) + text(base):          `{"externalId":"1","userName":"alice","active":true}{"userName":"alice","displayName":"2","active":true}{"userName":"alice","active":true}`,
		text(base.With(schema.ExternalID, "3")):       `{"externalId":"3","userName":"alice","active":true}`,
		text(base.Without(schema.Active).With(schema.ExternalID, "4")): `{"externalId":"4","userName":"alice"}`,
	} {
		if o != want {
			t.Errorf("got %s, want %s", o, want)
		}
	}
	if got := text(base[:2]); got != `{"userName":"alice","active":true}` {
		t.Errorf("the shared fields are now %s", got)
	}
}

func TestWithSharesWhatDoesNotChange(t *testing.T) {
	o := decode(t, full)
	changed := o.With(schema.Active, false).Without(schema.UserDisplayName)
	before, _ := o.Get(schema.User.Attribute("emails")).([]any)
	after, _ := changed.Get(schema.User.Attribute("emails")).([]any)
	if len(before) == 0 || len(after) == 0 || &before[0] != &after[0] {
		t.Error("a value that did not change was copied")
	}
}

func TestGet(t *testing.T) {
	o := decode(t, `{"userName":"alice","active":false,"name":{"givenName":"Al"}}`)
	name, _ := o.Get(schema.Name).(schema.Object)
	switch {
	case o.Get(schema.Active) != false:
		t.Errorf("active is %v", o.Get(schema.Active))
	case o.Get(schema.ExternalID) != nil, schema.Object(nil).Get(schema.ExternalID) != nil:
		t.Error("an unassigned attribute has a value")
	case o.String(schema.UserName) != "alice", o.String(schema.ExternalID) != "", o.String(schema.Active) != "", o.String(schema.Name) != "":
		t.Error("String returns something other than the value of a string")
	case name.String(schema.Name.Sub("GIVENNAME")) != "Al", schema.Name.Sub("givenname") != schema.Name.Sub("givenName"):
		t.Error("a sub-attribute is not found in any letter case")
	case o.Get(schema.UserDisplayName) != nil, schema.UserDisplayName == schema.GroupDisplayName:
		t.Error("attributes of the same name in two schemas are one")
	}
}
