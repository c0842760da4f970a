package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxMembers is how many members one object holds: a write costs what the object weighs.
const MaxMembers = 1000

// CloudSSOGroupSpec is one group (RFC 7643 section 4.2).
//
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.sliced) && oldSelf.sliced) || (has(self.sliced) && self.sliced)",message="sliced stays true: the group has members in CloudSSOMembershipSlices"
type CloudSSOGroupSpec struct {
	// source says who owns this group: SCIM, an identity provider, or Manual, a person or GitOps. The
	// operator sets SCIM. It goes from Manual to SCIM (adoption), never back.
	//
	// +optional
	// +kubebuilder:default=Manual
	// +kubebuilder:validation:XValidation:rule="self == oldSelf || self == 'SCIM'",message="source goes from Manual to SCIM, never back: to own this group by hand, set the directory's scimSynchronization to Disabled, delete the group and create it anew with source Manual"
	Source Source `json:"source,omitempty"`

	// displayName identifies the group to people (RFC 7643 section 4.2). Kept as sent, compared without case
	// (Unicode case folding and NFKC), unique among the directory's groups. Any character but control
	// characters.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'[^\p{Z}\p{Cf}]')`,message="displayName is blank: it needs at least one visible character"
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="displayName has a control character in it: remove line breaks, tabs and the like"
	DisplayName string `json:"displayName"`

	// externalId is the identity provider's own identifier of this group (RFC 7643 section 3.1), set by the
	// provider and compared exactly.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ExternalID string `json:"externalId,omitempty"`

	// members are users of the same namespace, each listed once (RFC 7643 section 4.2). A disabled or
	// suspended one stays, without effect; a deprovisioned or deleted one leaves.
	// ---
	// The rule builds a map, which fails on the second of two equal names: one pass over the list, where
	// comparing each with each would cost more than the API server allows. It needs Kubernetes 1.33.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:XValidation:rule="self.transformMapEntry(i, m, {m.name: i}).size() == self.size()",message="a group lists each member once: remove the second entry of that name"
	Members []Member `json:"members,omitempty"`

	// sliced says that the group has outgrown one object: whoever joins from then on is in a
	// CloudSSOMembershipSlice of the group, and whoever leaves may leave either list. The operator sets it.
	//
	// +optional
	Sliced bool `json:"sliced,omitempty"`
}

// Member is one member of a group.
type Member struct {
	// name is the metadata.name of a CloudSSOUser in the group's namespace, which is its SCIM id.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="name is the metadata.name of a CloudSSOUser (lower-case letters, digits, '-' and '.'), not its userName: kubectl get cloudssousers shows both"
	Name string `json:"name"`
}

// CloudSSOGroupStatus is what the operator makes of a group.
type CloudSSOGroupStatus struct {
	// observedGeneration is the spec generation this status was computed from.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, DeletionHeld.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// members counts the members that exist, active or not.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Members *int32 `json:"members,omitempty"`

	// claimedName is the displayName, as spelled in spec, for which the operator has found this group to hold the
	// CloudSSONameClaim. Only groups of source Manual have it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ClaimedName string `json:"claimedName,omitempty"`

	// displayName as accepted: the holder of a name is the object whose name was accepted first.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
}

// Reasons of a group's Ready condition, beside ReasonReady.
const (
	// ReasonDisplayNameConflict: another group holds the CloudSSONameClaim of this displayName.
	ReasonDisplayNameConflict = "DisplayNameConflict"
	// ReasonUnknownMembers: members name users that do not exist.
	ReasonUnknownMembers = "UnknownMembers"
)

// CloudSSOGroup is one group of its namespace's directory. Its metadata.name is its SCIM id.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=cloudssogroups,shortName=ssogroup,categories=cloudsso
// +kubebuilder:selectablefield:JSONPath=`.spec.displayName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.source`
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.source`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="External ID",type=string,priority=1,JSONPath=`.spec.externalId`
type CloudSSOGroup struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the group, as declared or as the identity provider sent it.
	//
	// +required
	Spec CloudSSOGroupSpec `json:"spec"`

	// status is what the operator observed last.
	//
	// +optional
	Status CloudSSOGroupStatus `json:"status,omitempty"`
}

// CloudSSOGroupList is a list of CloudSSOGroup.
//
// +kubebuilder:object:root=true
type CloudSSOGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CloudSSOGroup `json:"items"`
}
