package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CloudSSOUserSpec is one user, in the shape and with the names of the SCIM core User schema
// (RFC 7643 section 4.1), so that kubectl shows what the identity provider sent.
//
// Lengths count characters (Unicode code points). The bounds only refuse abuse: they are wide enough for every value
// that a provider sends about a person. The bound of all multi-valued attributes together is that of internal/scim/limits
// for a resource, so that a user always fits into etcd.
//
// +kubebuilder:validation:XValidation:rule="(has(self.emails) ? self.emails.map(v, (has(v.value) ? size(v.value) : 0) + (has(v.display) ? size(v.display) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) + (has(self.phoneNumbers) ? self.phoneNumbers.map(v, (has(v.value) ? size(v.value) : 0) + (has(v.display) ? size(v.display) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) + (has(self.ims) ? self.ims.map(v, (has(v.value) ? size(v.value) : 0) + (has(v.display) ? size(v.display) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) + (has(self.photos) ? self.photos.map(v, (has(v.value) ? size(v.value) : 0) + (has(v.display) ? size(v.display) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) + (has(self.entitlements) ? self.entitlements.map(v, (has(v.value) ? size(v.value) : 0) + (has(v.display) ? size(v.display) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) + (has(self.roles) ? self.roles.map(v, (has(v.value) ? size(v.value) : 0) + (has(v.display) ? size(v.display) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) + (has(self.addresses) ? self.addresses.map(v, (has(v.formatted) ? size(v.formatted) : 0) + (has(v.streetAddress) ? size(v.streetAddress) : 0) + (has(v.locality) ? size(v.locality) : 0) + (has(v.region) ? size(v.region) : 0) + (has(v.postalCode) ? size(v.postalCode) : 0) + (has(v.country) ? size(v.country) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) + (has(self.x509Certificates) ? self.x509Certificates.map(v, (has(v.value) ? size(v.value) : 0) + (has(v.display) ? size(v.display) : 0) + (has(v.type) ? size(v.type) : 0)).sum() : 0) <= 65536",message="emails, phoneNumbers, ims, photos, addresses, entitlements, roles and x509Certificates have at most 65536 characters together: remove or shorten some of their values"
// +kubebuilder:validation:XValidation:rule="!has(self.deprovisionedAt) || self.source == 'SCIM'",message="deprovisionedAt is for users of source SCIM only: to disable a Manual user set suspended: true, or delete the user",fieldPath=".deprovisionedAt",reason=FieldValueForbidden
// +kubebuilder:validation:XValidation:rule="!has(self.withheld) || self.source == 'SCIM'",message="withheld is for users of source SCIM only: a Manual user has no identity provider whose deactivation could be withheld",fieldPath=".withheld",reason=FieldValueForbidden
type CloudSSOUserSpec struct {
	// source says who owns this user: SCIM means an identity provider, Manual a person or GitOps. Only the
	// operator sets SCIM. A Manual user can become a SCIM user (adoption), but not the reverse.
	//
	// +optional
	// +kubebuilder:default=Manual
	// +kubebuilder:validation:XValidation:rule="self == oldSelf || self == 'SCIM'",message="source goes from Manual to SCIM, never back: to own this user by hand, set the directory's scimSynchronization to Disabled, delete the user and create it again with source Manual"
	Source Source `json:"source,omitempty"`

	// userName identifies the user to people and to the identity provider (RFC 7643 section 4.1.1). It is stored as
	// sent and compared without case (Unicode case folding and NFKC), and is unique among the directory's live users.
	// It may have any character but control characters.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'[^\p{Z}\p{Cf}]')`,message="userName is blank: it needs at least one visible character"
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="userName has a control character in it: remove line breaks, tabs and the like"
	UserName string `json:"userName"`

	// externalId is the identity provider's own identifier of this user (RFC 7643 section 3.1), set by the
	// provider and compared exactly. A disabled user that the provider creates again with the same userName and the
	// same externalId is restored: the object and its memberships stay.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ExternalID string `json:"externalId,omitempty"`

	// active is false if the identity provider has disabled the user (RFC 7643 section 4.1.1). If absent, it is true.
	//
	// +optional
	Active *bool `json:"active,omitempty"`

	// suspended is set by an administrator: a suspended user has no effect, even if active is true. No identity
	// provider can read or change it. It may be changed at any time.
	//
	// +optional
	Suspended bool `json:"suspended,omitempty"`

	// deprovisionedAt is when the identity provider deleted this user (RFC 7644 section 3.6). The object
	// stays, without effect and memberships, and its userName is free. A user that the provider creates later is
	// another object, with another id. Only on users of source SCIM.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="deprovisionedAt is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	DeprovisionedAt *metav1.Time `json:"deprovisionedAt,omitempty"`

	// withheld is a deactivation by the identity provider that exceeded spec.disablementBudget of the directory. The user
	// stays as it is until an administrator decides. The operator alone sets and removes it; an administrator sets its
	// decision. Only on users of source SCIM.
	//
	// +optional
	Withheld *WithheldDeactivation `json:"withheld,omitempty"`

	// name holds the parts of the user's name (RFC 7643 section 4.1.1).
	//
	// +optional
	Name *Name `json:"name,omitempty"`

	// displayName is the name shown to people, preferably the full name (RFC 7643 section 4.1.1).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`

	// nickName is the casual way to address the user: "Bob" (RFC 7643 section 4.1.1).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	NickName string `json:"nickName,omitempty"`

	// profileUrl is the address of the user's online profile (RFC 7643 section 4.1.1).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	ProfileURL string `json:"profileUrl,omitempty"`

	// title is the user's job title: "Vice President" (RFC 7643 section 4.1.1).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Title string `json:"title,omitempty"`

	// userType is the relation of the user to the organization: "Employee", "Contractor"
	// (RFC 7643 section 4.1.1).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	UserType string `json:"userType,omitempty"`

	// preferredLanguage is the language that the user reads, as in HTTP's Accept-Language: "de-AT, en;q=0.8"
	// (RFC 7643 section 4.1.1, RFC 9110 section 12.5.4).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	PreferredLanguage string `json:"preferredLanguage,omitempty"`

	// locale is how numbers, dates and currencies are shown to the user, a language tag of RFC 5646:
	// "de-AT" (RFC 7643 section 4.1.1).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Locale string `json:"locale,omitempty"`

	// timezone is the user's time zone in the IANA database: "Europe/Berlin" (RFC 7643 section 4.1.1).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Timezone string `json:"timezone,omitempty"`

	// emails are the user's email addresses (RFC 7643 section 4.1.2).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one email is primary: set primary: true on one of them only"
	Emails []MultiValue `json:"emails,omitempty"`

	// phoneNumbers are the user's telephone numbers, preferably as tel URIs of RFC 3966 (RFC 7643 section 4.1.2).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one phone number is primary: set primary: true on one of them only"
	PhoneNumbers []MultiValue `json:"phoneNumbers,omitempty"`

	// ims are the user's instant messaging addresses (RFC 7643 section 4.1.2).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one instant messaging address is primary: set primary: true on one of them only"
	IMs []MultiValue `json:"ims,omitempty"`

	// photos are URIs of the user's photos, including data URIs that fit (RFC 7643 section 4.1.2).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one photo is primary: set primary: true on one of them only"
	Photos []MultiValue `json:"photos,omitempty"`

	// addresses are the user's postal addresses (RFC 7643 section 4.1.2).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one address is primary: set primary: true on one of them only"
	Addresses []Address `json:"addresses,omitempty"`

	// entitlements are the user's entitlements in the identity provider (RFC 7643 section 4.1.2). They grant no
	// access in the cluster.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one entitlement is primary: set primary: true on one of them only"
	Entitlements []MultiValue `json:"entitlements,omitempty"`

	// roles are the user's roles in the identity provider (RFC 7643 section 4.1.2). They grant no access in the
	// cluster.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one role is primary: set primary: true on one of them only"
	Roles []MultiValue `json:"roles,omitempty"`

	// x509Certificates are the user's certificates (RFC 7643 section 4.1.2).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.filter(v, has(v.primary) && v.primary).size() <= 1`,message="at most one certificate is primary: set primary: true on one of them only"
	X509Certificates []Certificate `json:"x509Certificates,omitempty"`

	// enterprise is the enterprise extension, urn:ietf:params:scim:schemas:extension:enterprise:2.0:User
	// (RFC 7643 section 4.3).
	//
	// +optional
	Enterprise *Enterprise `json:"enterprise,omitempty"`
}

