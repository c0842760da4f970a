package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SliceSize is how many members the SCIM side puts into one object, a group or a slice: fewer than it
// could hold, because a write costs what the object weighs.
const SliceSize = 250

// CloudSSOMembershipSliceSpec is a part of one group's members (RFC 7643 section 4.2).
//
// +kubebuilder:validation:XValidation:rule="self.group == oldSelf.group",message="group cannot be changed: delete the slice and create another"
type CloudSSOMembershipSliceSpec struct {
	// source says who owns this slice, as it does of its group. A slice whose source is not that of its group
	// has no effect.
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
	// group's own list, or in another of its slices, is one member all the same.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:XValidation:rule="self.transformMapEntry(i, m, {m.name: i}).size() == self.size()",message="a slice lists each member once: remove the second entry of that name"
	Members []Member `json:"members,omitempty"`
}

// CloudSSOMembershipSlice holds members of a group that has outgrown one object, as an EndpointSlice holds
// endpoints. The group's own spec.members is the first slice; a small group has no other. The operator makes,
// fills and collects those of synchronized groups.
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
