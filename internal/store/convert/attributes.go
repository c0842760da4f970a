// Package convert maps the attributes of SCIM users and groups to the specs of their custom resources, and back.
//
//	attributes.go  which attribute is which field
//	fields.go      the kinds of fields
package convert

import (
	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// User maps a user's spec, and Group a group's without its members.
var (
	User  = newMapping(userFields)
	Group = newMapping(groupFields)
)

type (
	userSpec  = v1alpha1.CloudSSOUserSpec
	groupSpec = v1alpha1.CloudSSOGroupSpec
)

var userFields = fields[userSpec]{
	scalar(schema.UserName, func(s *userSpec) *string { return &s.UserName }),
	scalar(schema.ExternalID, func(s *userSpec) *string { return &s.ExternalID }),
	scalar(userAttribute("displayName"), func(s *userSpec) *string { return &s.DisplayName }),
	scalar(userAttribute("nickName"), func(s *userSpec) *string { return &s.NickName }),
	scalar(userAttribute("profileUrl"), func(s *userSpec) *string { return &s.ProfileURL }),
	scalar(userAttribute("title"), func(s *userSpec) *string { return &s.Title }),
	scalar(userAttribute("userType"), func(s *userSpec) *string { return &s.UserType }),
	scalar(userAttribute("preferredLanguage"), func(s *userSpec) *string { return &s.PreferredLanguage }),
	scalar(userAttribute("locale"), func(s *userSpec) *string { return &s.Locale }),
	scalar(userAttribute("timezone"), func(s *userSpec) *string { return &s.Timezone }),
	trueUnlessSet(schema.Active, func(s *userSpec) **bool { return &s.Active }),
	complexValue(schema.Name, func(s *userSpec) **v1alpha1.Name { return &s.Name }, nameFields),
	values("emails", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Emails }),
	values("phoneNumbers", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.PhoneNumbers }),
	values("ims", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.IMs }),
	values("photos", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Photos }),
	multiValue(addresses, func(s *userSpec) *[]v1alpha1.Address { return &s.Addresses }, addressFields),
	values("entitlements", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Entitlements }),
	values("roles", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Roles }),
	multiValue(certificates, func(s *userSpec) *[]v1alpha1.Certificate { return &s.X509Certificates }, certificateFields),
	complexValue(schema.Enterprise, func(s *userSpec) **v1alpha1.Enterprise { return &s.Enterprise }, enterpriseFields),
}

var nameFields = fields[v1alpha1.Name]{
	scalar(schema.Name.Sub("formatted"), func(n *v1alpha1.Name) *string { return &n.Formatted }),
	scalar(schema.Name.Sub("familyName"), func(n *v1alpha1.Name) *string { return &n.FamilyName }),
	scalar(schema.Name.Sub("givenName"), func(n *v1alpha1.Name) *string { return &n.GivenName }),
	scalar(schema.Name.Sub("middleName"), func(n *v1alpha1.Name) *string { return &n.MiddleName }),
	scalar(schema.Name.Sub("honorificPrefix"), func(n *v1alpha1.Name) *string { return &n.HonorificPrefix }),
	scalar(schema.Name.Sub("honorificSuffix"), func(n *v1alpha1.Name) *string { return &n.HonorificSuffix }),
}

// values maps a multi-valued attribute with the sub-attributes of RFC 7643 section 2.4.
func values(name string, at func(*userSpec) *[]v1alpha1.MultiValue) field[userSpec] {
	a := userAttribute(name)
	return multiValue(a, at, fields[v1alpha1.MultiValue]{
		scalar(a.Sub("value"), func(v *v1alpha1.MultiValue) *string { return &v.Value }),
		scalar(a.Sub("display"), func(v *v1alpha1.MultiValue) *string { return &v.Display }),
		scalar(a.Sub("type"), func(v *v1alpha1.MultiValue) *string { return &v.Type }),
		mark(a.Sub("primary"), func(v *v1alpha1.MultiValue) **bool { return &v.Primary }),
	})
}

var addresses = userAttribute("addresses")

var addressFields = fields[v1alpha1.Address]{
	scalar(addresses.Sub("formatted"), func(a *v1alpha1.Address) *string { return &a.Formatted }),
	scalar(addresses.Sub("streetAddress"), func(a *v1alpha1.Address) *string { return &a.StreetAddress }),
	scalar(addresses.Sub("locality"), func(a *v1alpha1.Address) *string { return &a.Locality }),
	scalar(addresses.Sub("region"), func(a *v1alpha1.Address) *string { return &a.Region }),
	scalar(addresses.Sub("postalCode"), func(a *v1alpha1.Address) *string { return &a.PostalCode }),
	scalar(addresses.Sub("country"), func(a *v1alpha1.Address) *string { return &a.Country }),
	scalar(addresses.Sub("type"), func(a *v1alpha1.Address) *string { return &a.Type }),
	mark(addresses.Sub("primary"), func(a *v1alpha1.Address) **bool { return &a.Primary }),
}

var certificates = userAttribute("x509Certificates")

var certificateFields = fields[v1alpha1.Certificate]{
	scalar(certificates.Sub("value"), func(c *v1alpha1.Certificate) *string { return &c.Value }),
	scalar(certificates.Sub("display"), func(c *v1alpha1.Certificate) *string { return &c.Display }),
	scalar(certificates.Sub("type"), func(c *v1alpha1.Certificate) *string { return &c.Type }),
	mark(certificates.Sub("primary"), func(c *v1alpha1.Certificate) **bool { return &c.Primary }),
}

var enterpriseFields = fields[v1alpha1.Enterprise]{
	scalar(schema.Enterprise.Sub("employeeNumber"), func(e *v1alpha1.Enterprise) *string { return &e.EmployeeNumber }),
	scalar(schema.Enterprise.Sub("costCenter"), func(e *v1alpha1.Enterprise) *string { return &e.CostCenter }),
	scalar(schema.Enterprise.Sub("organization"), func(e *v1alpha1.Enterprise) *string { return &e.Organization }),
	scalar(schema.Enterprise.Sub("division"), func(e *v1alpha1.Enterprise) *string { return &e.Division }),
	scalar(schema.Enterprise.Sub("department"), func(e *v1alpha1.Enterprise) *string { return &e.Department }),
	complexValue(manager, func(e *v1alpha1.Enterprise) **v1alpha1.Manager { return &e.Manager }, managerFields),
}

var manager = schema.Enterprise.Sub("manager")

var managerFields = fields[v1alpha1.Manager]{
	scalar(manager.Sub("value"), func(m *v1alpha1.Manager) *string { return &m.Value }),
	scalar(manager.Sub("$ref"), func(m *v1alpha1.Manager) *string { return &m.Ref }),
	scalar(manager.Sub("displayName"), func(m *v1alpha1.Manager) *string { return &m.DisplayName }),
}

var groupFields = fields[groupSpec]{
	scalar(schema.GroupDisplayName, func(s *groupSpec) *string { return &s.DisplayName }),
	scalar(schema.ExternalID, func(s *groupSpec) *string { return &s.ExternalID }),
}

func userAttribute(name string) *schema.Attribute { return schema.User.Attribute(name) }
