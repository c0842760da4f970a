package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

func TestValidate(t *testing.T) {
	emails := schema.User.Attribute("emails")
	primary := schema.Object{}.With(emails.Sub("primary"), true)
	user := schema.Object{}.With(schema.UserName, "a")
	for _, c := range []struct {
		what        string
		rt          *schema.ResourceType
		o           schema.Object
		path, words string // "" if the resource is valid
	}{
		{"a user", schema.User, user, "", ""},
		{"a user with every attribute", schema.User, decode(t, full), "", ""},
		{"a group", schema.Group, schema.Object{}.With(schema.GroupDisplayName, "G"), "", ""},
		{"a user without attributes", schema.User, nil, "userName", "required"},
		{"a user without userName", schema.User, decode(t, full).Without(schema.UserName), "userName", "required"},
		{"an empty userName", schema.User, user.With(schema.UserName, ""), "userName", "empty"},
		{"a userName of white space", schema.User, user.With(schema.UserName, " \t\u00a0\u3000"), "userName", "empty"},
		{"a group without displayName", schema.Group, schema.Object{}.With(schema.ExternalID, "x"), "displayName", "required"},
		{"a group with a user's attributes", schema.Group, user.With(schema.UserDisplayName, "G"), "displayName", "required"},
		{"a user without an id", schema.User, user.Without(schema.ID), "", ""},
		{"one primary value", schema.User, user.With(emails, []any{schema.Object{}, primary}), "", ""},
		{"a primary value of each of two attributes", schema.User, user.With(emails, []any{primary}).With(schema.User.Attribute("roles"), []any{schema.Object{}.With(schema.User.Attribute("roles").Sub("primary"), true)}), "", ""},
		{"two primary values", schema.User, user.With(emails, []any{primary, schema.Object{}, primary}), "emails", "primary"},
		{"one primary value and two that are not", schema.User, user.With(emails, []any{primary, primary.With(emails.Sub("primary"), false), primary.With(emails.Sub("primary"), false)}), "", ""},
	} {
		err := schema.Validate(c.rt, c.o)
		var schemaErr *schema.Error
		switch {
		case c.path == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.path != "" && (!errors.As(err, &schemaErr) || schemaErr.Path != c.path || schemaErr.ScimType != schema.InvalidValue || !strings.Contains(err.Error(), c.words)):
			t.Errorf("%s: %v, want an error about %s that says %s", c.what, err, c.path, c.words)
		}
	}
}

func TestError(t *testing.T) {
	for want, err := range map[string]*schema.Error{
		"emails[1].primary must be a boolean": {ScimType: schema.InvalidValue, Path: "emails[1].primary", Problem: "must be a boolean"},
		"the body is empty":                   {ScimType: schema.InvalidSyntax, Problem: "the body is empty"},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

func TestEqual(t *testing.T) {
	values := []any{
		nil, "", "a", "A", true, false, int64(1), 1.0,
		[]any{"a"},
		[]any{"b"},
		[]any{"a", "b"},
		[]any{"b", "a"},
		[]any{"a", "b", "b"},
		schema.Object{},
		schema.Object{}.With(schema.UserName, "a"), schema.Object{}.With(schema.UserName, "b"), schema.Object{}.With(schema.UserDisplayName, "a"),
		schema.Object{}.With(schema.GroupDisplayName, "a"), schema.Object{}.With(schema.UserName, "a").With(schema.Active, true),
		[]any{schema.Object{}.With(schema.UserName, "a")},
		[]any{schema.Object{}.With(schema.UserName, "b")},
	}
	for i, a := range values {
		for j, b := range values {
			if got := schema.Equal(a, b); got != (i == j) {
				t.Errorf("%v and %v: %t", a, b, got)
			}
		}
	}
	one := schema.Object{}.With(schema.UserName, "a").With(schema.Active, true)
	other := schema.Object{}.With(schema.Active, true).With(schema.UserName, "a")
	if !schema.Equal(one, other) || !schema.Equal([]any{one}, []any{other}) || !schema.Equal(schema.Object(nil), schema.Object{}) {
		t.Error("the order of fields matters")
	}
}
