// Package convert maps the attributes of SCIM users and groups to the specs of their custom resources, and back.
//
//	attributes.go  which attribute is which field
//	fields.go      the kinds of fields
package convert

import (
	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// UserAttributes returns the attributes that a user's spec holds.
func UserAttributes(spec *v1alpha1.CloudSSOUserSpec) schema.Object { return userFields.read(spec) }

// SetUserAttributes makes the spec hold exactly these attributes. Fields that are not SCIM's stay.
func SetUserAttributes(o schema.Object, spec *v1alpha1.CloudSSOUserSpec) { userFields.write(o, spec) }

// UserAttribute returns one attribute of a user's spec, nil if it is unassigned, and whether the spec holds such an
// attribute at all.
func UserAttribute(spec *v1alpha1.CloudSSOUserSpec, a *schema.Attribute) (value any, known bool) {
	return userField(spec, a)
}

// GroupAttributes returns the attributes that a group's spec holds, without its members.
func GroupAttributes(spec *v1alpha1.CloudSSOGroupSpec) schema.Object { return groupFields.read(spec) }

// SetGroupAttributes makes the spec hold exactly these attributes. Fields that are not SCIM's, and members, stay.
func SetGroupAttributes(o schema.Object, spec *v1alpha1.CloudSSOGroupSpec) {
	groupFields.write(o, spec)
}

// GroupAttribute returns one attribute of a group's spec, nil if it is unassigned, and whether the spec holds such an
// attribute at all.
func GroupAttribute(spec *v1alpha1.CloudSSOGroupSpec, a *schema.Attribute) (value any, known bool) {
	return groupField(spec, a)
}

type (
	userSpec  = v1alpha1.CloudSSOUserSpec
	groupSpec = v1alpha1.CloudSSOGroupSpec
)

var userFields = fields[userSpec]{
	text[userSpec]{schema.UserName, func(s *userSpec) *string { return &s.UserName }},
	text[userSpec]{schema.ExternalID, func(s *userSpec) *string { return &s.ExternalID }},
	text[userSpec]{userAttribute("displayName"), func(s *userSpec) *string { return &s.DisplayName }},
	text[userSpec]{userAttribute("nickName"), func(s *userSpec) *string { return &s.NickName }},
	text[userSpec]{userAttribute("profileUrl"), func(s *userSpec) *string { return &s.ProfileURL }},
	text[userSpec]{userAttribute("title"), func(s *userSpec) *string { return &s.Title }},
	text[userSpec]{userAttribute("userType"), func(s *userSpec) *string { return &s.UserType }},
	text[userSpec]{userAttribute("preferredLanguage"), func(s *userSpec) *string { return &s.PreferredLanguage }},
	text[userSpec]{userAttribute("locale"), func(s *userSpec) *string { return &s.Locale }},
	text[userSpec]{userAttribute("timezone"), func(s *userSpec) *string { return &s.Timezone }},
	trueUnlessSet[userSpec]{schema.Active, func(s *userSpec) **bool { return &s.Active }},
	complexValue[userSpec, v1alpha1.Name]{schema.Name, func(s *userSpec) **v1alpha1.Name { return &s.Name }, nameFields},
	values("emails", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Emails }),
	values("phoneNumbers", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.PhoneNumbers }),
	values("ims", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.IMs }),
	values("photos", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Photos }),
	multiValue[userSpec, v1alpha1.Address]{addresses, func(s *userSpec) *[]v1alpha1.Address { return &s.Addresses }, addressFields},
	values("entitlements", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Entitlements }),
	values("roles", func(s *userSpec) *[]v1alpha1.MultiValue { return &s.Roles }),
	multiValue[userSpec, v1alpha1.Certificate]{certificates, func(s *userSpec) *[]v1alpha1.Certificate { return &s.X509Certificates }, certificateFields},
	complexValue[userSpec, v1alpha1.Enterprise]{schema.Enterprise, func(s *userSpec) **v1alpha1.Enterprise { return &s.Enterprise }, enterpriseFields},
}

var nameFields = fields[v1alpha1.Name]{
	text[v1alpha1.Name]{schema.Name.Sub("formatted"), func(n *v1alpha1.Name) *string { return &n.Formatted }},
	text[v1alpha1.Name]{schema.Name.Sub("familyName"), func(n *v1alpha1.Name) *string { return &n.FamilyName }},
	text[v1alpha1.Name]{schema.Name.Sub("givenName"), func(n *v1alpha1.Name) *string { return &n.GivenName }},
	text[v1alpha1.Name]{schema.Name.Sub("middleName"), func(n *v1alpha1.Name) *string { return &n.MiddleName }},
	text[v1alpha1.Name]{schema.Name.Sub("honorificPrefix"), func(n *v1alpha1.Name) *string { return &n.HonorificPrefix }},
	text[v1alpha1.Name]{schema.Name.Sub("honorificSuffix"), func(n *v1alpha1.Name) *string { return &n.HonorificSuffix }},
}

