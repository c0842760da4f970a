package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClaimedKind is the kind of object whose names are unique in a namespace.
//
// +kubebuilder:validation:Enum=CloudSSOUser;CloudSSOGroup
type ClaimedKind string

const (
	// ClaimedByUser claims a userName.
	ClaimedByUser ClaimedKind = "CloudSSOUser"
	// ClaimedByGroup claims a group's displayName.
	ClaimedByGroup ClaimedKind = "CloudSSOGroup"
)

// CloudSSONameClaimSpec says which object holds a name.
//
// +kubebuilder:validation:XValidation:rule="self.kind == oldSelf.kind && self.name == oldSelf.name",message="kind and name cannot be changed: metadata.name is computed from them"
type CloudSSONameClaimSpec struct {
	// kind is the kind of the holder: CloudSSOUser claims a userName, CloudSSOGroup a displayName.
	//
	// +required
	Kind ClaimedKind `json:"kind"`

	// name is the userName or displayName after Unicode case folding and NFKC, which is how names are
	// compared. Folding makes some characters longer, at most 18 times, hence the bound.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4608
	Name string `json:"name"`

	// holder is the metadata.name of the user or group that holds the name. The object may not exist yet:
	// the claim is written first.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Holder string `json:"holder"`

	// acquiredAt is when the holder last acquired or refreshed the claim. If the holder does not have the name,
	// another object can take the claim over some time after it.
	//
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="acquiredAt is a time of RFC 3339 with microseconds, as in 2027-01-31T00:00:00.000000Z"
	AcquiredAt metav1.MicroTime `json:"acquiredAt"`
}

// CloudSSONameClaim says which user holds a userName, or which group holds a displayName, in its namespace.
// The API server enforces uniqueness only for metadata.name, so each name is an object. Only the operator writes
// claims, as only the endpoints controller writes EndpointSlices. People read them to find the holder of a name.
//
// Its metadata.name is the holder's kind, the version of the folding of names, and 40 hex digits of the SHA-256
// of the folded name.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=cloudssonameclaims,shortName=ssoclaim
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.kind`
// +kubebuilder:printcolumn:name="Claimed name",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Holder",type=string,JSONPath=`.spec.holder`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CloudSSONameClaim struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which object holds which name.
	//
	// +required
	Spec CloudSSONameClaimSpec `json:"spec"`
}

// CloudSSONameClaimList is a list of CloudSSONameClaim.
//
// +kubebuilder:object:root=true
type CloudSSONameClaimList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CloudSSONameClaim `json:"items"`
}