// Deactivation is how an identity provider takes a user's effect.
//
// +kubebuilder:validation:Enum=Disable;Delete
type Deactivation string

const (
	// DeactivationDisable sets active to false.
	DeactivationDisable Deactivation = "Disable"
	// DeactivationDelete sets deprovisionedAt.
	DeactivationDelete Deactivation = "Delete"
)

// Decision is what an administrator decides about a withheld deactivation.
//
// +kubebuilder:validation:Enum=Apply;Discard
type Decision string

const (
	// DecisionApply carries the deactivation out.
	DecisionApply Decision = "Apply"
	// DecisionDiscard leaves the user as it is.
	DecisionDiscard Decision = "Discard"
)

// WithheldDeactivation is a deactivation that waits for an administrator.
type WithheldDeactivation struct {
	// what is Disable (active: false) or Delete (a SCIM DELETE).
	//
	// +required
	What Deactivation `json:"what"`

	// since is when the identity provider first asked for it.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="since is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Since metav1.Time `json:"since"`

	// credential is the name of the request's SCIMCredential.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Credential string `json:"credential,omitempty"`

	// requestID is the id of the request in the provisioning log.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	RequestID string `json:"requestID,omitempty"`

	// decision is set by an administrator: Apply or Discard. The operator carries it out and removes withheld.
	//
	// +optional
	Decision Decision `json:"decision,omitempty"`
}

