package schema_test

import (
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

func TestRepeatableName(t *testing.T) {
	const urn = "urn:ietf:params:scim:schemas:core:2.0:User"
	for name, want := range map[string]string{
		"shoeSize":                          "shoeSize",
		"name.nickName":                     "name.nickName",
		`emails[type eq "personal"].value`:  `emails[type eq "personal"].value`,
		urn + ":role":                       urn + ":role",
		"urn:example:badge:2.0:User:number": "urn:example:badge:2.0:User:number",
		"$ref":                              "$ref",
		"passwordHint":                      "passwordHint",
		"password":                          "password",
		"PASSWORD.hunter2":                  "password",
		"password=hunter2":                  "password",
		" password hunter2":                 "password",
		`password[value eq "hunter2"]`:      "password",
		urn + ":password.hunter2":           "password",
		urn + ".Password:hunter2":           "password",
		"replace hunter2!":                  "(not a name)",
		"hunter2!":                          "(not a name)",
		"a..b":                              "(not a name)",
		"":                                  "(not a name)",
		"\u009b31m":                         "(not a name)",
		"urn:x:hunter2":                     "(not a name)",
		"urn:example:hunter 2":              "(not a name)",
	} {
		if got := schema.RepeatableName(name); got != want {
			t.Errorf("%q is repeated as %q, want %q", name, got, want)
		}
	}
}
