package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxCredentials is how many credentials of a directory can authenticate: two, so that one can be rotated.
const MaxCredentials = 2

// The Secret of a credential has the credential's name, this type, and these keys.
const (
	// SecretTypeSCIMCredential is the only type of Secret that the operator reads or writes.
	SecretTypeSCIMCredential = "cloudsso.dev/scim-credential"
	// SecretKeyToken holds the bearer token. It should be removed after hand-out.
	SecretKeyToken = "token"
	// SecretKeyTokenHash holds the token's SHA-256 in lower-case hex, which authenticates requests.
	SecretKeyTokenHash = "tokenHash"
	// SecretKeyEndpoint holds the SCIM base URL, for the identity provider.
	SecretKeyEndpoint = "endpoint"
)

// SCIMCredentialSpec declares a bearer credential of the namespace's directory.
type SCIMCredentialSpec struct {
	// description says what the credential is for: "Okta production".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// disabled refuses the credential within a second, on every replica. If it is set to false, the credential
	// is accepted again.
	//
	// +optional
	Disabled bool `json:"disabled,omitempty"`

	// expiresAt is when the credential expires. A time in the past ends it now. If absent, it expires one year
	// after it was created.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('2000-01-01T00:00:00Z')",message="expiresAt is a time of RFC 3339 after 1999, as in 2027-01-31T00:00:00Z: leave it out for one year from creation"
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// SCIMCredentialStatus is the observed state of a credential. It never holds the token.
type SCIMCredentialStatus struct {
	// observedGeneration is the spec generation this status was computed from.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, Expiring.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// slotHeldSince is when the credential got one of its directory's two slots. The credential keeps the slot
	// until it is deleted.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="slotHeldSince is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	SlotHeldSince *metav1.Time `json:"slotHeldSince,omitempty"`

	// expiresAt is when the credential expires.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="expiresAt is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// secretName is the Secret, of the credential's name and namespace, that holds the token and its hash.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// lastUsedTime is when the credential last authenticated a request. It is at most a minute behind.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="lastUsedTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	LastUsedTime *metav1.Time `json:"lastUsedTime,omitempty"`
}

// Conditions and reasons of a SCIMCredential.
const (
	// ConditionExpiring is True from 90 days before the credential expires.
	ConditionExpiring = "Expiring"

	// ReasonDisabledCredential: spec.disabled is true.
	ReasonDisabledCredential = "Disabled"
	// ReasonExpired: the credential has expired.
	ReasonExpired = "Expired"
	// ReasonQuotaExceeded: two other credentials hold the directory's slots.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonSecretConflict: a Secret of the credential's name exists that is not of the credential type.
	ReasonSecretConflict = "SecretConflict"
	// ReasonSecretInvalid: the Secret holds no token or hash, or a token shorter than 32 bytes.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonTokenConflict: another credential has the same token; neither authenticates.
	ReasonTokenConflict = "TokenConflict"
	// ReasonExpiresSoon is the reason of a True Expiring condition.
	ReasonExpiresSoon = "ExpiresSoon"
	// ReasonFarFromExpiry is the reason of a False Expiring condition.
	ReasonFarFromExpiry = "FarFromExpiry"
)

// SCIMCredential is a bearer credential for the SCIM service of its namespace's directory.
// Its token is in the Secret of the same name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=scimcredentials,shortName=scimcred,categories=cloudsso
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Last used",type=date,JSONPath=`.status.lastUsedTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Description",type=string,priority=1,JSONPath=`.spec.description`
type SCIMCredential struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the credential, as declared.
	//
	// +optional
	Spec SCIMCredentialSpec `json:"spec,omitempty"`

	// status is the observed state. Only the operator writes it.
	//
	// +optional
	Status SCIMCredentialStatus `json:"status,omitempty"`
}

// SCIMCredentialList is a list of SCIMCredential.
//
// +kubebuilder:object:root=true
type SCIMCredentialList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SCIMCredential `json:"items"`
}
