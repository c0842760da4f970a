package storetest

import (
	"fmt"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// everything returns the user alice with attributes of every form: simple and complex, single-valued and
// multi-valued, of the core schema and of an extension.
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
		With(schema.Name, complexValue(schema.Name,
			"formatted", "Dr. Alice B. Smith III", "familyName", "Smith", "givenName", "Alice",
			"middleName", "B.", "honorificPrefix", "Dr.", "honorificSuffix", "III")).
		With(multiValued("emails",
			pairs{"value", "alice@example.com", "type", "work", "primary", true},
			pairs{"value", "alice@home.example", "type", "home", "display", "at home", "primary", false},
			pairs{"value", "alice@club.example", "type", "other"})).
		With(multiValued("phoneNumbers", pairs{"value", "tel:+44-20-7946-0000", "type", "work"})).
		With(multiValued("ims", pairs{"value", "alice", "type", "xmpp"})).
		With(multiValued("photos", pairs{"value", "https://photos.example.com/alice", "type", "photo"})).
		With(multiValued("addresses", pairs{
			"formatted", "1 High Street\nLondon", "streetAddress", "1 High Street", "locality", "London",
			"region", "Greater London", "postalCode", "N1 1AA", "country", "GB", "type", "work", "primary", true,
		})).
		With(multiValued("entitlements", pairs{"value", "parking"})).
		With(multiValued("roles", pairs{"value", "reader", "display", "Reader", "primary", true})).
		With(multiValued("x509Certificates", pairs{"value", "MIIBszCCAVmgAwIBAgIU", "type", "work"})).
		With(schema.Enterprise, complexValue(schema.Enterprise,
			"employeeNumber", "701984", "costCenter", "4130", "organization", "Universal Studios",
			"division", "Theme Park", "department", "Tour Operations").
			With(schema.Enterprise.Sub("manager"), complexValue(schema.Enterprise.Sub("manager"), "value", "26118915")))
}

// pairs are names of sub-attributes, each followed by its value.
type pairs []any

// complexValue returns a complex value with the given names and values.
func complexValue(a *schema.Attribute, fields ...any) schema.Object {
	var o schema.Object
	for field := range slices.Chunk(fields, 2) {
		o = o.With(a.Sub(fmt.Sprint(field[0])), field[1])
	}
	return o
}

// subAttributeValues returns the values of a sub-attribute in a multi-valued attribute.
func subAttributeValues(values any, sub *schema.Attribute) (all []string) {
	list, _ := values.([]any)
	for _, v := range list {
		o, _ := v.(schema.Object)
		all = append(all, o.String(sub))
	}
	return all
}

// multiValued returns a multi-valued attribute of a user and its values.
func multiValued(name string, values ...pairs) (*schema.Attribute, []any) {
	a := schema.User.Attribute(name)
	var list []any
	for _, v := range values {
		list = append(list, complexValue(a, v...))
	}
	return a, list
}
