package directory

import (
	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// What each attribute is in the spec: the one place that names both.

var userTexts = texts[v1alpha1.CloudSSOUserSpec]{
	{schema.UserName, func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.UserName }},
	{schema.ExternalID, func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.ExternalID }},
	{userAttribute("displayName"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.DisplayName }},
	{userAttribute("nickName"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.NickName }},
	{userAttribute("profileUrl"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.ProfileURL }},
	{userAttribute("title"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.Title }},
	{userAttribute("userType"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.UserType }},
	{userAttribute("preferredLanguage"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.PreferredLanguage }},
	{userAttribute("locale"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.Locale }},
	{userAttribute("timezone"), func(s *v1alpha1.CloudSSOUserSpec) *string { return &s.Timezone }},
}

var nameTexts = texts[v1alpha1.Name]{
	{schema.Name.Sub("formatted"), func(n *v1alpha1.Name) *string { return &n.Formatted }},
	{schema.Name.Sub("familyName"), func(n *v1alpha1.Name) *string { return &n.FamilyName }},
	{schema.Name.Sub("givenName"), func(n *v1alpha1.Name) *string { return &n.GivenName }},
	{schema.Name.Sub("middleName"), func(n *v1alpha1.Name) *string { return &n.MiddleName }},
	{schema.Name.Sub("honorificPrefix"), func(n *v1alpha1.Name) *string { return &n.HonorificPrefix }},
	{schema.Name.Sub("honorificSuffix"), func(n *v1alpha1.Name) *string { return &n.HonorificSuffix }},
}

var userLists = []tied{
	values("emails", func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.MultiValue { return &s.Emails }),
	values("phoneNumbers", func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.MultiValue { return &s.PhoneNumbers }),
	values("ims", func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.MultiValue { return &s.IMs }),
	values("photos", func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.MultiValue { return &s.Photos }),
	addresses,
	values("entitlements", func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.MultiValue { return &s.Entitlements }),
	values("roles", func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.MultiValue { return &s.Roles }),
	certificates,
}

func values(name string, field func(*v1alpha1.CloudSSOUserSpec) *[]v1alpha1.MultiValue) multiValue[v1alpha1.MultiValue] {
	a := userAttribute(name)
	return multiValue[v1alpha1.MultiValue]{
		attribute: a,
		field:     field,
		texts: texts[v1alpha1.MultiValue]{
			{a.Sub("value"), func(v *v1alpha1.MultiValue) *string { return &v.Value }},
			{a.Sub("display"), func(v *v1alpha1.MultiValue) *string { return &v.Display }},
			{a.Sub("type"), func(v *v1alpha1.MultiValue) *string { return &v.Type }},
		},
		primary: func(v *v1alpha1.MultiValue) *bool { return &v.Primary },
	}
}

var addressesAttribute = userAttribute("addresses")

var addresses = multiValue[v1alpha1.Address]{
	attribute: addressesAttribute,
	field:     func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.Address { return &s.Addresses },
	texts: texts[v1alpha1.Address]{
		{addressesAttribute.Sub("formatted"), func(a *v1alpha1.Address) *string { return &a.Formatted }},
		{addressesAttribute.Sub("streetAddress"), func(a *v1alpha1.Address) *string { return &a.StreetAddress }},
		{addressesAttribute.Sub("locality"), func(a *v1alpha1.Address) *string { return &a.Locality }},
		{addressesAttribute.Sub("region"), func(a *v1alpha1.Address) *string { return &a.Region }},
		{addressesAttribute.Sub("postalCode"), func(a *v1alpha1.Address) *string { return &a.PostalCode }},
		{addressesAttribute.Sub("country"), func(a *v1alpha1.Address) *string { return &a.Country }},
		{addressesAttribute.Sub("type"), func(a *v1alpha1.Address) *string { return &a.Type }},
	},
	primary: func(a *v1alpha1.Address) *bool { return &a.Primary },
}

var certificatesAttribute = userAttribute("x509Certificates")

var certificates = multiValue[v1alpha1.Certificate]{
	attribute: certificatesAttribute,
	field:     func(s *v1alpha1.CloudSSOUserSpec) *[]v1alpha1.Certificate { return &s.X509Certificates },
	texts: texts[v1alpha1.Certificate]{
		{certificatesAttribute.Sub("value"), func(c *v1alpha1.Certificate) *string { return &c.Value }},
		{certificatesAttribute.Sub("display"), func(c *v1alpha1.Certificate) *string { return &c.Display }},
		{certificatesAttribute.Sub("type"), func(c *v1alpha1.Certificate) *string { return &c.Type }},
	},
	primary: func(c *v1alpha1.Certificate) *bool { return &c.Primary },
}

var enterpriseTexts = texts[v1alpha1.Enterprise]{
	{schema.Enterprise.Sub("employeeNumber"), func(e *v1alpha1.Enterprise) *string { return &e.EmployeeNumber }},
	{schema.Enterprise.Sub("costCenter"), func(e *v1alpha1.Enterprise) *string { return &e.CostCenter }},
	{schema.Enterprise.Sub("organization"), func(e *v1alpha1.Enterprise) *string { return &e.Organization }},
	{schema.Enterprise.Sub("division"), func(e *v1alpha1.Enterprise) *string { return &e.Division }},
	{schema.Enterprise.Sub("department"), func(e *v1alpha1.Enterprise) *string { return &e.Department }},
}

var managerAttribute = schema.Enterprise.Sub("manager")

var managerTexts = texts[v1alpha1.Manager]{
	{managerAttribute.Sub("value"), func(m *v1alpha1.Manager) *string { return &m.Value }},
	{managerAttribute.Sub("$ref"), func(m *v1alpha1.Manager) *string { return &m.Ref }},
	{managerAttribute.Sub("displayName"), func(m *v1alpha1.Manager) *string { return &m.DisplayName }},
}

var groupTexts = texts[v1alpha1.CloudSSOGroupSpec]{
	{schema.GroupDisplayName, func(s *v1alpha1.CloudSSOGroupSpec) *string { return &s.DisplayName }},
	{schema.ExternalID, func(s *v1alpha1.CloudSSOGroupSpec) *string { return &s.ExternalID }},
}

func userAttribute(name string) *schema.Attribute { return schema.User.Attribute(name) }
