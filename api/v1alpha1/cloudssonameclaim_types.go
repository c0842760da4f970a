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

	// acquiredAt is when the holder acquired the claim, or refreshed it, last. A claim whose holder does not
	// have the name can be taken over some time after it.
	//
	// +required
	AcquiredAt metav1.MicroTime `json:"acquiredAt"`
}

// CloudSSONameClaim says which user holds a userName, or which group a displayName, in its namespace.
// The API server keeps metadata.name unique and nothing else, so each name is an object. The operator alone
// writes claims, as the endpoints controller does EndpointSlices. People read them to find out who holds a name.
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
