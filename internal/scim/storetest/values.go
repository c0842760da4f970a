package storetest

import (
	"fmt"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// everything is a user alice with attributes of every shape: simple and complex, single and multi-valued,
// core and extension.
func everything() schema.Object {
	return user("alice").
		With(schema.ExternalID, "00u1EVERYTHING").
		With(schema.UserDisplayName, "Alice Ünïcode 日本 \"quoted\" <tagged>").
		With(schema.User.Attribute("nickName"), "Al").
		With(schema.User.Attribute("profileUrl"), "https://people.example.com/alice").
		With(schema.User.Attribute("title"), "Director").
		With(schema.User.Attribute("userType"), "Employee").
		With(schema.User.Attribute("preferredLanguage"), "en-GB, en;q=0.8").
		With(schema.User.Attribute("locale"), "en-GB").
		With(schema.User.Attribute("timezone"), "Europe/London").
		With(schema.Name, value(schema.Name,
			"formatted", "Dr. Alice B. Smith III", "familyName", "Smith", "givenName", "Alice",
			"middleName", "B.", "honorificPrefix", "Dr.", "honorificSuffix", "III")).
		With(several("emails",
			pairs{"value", "alice@example.com", "type", "work", "primary", true},
			pairs{"value", "alice@home.example", "type", "home", "display", "at home"})).
		With(several("phoneNumbers", pairs{"value", "tel:+44-20-7946-0000", "type", "work"})).
		With(several("ims", pairs{"value", "alice", "type", "xmpp"})).
		With(several("photos", pairs{"value", "https://photos.example.com/alice", "type", "photo"})).
		With(several("addresses", pairs{
			"formatted", "1 High Street\nLondon", "streetAddress", "1 High Street", "locality", "London",
			"region", "Greater London", "postalCode", "N1 1AA", "country", "GB", "type", "work", "primary", true,
		})).
		With(several("entitlements", pairs{"value", "parking"})).
		With(several("roles", pairs{"value", "reader", "display", "Reader", "primary", true})).
		With(several("x509Certificates", pairs{"value", "MIIBszCCAVmgAwIBAgIU", "type", "work"})).
		With(schema.Enterprise, value(schema.Enterprise,
			"employeeNumber", "701984", "costCenter", "4130", "organization", "Universal Studios",
			"division", "Theme Park", "department", "Tour Operations").
			With(schema.Enterprise.Sub("manager"), value(schema.Enterprise.Sub("manager"), "value", "26118915")))
}

// pairs are names of sub-attributes, each with its value after it.
type pairs []any

// value is a complex value.
func value(a *schema.Attribute, fields ...any) schema.Object {
	var o schema.Object
	for field := range slices.Chunk(fields, 2) {
		o = o.With(a.Sub(fmt.Sprint(field[0])), field[1])
	}
	return o
}

// texts are a sub-attribute's values in those of a multi-valued attribute.
func texts(values any, sub *schema.Attribute) (all []string) {
	list, _ := values.([]any)
	for _, v := range list {
		o, _ := v.(schema.Object)
		all = append(all, o.String(sub))
	}
	return all
}

// several is a multi-valued attribute of a user and its values.
func several(name string, values ...pairs) (*schema.Attribute, []any) {
	a := schema.User.Attribute(name)
	var list []any
	for _, v := range values {
		list = append(list, value(a, v...))
	}
	return a, list
}