// Name is the parts of a person's name (RFC 7643 section 4.1.1).
type Name struct {
	// formatted is the full name as it is shown: "Ms. Barbara J Jensen, III".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Formatted string `json:"formatted,omitempty"`

	// familyName is the last name: "Jensen".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	FamilyName string `json:"familyName,omitempty"`

	// givenName is the first name: "Barbara".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	GivenName string `json:"givenName,omitempty"`

	// middleName is the middle name or names: "Jane".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	MiddleName string `json:"middleName,omitempty"`

	// honorificPrefix is the title before the name: "Ms.".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	HonorificPrefix string `json:"honorificPrefix,omitempty"`

	// honorificSuffix is the suffix of the name: "III".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// MultiValue is one value of a multi-valued attribute (RFC 7643 section 2.4).
type MultiValue struct {
	// value is the address, number, URI or name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Value string `json:"value,omitempty"`

	// display is the value as shown to people.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Display string `json:"display,omitempty"`

	// type is the function of the value: "work", "home", "other". Any word a provider uses.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Type string `json:"type,omitempty"`

	// primary marks the preferred value; at most one in a list is primary. Absent means false.
	//
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// Certificate is one X.509 certificate of a user (RFC 7643 section 4.1.2).
type Certificate struct {
	// value is base64 (RFC 4648 section 4) of the certificate's DER.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Value string `json:"value,omitempty"`

	// display is the value as shown to people.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Display string `json:"display,omitempty"`

	// type is the function of the value: "work", "home", "other". Any word a provider uses.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Type string `json:"type,omitempty"`

	// primary marks the preferred value; at most one in a list is primary. Absent means false.
	//
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// Address is one postal address (RFC 7643 section 4.1.2).
type Address struct {
	// formatted is the whole address as on a letter. It may have line breaks.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Formatted string `json:"formatted,omitempty"`

	// streetAddress is the street and number, box or suite. It may have line breaks.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	StreetAddress string `json:"streetAddress,omitempty"`

	// locality is the city.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Locality string `json:"locality,omitempty"`

	// region is the state or region.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Region string `json:"region,omitempty"`

	// postalCode is the zip or postal code.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	PostalCode string `json:"postalCode,omitempty"`

	// country is the country, preferably as a two-letter code of ISO 3166-1. Other values are accepted, because
	// providers send names too.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Country string `json:"country,omitempty"`

	// type is the function of the address: "work", "home", "other". Any word a provider uses.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Type string `json:"type,omitempty"`

	// primary marks the preferred address; at most one in a list is primary. Absent means false.
	//
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// Enterprise is the enterprise extension of a user (RFC 7643 section 4.3).
type Enterprise struct {
	// employeeNumber is the number or code that the organization gave the user.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	EmployeeNumber string `json:"employeeNumber,omitempty"`

	// costCenter names a cost center.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	CostCenter string `json:"costCenter,omitempty"`

	// organization names an organization.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Organization string `json:"organization,omitempty"`

	// division names a division.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Division string `json:"division,omitempty"`

	// department names a department.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Department string `json:"department,omitempty"`

	// manager is the user's manager.
	//
	// +optional
	Manager *Manager `json:"manager,omitempty"`
}

// Manager is a user's manager, as the identity provider names them (RFC 7643 section 4.3).
type Manager struct {
	// value is the SCIM id of the manager. It may be the id of no user, because it is not checked.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`

	// $ref is the URI of the manager.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Ref string `json:"$ref,omitempty"`

	// displayName is the name of the manager, as the identity provider sends it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`
}

// UserState sums up a user's spec and name claim.
//
// +kubebuilder:validation:Enum=Active;Disabled;Suspended;Deprovisioned;Conflict
type UserState string

const (
	// UserActive has effect as a member.
	UserActive UserState = "Active"
	// UserDisabled was disabled by the identity provider (active: false).
	UserDisabled UserState = "Disabled"
	// UserSuspended was suspended by an administrator.
	UserSuspended UserState = "Suspended"
	// UserDeprovisioned was deleted by the identity provider.
	UserDeprovisioned UserState = "Deprovisioned"
	// UserConflict has a userName whose CloudSSONameClaim another live user holds.
	UserConflict UserState = "Conflict"
)

// CloudSSOUserStatus is the observed state of a user.
type CloudSSOUserStatus struct {
	// observedGeneration is the spec generation this status was computed from. Only users of source Manual have it,
	// because that of a synchronized user would need a write after each change of the profile.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, Effective, DeletionHeld. A synchronized user has none until there is something to report.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// state sums up active, suspended, deprovisionedAt and who holds the userName.
	//
	// +optional
	State UserState `json:"state,omitempty"`

	// claimedName is the userName, as spelled in spec, whose CloudSSONameClaim this user holds. Only users of source
	// Manual have it: they have effect only while it is their present userName.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ClaimedName string `json:"claimedName,omitempty"`
}

// Reasons of a False Effective condition of a user. With the first two Ready is False, with the others it is True,
// because the spec asks for them.
const (
	// ReasonUserNameConflict: another live user holds the CloudSSONameClaim of this userName.
	ReasonUserNameConflict = "UserNameConflict"
	// ReasonUserNamePending: the controller does not know yet which user holds this userName.
	ReasonUserNamePending = "UserNamePending"
	// ReasonDisabled: spec.active is false.
	ReasonDisabled = "Disabled"
	// ReasonSuspended: an administrator suspended the user.
	ReasonSuspended = "Suspended"
	// ReasonDeprovisioned: the identity provider deleted the user.
	ReasonDeprovisioned = "Deprovisioned"
)

// CloudSSOUser is one user of its namespace's directory. Its metadata.name is its SCIM id.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=cloudssousers,shortName=ssouser,categories=cloudsso
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.source`
// +kubebuilder:selectablefield:JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="UserName",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.source`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Email",type=string,priority=1,JSONPath=`.spec.emails[0].value`
// +kubebuilder:printcolumn:name="External ID",type=string,priority=1,JSONPath=`.spec.externalId`
// +kubebuilder:printcolumn:name="Withheld",type=string,priority=1,JSONPath=`.spec.withheld.what`
type CloudSSOUser struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the user, as declared or as the identity provider sent it.
	//
	// +required
	Spec CloudSSOUserSpec `json:"spec"`

	// status is the observed state. An active user that was created over SCIM has the default, without conditions,
	// until the controller has something to report.
	//
	// +optional
	// +kubebuilder:default={state: Active}
	Status CloudSSOUserStatus `json:"status,omitempty"`
}

// CloudSSOUserList is a list of CloudSSOUser.
//
// +kubebuilder:object:root=true
type CloudSSOUserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CloudSSOUser `json:"items"`
}