// values maps a multi-valued attribute with the sub-attributes of RFC 7643 section 2.4.
func values(name string, at func(*userSpec) *[]v1alpha1.MultiValue) field[userSpec] {
	a := userAttribute(name)
	return multiValue[userSpec, v1alpha1.MultiValue]{a, at, fields[v1alpha1.MultiValue]{
		text[v1alpha1.MultiValue]{a.Sub("value"), func(v *v1alpha1.MultiValue) *string { return &v.Value }},
		text[v1alpha1.MultiValue]{a.Sub("display"), func(v *v1alpha1.MultiValue) *string { return &v.Display }},
		text[v1alpha1.MultiValue]{a.Sub("type"), func(v *v1alpha1.MultiValue) *string { return &v.Type }},
		mark[v1alpha1.MultiValue]{a.Sub("primary"), func(v *v1alpha1.MultiValue) **bool { return &v.Primary }},
	}}
}

var addresses = userAttribute("addresses")

var addressFields = fields[v1alpha1.Address]{
	text[v1alpha1.Address]{addresses.Sub("formatted"), func(a *v1alpha1.Address) *string { return &a.Formatted }},
	text[v1alpha1.Address]{addresses.Sub("streetAddress"), func(a *v1alpha1.Address) *string { return &a.StreetAddress }},
	text[v1alpha1.Address]{addresses.Sub("locality"), func(a *v1alpha1.Address) *string { return &a.Locality }},
	text[v1alpha1.Address]{addresses.Sub("region"), func(a *v1alpha1.Address) *string { return &a.Region }},
	text[v1alpha1.Address]{addresses.Sub("postalCode"), func(a *v1alpha1.Address) *string { return &a.PostalCode }},
	text[v1alpha1.Address]{addresses.Sub("country"), func(a *v1alpha1.Address) *string { return &a.Country }},
	text[v1alpha1.Address]{addresses.Sub("type"), func(a *v1alpha1.Address) *string { return &a.Type }},
	mark[v1alpha1.Address]{addresses.Sub("primary"), func(a *v1alpha1.Address) **bool { return &a.Primary }},
}

var certificates = userAttribute("x509Certificates")

var certificateFields = fields[v1alpha1.Certificate]{
	text[v1alpha1.Certificate]{certificates.Sub("value"), func(c *v1alpha1.Certificate) *string { return &c.Value }},
	text[v1alpha1.Certificate]{certificates.Sub("display"), func(c *v1alpha1.Certificate) *string { return &c.Display }},
	text[v1alpha1.Certificate]{certificates.Sub("type"), func(c *v1alpha1.Certificate) *string { return &c.Type }},
	mark[v1alpha1.Certificate]{certificates.Sub("primary"), func(c *v1alpha1.Certificate) **bool { return &c.Primary }},
}

var enterpriseFields = fields[v1alpha1.Enterprise]{
	text[v1alpha1.Enterprise]{schema.Enterprise.Sub("employeeNumber"), func(e *v1alpha1.Enterprise) *string { return &e.EmployeeNumber }},
	text[v1alpha1.Enterprise]{schema.Enterprise.Sub("costCenter"), func(e *v1alpha1.Enterprise) *string { return &e.CostCenter }},
	text[v1alpha1.Enterprise]{schema.Enterprise.Sub("organization"), func(e *v1alpha1.Enterprise) *string { return &e.Organization }},
	text[v1alpha1.Enterprise]{schema.Enterprise.Sub("division"), func(e *v1alpha1.Enterprise) *string { return &e.Division }},
	text[v1alpha1.Enterprise]{schema.Enterprise.Sub("department"), func(e *v1alpha1.Enterprise) *string { return &e.Department }},
	complexValue[v1alpha1.Enterprise, v1alpha1.Manager]{manager, func(e *v1alpha1.Enterprise) **v1alpha1.Manager { return &e.Manager }, managerFields},
}

var manager = schema.Enterprise.Sub("manager")

var managerFields = fields[v1alpha1.Manager]{
	text[v1alpha1.Manager]{manager.Sub("value"), func(m *v1alpha1.Manager) *string { return &m.Value }},
	text[v1alpha1.Manager]{manager.Sub("$ref"), func(m *v1alpha1.Manager) *string { return &m.Ref }},
	text[v1alpha1.Manager]{manager.Sub("displayName"), func(m *v1alpha1.Manager) *string { return &m.DisplayName }},
}

var groupFields = fields[groupSpec]{
	text[groupSpec]{schema.GroupDisplayName, func(s *groupSpec) *string { return &s.DisplayName }},
	text[groupSpec]{schema.ExternalID, func(s *groupSpec) *string { return &s.ExternalID }},
}

var (
	userField  = userFields.reader()
	groupField = groupFields.reader()
)

func userAttribute(name string) *schema.Attribute { return schema.User.Attribute(name) }
