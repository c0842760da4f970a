package schema_test

import (
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"userName", "userName"},
		{"USERNAME", "userName"},
		{"id", "id"},
		{"externalid", "externalId"},
		{"name", "name"},
		{"NAME.givenname", "name.givenName"},
		{"emails.value", "emails.value"},
		{"emails.$ref", ""},
		{"groups.$REF", "groups.$ref"},
		{"meta.lastModified", "meta.lastModified"},
		{core + ":userName", "userName"},
		{strings.ToUpper(core) + ":Name.FamilyName", "name.familyName"},
		{enterprise, enterprise},
		{strings.ToLower(enterprise), enterprise},
		{enterprise + ":department", enterprise + ":department"},
		{strings.ToUpper(enterprise + ":manager.value"), enterprise + ":manager.value"},

		// RFC 7643 section 3.1: the common attributes have no schema of their own. They can be named with the
		// URN of the core schema, because they are part of every resource's schema.
		{core + ":id", "id"},
		{core + ":externalId", "externalId"},
		{core + ":meta.created", "meta.created"},

		// A dot for the colon after the URN.
		{enterprise + ".manager", enterprise + ":manager"},
		{strings.ToLower(enterprise) + ".Manager.value", enterprise + ":manager.value"},
		{core + ".userName", "userName"},

		{"", ""},
		{".", ""},
		{":", ""},
		{"nothing", ""},
		{"userName.", ""},
		{"userName.x", ""},
		{".userName", ""},
		{"name.", ""},
		{"name.nothing", ""},
		{"name.givenName.x", ""},
		{"name..givenName", ""},
		{" userName", ""},
		{"members", ""},
		{"department", enterprise + ":department"}, // Entra ID's documentation names manager without the URN
		{"Manager.value", enterprise + ":manager.value"},
		{core, ""},
		{core + ":", ""},
		{core + ":nothing", ""},
		{core + ":department", ""},
		{enterprise + ":", ""},
		{enterprise + ":userName", ""},
		{enterprise + "s:department", ""},
		{"urn:example:User:userName", ""},
	} {
		got := schema.User.Resolve(c.name)
		if got == nil && c.want == "" {
			continue
		}
		if got == nil || got.String() != c.want {
			t.Errorf("%q is %q, want %q", c.name, got, c.want)
			continue
		}
		if again := schema.User.Resolve(got.String()); again.String() != c.want || again.Last() != got.Last() {
			t.Errorf("%q prints as %q, which is another attribute", c.name, got)
		}
	}
}

func TestResolveOverSeveralTypes(t *testing.T) {
	for _, c := range []struct {
		name   string
		rt     *schema.ResourceType
		others []*schema.ResourceType
		want   *schema.Attribute
	}{
		{"displayName", schema.User, []*schema.ResourceType{schema.Group}, schema.UserDisplayName}, // the type's own attribute comes first
		{"displayName", schema.Group, []*schema.ResourceType{schema.User}, schema.GroupDisplayName},
		{"members", schema.User, []*schema.ResourceType{schema.Group}, schema.Members},
		{"members.value", schema.User, []*schema.ResourceType{schema.User, schema.Group}, schema.MembersValue},
		{"userName", schema.Group, []*schema.ResourceType{schema.User}, schema.UserName},
		{enterprise, schema.Group, []*schema.ResourceType{schema.User}, schema.Enterprise},
		{enterprise, schema.Group, nil, nil},
		{"urn:ietf:params:scim:schemas:core:2.0:Group:members", schema.User, []*schema.ResourceType{schema.Group}, schema.Members},
		{"id", schema.User, []*schema.ResourceType{schema.Group}, schema.ID},
		{"members", schema.User, nil, nil},
		{"nothing", schema.User, []*schema.ResourceType{schema.Group}, nil},
	} {
		p := c.rt.Resolve(c.name, c.others...)
		if p == nil != (c.want == nil) || p != nil && p.Last() != c.want {
			t.Errorf("%s of %s is %v", c.name, c.rt.Name, p)
		}
	}
}

// Resolve finds every attribute by the string of its path.
func TestEveryPathIsFound(t *testing.T) {
	for _, rt := range schema.ResourceTypes {
		found := 0
		var walk func(to schema.Path, attributes []*schema.Attribute)
		walk = func(to schema.Path, attributes []*schema.Attribute) {
			for _, a := range attributes {
				p := append(to[:len(to):len(to)], a)
				for _, name := range []string{p.String(), strings.ToUpper(p.String())} {
					if got := rt.Resolve(name); got == nil || got.Last() != a || len(got) != len(p) {
						t.Errorf("%s of %s is %v", name, rt.Name, got)
					}
				}
				found++
				walk(p, a.SubAttributes)
			}
		}
		walk(nil, rt.Attributes)
		if found < 10 {
			t.Errorf("%s has %d attributes", rt.Name, found)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, name := range []string{"name.givenName", enterprise + ":manager.value", core + ":userName", "a.", ":", "urn:"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, rt := range schema.ResourceTypes {
			p := rt.Resolve(name)
			if p == nil {
				continue
			}
			if again := rt.Resolve(p.String()); again == nil || again.Last() != p.Last() {
				t.Fatalf("%q prints as %q, which is %v", name, p, again)
			}
		}
	})
}

func TestAttributesOfResourceTypes(t *testing.T) {
	for _, c := range []struct {
		rt    *schema.ResourceType
		names string
	}{
		{schema.User, "schemas id externalId userName name displayName nickName profileUrl title userType preferredLanguage locale timezone active password emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates " + enterprise + " meta"},
		{schema.Group, "schemas id externalId displayName members meta"},
	} {
		var names []string
		for _, a := range c.rt.Attributes {
			names = append(names, a.Name)
			if c.rt.Attribute(strings.ToUpper(a.Name)) != a {
				t.Errorf("%s of %s is not found", a.Name, c.rt.Name)
			}
		}
		if got := strings.Join(names, " "); got != c.names {
			t.Errorf("%s has %s, want %s", c.rt.Name, got, c.names)
		}
	}
	if schema.User.Attribute("") != nil || schema.UserSchema.Attribute("id") != nil || schema.Group.Attribute("userName") != nil {
		t.Error("an attribute is found that the type does not have")
	}
}

func TestForeignURNs(t *testing.T) {
	for name, want := range map[string]bool{
		"urn:example:User:x":            true,
		"URN:example":                   true,
		"urn:":                          true,
		enterprise + "Custom:jobCode":   true,
		enterprise + "2":                true,
		core + "s:userName":             true,
		enterprise:                      false,
		enterprise + ":jobCode":         false,
		enterprise + ".jobCode":         false,
		strings.ToUpper(core) + ":role": false,
		core:                            false,
		"userName":                      false,
		"urn":                           false,
		"":                              false,
		"uri:example:User:x":            false,
		"example:urn:example:User:x":    false,
		"urn:ietf:params:scim:schemas:core:2.0:Group:members": true,
	} {
		if got := schema.User.HasForeignURN(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
