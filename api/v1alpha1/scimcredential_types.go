package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxCredentials is how many credentials of a directory can authenticate: two, so that one can be rotated.
const MaxCredentials = 2

// The Secret of a minted token has this type and these keys. The operator creates it and never reads it.
const (
	// SecretTypeSCIMCredential is the only type of Secret that the operator may create.
	SecretTypeSCIMCredential = "cloudsso.dev/scim-credential"
	// SecretKeyToken holds the bearer token.
	SecretKeyToken = "token"
	// SecretKeyEndpoint holds the SCIM base URL, for the identity provider.
	SecretKeyEndpoint = "endpoint"
)

// TokenSource says where the token of a credential comes from.
//
// +kubebuilder:validation:Enum=Declared;Minted
type TokenSource string

const (
	// TokenDeclared says that the author of the credential made the token, and declared its hash.
	TokenDeclared TokenSource = "Declared"
	// TokenMinted says that the operator made the token, and wrote it into a Secret.
	TokenMinted TokenSource = "Minted"
)

// SCIMCredentialSpec declares a bearer credential of the namespace's directory.
//
// The rules on tokenHash are here. A rule on the field would permit its removal, and the API server would repeat the value
// that it refuses, which may be a token.
//
// +kubebuilder:validation:XValidation:rule="!has(self.tokenHash) || self.tokenHash.matches('^sha256:[0-9a-f]{64}$')",fieldPath=".tokenHash",message="tokenHash is \"sha256:\" and the 64 lower-case hex digits of the token's SHA-256: never the token itself"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.tokenHash) || has(self.tokenHash) && self.tokenHash == oldSelf.tokenHash",fieldPath=".tokenHash",message="tokenHash cannot be changed or removed: create another credential with the new token, and delete this one when the identity provider uses the new one"
type SCIMCredentialSpec struct {
	// description says what the credential is for: "Okta production". It may have several lines.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\P{Cc}\t\n]')`,message="description has a control character in it that is neither a line break nor a tab: remove it"
	Description string `json:"description,omitempty"`

	// tokenHash is the SHA-256 of the token: "sha256:" and 64 lower-case hex digits. A request that presents the
	// token authenticates as this credential. If absent, the operator mints a token into a new Secret, and writes
	// its hash here. Once set, it cannot be changed or removed.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=71
	TokenHash string `json:"tokenHash,omitempty"`

	// disabled refuses the credential within a second, on every replica. If it is set to false, the credential
	// is accepted again.
	//
	// +optional
	Disabled bool `json:"disabled,omitempty"`

	// expiresAt is when the credential expires. A time in the past ends it now. If absent, the operator writes the
	// time one year after the credential was created. A credential without it does not authenticate.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('2000-01-01T00:00:00Z')",message="expiresAt is a time of RFC 3339 after 1999, as in 2027-01-31T00:00:00Z: leave it out for one year from creation"
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// allowedNetworks are the networks that requests may come from, as CIDRs: "203.0.113.0/24", or "203.0.113.7/32" for
	// one address. A request from elsewhere is refused as if the token were wrong, within a second of a change and on every
	// replica. If absent, requests may come from everywhere. Behind a proxy the operator needs --trusted-proxies, because
	// it sees the proxy's address otherwise.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:XValidation:rule="self.all(n, isCIDR(n) && cidr(n) == cidr(n).masked())",message="each network is a CIDR without bits beyond its length, as in 203.0.113.0/24, or 203.0.113.7/32 for one address"
	AllowedNetworks []string `json:"allowedNetworks,omitempty"`
}

// SCIMCredentialStatus is the observed state of a credential. It never holds the token.
type SCIMCredentialStatus struct {
	// observedGeneration is the spec generation this status was computed from; -1 until the operator has written it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, Usable, Expiring.
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

	// tokenSource says whether the token's hash was declared, or the operator minted the token. It is absent while
	// the credential has no token.
	//
	// +optional
	TokenSource TokenSource `json:"tokenSource,omitempty"`

	// fingerprint is the first eight hex digits of the token's hash. Two tokens with different fingerprints are
	// different tokens.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=8
	Fingerprint string `json:"fingerprint,omitempty"`

	// secretName is the Secret that a minted token was written into. The operator never reads it, so it may have
	// been deleted since.
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
	// ConditionUsable is True while the credential authenticates. If it is not, the reason says why: that of the
	// condition Ready.
	ConditionUsable = "Usable"
	// ReasonUsable is the reason of a True Usable condition.
	ReasonUsable = "Usable"
	// ConditionExpiring is True from 90 days before the credential expires.
	ConditionExpiring = "Expiring"

	// ReasonDisabledCredential: spec.disabled is true. The credential is Ready, and not Usable.
	ReasonDisabledCredential = "Disabled"
	// ReasonExpired: the time in spec.expiresAt has passed. The credential is Ready, and not Usable. It is also the
	// reason of a True Expiring condition.
	ReasonExpired = "Expired"
	// ReasonQuotaExceeded: two other credentials hold the directory's slots.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonSecretRefused: no token was minted, because the API server refused its Secret, or a change of the spec.
	ReasonSecretRefused = "SecretRefused"
	// ReasonOldLayout: the token is in a Secret that an earlier version of the operator read.
	ReasonOldLayout = "OldLayout"
	// ReasonExpiryMissing: the credential was restored from a backup without spec.expiresAt.
	ReasonExpiryMissing = "ExpiryMissing"
	// ReasonTokenConflict: another credential of the directory has the same token; neither authenticates.
	ReasonTokenConflict = "TokenConflict"
	// ReasonExpiresSoon is the reason of a True Expiring condition until the credential expires.
	ReasonExpiresSoon = "ExpiresSoon"
	// ReasonFarFromExpiry is the reason of a False Expiring condition.
	ReasonFarFromExpiry = "FarFromExpiry"
)

// SCIMCredential is a bearer credential for the SCIM service of its namespace's directory.
// It holds the hash of its token, never the token.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=scimcredentials,shortName=scimcred,categories=cloudsso
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Usable",type=string,JSONPath=`.status.conditions[?(@.type=="Usable")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Usable")].reason`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Last used",type=date,JSONPath=`.status.lastUsedTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Token",type=string,priority=1,JSONPath=`.status.tokenSource`
// +kubebuilder:printcolumn:name="Fingerprint",type=string,priority=1,JSONPath=`.status.fingerprint`
// +kubebuilder:printcolumn:name="Secret",type=string,priority=1,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Description",type=string,priority=1,JSONPath=`.spec.description`
type SCIMCredential struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the credential, as declared. It has a default, because the API server does not apply the rule on
	// tokenHash to an absent spec.
	//
	// +optional
	// +kubebuilder:default={}
	Spec SCIMCredentialSpec `json:"spec,omitempty"`

	// status is the observed state. Only the operator writes it.
	//
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
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
