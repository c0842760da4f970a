package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SliceSize is how many members the SCIM service writes into one object, a group or a slice. It is less than
// MaxMembers, because the cost of a write grows with the object's size.
const SliceSize = 250

// CloudSSOMembershipSliceSpec is a part of one group's members (RFC 7643 section 4.2).
//
// +kubebuilder:validation:XValidation:rule="self.group == oldSelf.group",message="group cannot be changed: delete the slice and create another"
type CloudSSOMembershipSliceSpec struct {
	// source says who owns this slice. A slice has no effect if its group has another source.
	//
	// +optional
	// +kubebuilder:default=Manual
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="source of a slice cannot be changed: delete the slice and create another"
	Source Source `json:"source,omitempty"`

	// group is the metadata.name of the CloudSSOGroup whose members these are, of the same namespace.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group"`

	// members are users of the same namespace, each listed once in the slice. A user that is also in the
	// group's own list, or in another slice, is still one member.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:XValidation:rule="self.transformMapEntry(i, m, {m.name: i}).size() == self.size()",message="a slice lists each member once: remove the second entry of that name"
	Members []Member `json:"members,omitempty"`
}

// CloudSSOMembershipSlice holds members of a group that has too many for one object, as an EndpointSlice holds
// endpoints. The group's own spec.members holds the first members. The operator creates, fills and deletes the slices
// of synchronized groups.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=cloudssomembershipslices,shortName=ssoslice,categories=cloudsso
// +kubebuilder:selectablefield:JSONPath=`.spec.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.source`
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.group`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.source`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CloudSSOMembershipSlice struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the slice.
	//
	// +required
	Spec CloudSSOMembershipSliceSpec `json:"spec"`
}

// CloudSSOMembershipSliceList is a list of CloudSSOMembershipSlice.
//
// +kubebuilder:object:root=true
type CloudSSOMembershipSliceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CloudSSOMembershipSlice `json:"items"`
}
