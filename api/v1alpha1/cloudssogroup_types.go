package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxMembers is how many members one object has at most, because the cost of a write grows with the object's size.
const MaxMembers = 1000

// CloudSSOGroupSpec is one group (RFC 7643 section 4.2).
//
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.sliced) && oldSelf.sliced) || (has(self.sliced) && self.sliced)",message="sliced stays true: the group has members in CloudSSOMembershipSlices"
type CloudSSOGroupSpec struct {
	// source says who owns this group: SCIM means an identity provider, Manual a person or GitOps. Only the
	// operator sets SCIM. A Manual group can become a SCIM group (adoption), but not the reverse.
	//
	// +optional
	// +kubebuilder:default=Manual
	// +kubebuilder:validation:XValidation:rule="self == oldSelf || self == 'SCIM'",message="source goes from Manual to SCIM, never back: to own this group by hand, set the directory's scimSynchronization to Disabled, delete the group and create it again with source Manual"
	Source Source `json:"source,omitempty"`

	// displayName identifies the group to people (RFC 7643 section 4.2). It is stored as sent and compared without
	// case (Unicode case folding and NFKC), and is unique among the directory's groups. It may have any character
	// but control characters.
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
	// suspended member stays, without effect. A deprovisioned or deleted member is removed from a SCIM group.
	// ---
	// The rule builds a map, which fails on the second of two equal names. It passes over the list once, because
	// to compare all pairs would cost more than the API server allows. It needs Kubernetes 1.33.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:XValidation:rule="self.transformMapEntry(i, m, {m.name: i}).size() == self.size()",message="a group lists each member once: remove the second entry of that name"
	Members []Member `json:"members,omitempty"`

	// sliced is true if the group has too many members for one object. Later members are added to
	// CloudSSOMembershipSlices of the group, and members are removed from both lists. The operator sets it.
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

// CloudSSOGroupStatus is the observed state of a group.
type CloudSSOGroupStatus struct {
	// observedGeneration is the spec generation this status was computed from; -1 until the operator has written it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, Effective, ManualMembers, IneffectiveMembers, DeletionHeld.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// members is the number of members that exist, active or not.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Members *int32 `json:"members,omitempty"`

	// effectiveMembers is the number of members that have effect. Only groups of source Manual have it, because each
	// user that an identity provider disables would cost a write of all groups of that user.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	EffectiveMembers *int32 `json:"effectiveMembers,omitempty"`

	// manualMembers is the number of members of source Manual. Only groups of source SCIM have it: such a member was
	// added while synchronization was Disabled, and the identity provider neither sees nor removes it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ManualMembers *int32 `json:"manualMembers,omitempty"`

	// claimedName is the displayName, as spelled in spec, whose CloudSSONameClaim this group holds. Only groups of
	// source Manual have it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ClaimedName string `json:"claimedName,omitempty"`
}

// Conditions of a group, beside ConditionReady, ConditionEffective and ConditionDeletionHeld. A group that has no such
// members has no such condition.
const (
	// ConditionManualMembers is True on a group of source SCIM with members of source Manual. It names the first.
	ConditionManualMembers = "ManualMembers"
	// ReasonAddedByHand is the reason of a True ManualMembers condition.
	ReasonAddedByHand = "AddedByHand"

	// ConditionIneffectiveMembers is True on a group of source Manual with members that have no effect. It names the
	// first, each with the reason why.
	ConditionIneffectiveMembers = "IneffectiveMembers"
	// ReasonWithoutEffect is the reason of a True IneffectiveMembers condition.
	ReasonWithoutEffect = "WithoutEffect"
)

// Reasons of a group's False Ready condition. With the first two Effective is False too.
const (
	// ReasonDisplayNameConflict: another group holds the CloudSSONameClaim of this displayName.
	ReasonDisplayNameConflict = "DisplayNameConflict"
	// ReasonDisplayNamePending: the controller does not know yet which group holds this displayName.
	ReasonDisplayNamePending = "DisplayNamePending"
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
// +kubebuilder:printcolumn:name="Effective",type=integer,priority=1,JSONPath=`.status.effectiveMembers`
// +kubebuilder:printcolumn:name="Manual",type=integer,priority=1,JSONPath=`.status.manualMembers`
type CloudSSOGroup struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the group, as declared or as the identity provider sent it.
	//
	// +required
	Spec CloudSSOGroupSpec `json:"spec"`

	// status is the observed state. Only the operator writes it.
	//
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
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
