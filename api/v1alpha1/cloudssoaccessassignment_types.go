package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxTargetNamespaces is how many namespaces an assignment may name, because the API server checks the author's right to
// bind in each of them.
const MaxTargetNamespaces = 16

// CloudSSOAccessAssignmentSpec is one grant: a principal gets a role in a target.
//
// +kubebuilder:validation:XValidation:rule="!has(self.notBefore) || !has(self.expiresAt) || self.notBefore < self.expiresAt",message="notBefore is not before expiresAt: the assignment would never be in effect",fieldPath=".notBefore"
// +kubebuilder:validation:XValidation:rule="self.roleRef.kind == 'ClusterRole' || !has(self.target.cluster)",message="a Role belongs to a namespace: for the whole cluster name a ClusterRole",fieldPath=".roleRef.kind"
type CloudSSOAccessAssignmentSpec struct {
	// principal is the group or user of this namespace's directory that gets access.
	//
	// +required
	Principal AccessPrincipal `json:"principal"`

	// roleRef is the role that the users get. The operator may bind only the roles that its own rules name.
	//
	// +required
	RoleRef AccessRoleRef `json:"roleRef"`

	// target is where the users get the role.
	//
	// +required
	Target AccessTarget `json:"target"`

	// notBefore is when access begins. Without it, access begins at once.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="notBefore is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// expiresAt is when access ends. Without it, access has no end.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="expiresAt is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// mode is Enforce, or Preview: then the status says what would be granted, and nothing is.
	//
	// +optional
	// +kubebuilder:default=Enforce
	Mode AccessMode `json:"mode,omitempty"`

	// includeManual lets users of source Manual count that are members of a group of source SCIM.
	//
	// +optional
	IncludeManual bool `json:"includeManual,omitempty"`
}

// AccessMode says whether an assignment grants.
//
// +kubebuilder:validation:Enum=Enforce;Preview
type AccessMode string

const (
	// AccessEnforce grants.
	AccessEnforce AccessMode = "Enforce"
	// AccessPreview grants nothing; the status says what would be granted.
	AccessPreview AccessMode = "Preview"
)

// PrincipalKind is the kind of a principal.
//
// +kubebuilder:validation:Enum=CloudSSOGroup;CloudSSOUser
type PrincipalKind string

const (
	// PrincipalGroup is a CloudSSOGroup: its members get access.
	PrincipalGroup PrincipalKind = "CloudSSOGroup"
	// PrincipalUser is one CloudSSOUser.
	PrincipalUser PrincipalKind = "CloudSSOUser"
)

// AccessPrincipal names a group or a user of the assignment's namespace.
//
// +kubebuilder:validation:XValidation:rule="[has(self.displayName), has(self.userName), has(self.externalId), has(self.name)].filter(given, given).size() == 1",message="name the principal in exactly one way: displayName of a group, userName of a user, externalId, or name"
// +kubebuilder:validation:XValidation:rule="!has(self.displayName) || self.kind == 'CloudSSOGroup'",message="displayName names a group: give kind CloudSSOGroup, or userName instead",fieldPath=".displayName"
// +kubebuilder:validation:XValidation:rule="!has(self.userName) || self.kind == 'CloudSSOUser'",message="userName names a user: give kind CloudSSOUser, or displayName instead",fieldPath=".userName"
type AccessPrincipal struct {
	// kind is CloudSSOGroup or CloudSSOUser.
	//
	// +required
	Kind PrincipalKind `json:"kind"`

	// displayName finds a group of source SCIM, without regard to case.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="displayName has a control character in it: remove line breaks, tabs and the like"
	DisplayName string `json:"displayName,omitempty"`

	// userName finds a user of source SCIM, without regard to case.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="userName has a control character in it: remove line breaks, tabs and the like"
	UserName string `json:"userName,omitempty"`

	// externalId finds a group or user of source SCIM, exactly.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="externalId has a control character in it: remove line breaks, tabs and the like"
	ExternalID string `json:"externalId,omitempty"`

	// name is the metadata.name of a group or user of either source.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="name is the metadata.name of a CloudSSOGroup or CloudSSOUser (lower-case letters, digits, '-' and '.'): give what people know by displayName, userName or externalId"
	Name string `json:"name,omitempty"`

	// confirmed is the metadata.name of the object that may replace the principal, when another object has come under the
	// name that the assignment gives (reason PrincipalChanged). Setting it takes the same right as creating the assignment.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="confirmed is the metadata.name of a CloudSSOGroup or CloudSSOUser (lower-case letters, digits, '-' and '.'), as the condition Ready shows it"
	Confirmed string `json:"confirmed,omitempty"`
}

// RoleKind is the kind of a role.
//
// +kubebuilder:validation:Enum=ClusterRole;Role
type RoleKind string

const (
	// RoleKindClusterRole is a ClusterRole.
	RoleKindClusterRole RoleKind = "ClusterRole"
	// RoleKindRole is a Role, of that name in each target namespace.
	RoleKindRole RoleKind = "Role"
)

// AccessRoleRef names a role of Kubernetes RBAC.
type AccessRoleRef struct {
	// kind is ClusterRole or Role.
	//
	// +required
	Kind RoleKind `json:"kind"`

	// name of the role.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[/%\p{Cc}]|^\.\.?$')`,message="name is the metadata.name of a ClusterRole or Role, without its kind, \"/\" or \"%\""
	Name string `json:"name"`
}

// AccessTarget says where a role is granted.
//
// +kubebuilder:validation:XValidation:rule="[has(self.cluster), has(self.namespaces), has(self.namespaceSelector)].filter(given, given).size() == 1",message="give exactly one target: cluster: true, namespaces, or namespaceSelector"
type AccessTarget struct {
	// cluster: true grants a ClusterRole in the whole cluster.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self",message="cluster is true or absent"
	Cluster *bool `json:"cluster,omitempty"`

	// namespaces grants the role in these namespaces.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="a namespace is named by lower-case letters, digits and '-', without wildcards: to grant in many namespaces, give namespaceSelector"
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceSelector grants the role in every namespace with these labels, also in those that are created later. An
	// empty selector is every namespace that is not excluded.
	//
	// +optional
	NamespaceSelector *NamespaceSelector `json:"namespaceSelector,omitempty"`
}

// NamespaceSelector selects namespaces by their labels: all that have every label and fulfil every expression. It is a
// LabelSelector of Kubernetes with bounds.
type NamespaceSelector struct {
	// matchLabels are the labels that a namespace has, each with its value.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k).hasValue() && !format.labelValue().validate(self[k]).hasValue())",message="matchLabels are labels as Kubernetes accepts them: a key such as example.com/team, and a value of at most 63 characters"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// matchExpressions are further conditions on the labels of a namespace.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []NamespaceSelectorRequirement `json:"matchExpressions,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// LabelSelector returns the selector as the LabelSelector of Kubernetes; nil, which selects nothing, for nil.
func (s *NamespaceSelector) LabelSelector() *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	selector := &metav1.LabelSelector{}
	for key, value := range s.MatchLabels {
		metav1.AddLabelToSelector(selector, key, string(value))
	}
	for _, e := range s.MatchExpressions {
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement(e))
	}
	return selector
}

// NamespaceSelectorRequirement is a condition on one label.
//
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] == (has(self.values) && self.values.size() > 0)",message="the operators In and NotIn need values, Exists and DoesNotExist have none",fieldPath=".values"
type NamespaceSelectorRequirement struct {
	// key of the label.
	//
	// +required
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="!format.qualifiedName().validate(self).hasValue()",message="key is the key of a label, such as example.com/team"
	Key string `json:"key"`

	// operator is In, NotIn, Exists or DoesNotExist.
	//
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
	Operator metav1.LabelSelectorOperator `json:"operator"`

	// values that the label has (In) or has not (NotIn).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="!format.labelValue().validate(self).hasValue()",message="a value of a label has at most 63 letters, digits, '-', '_' and '.'"
	Values []string `json:"values,omitempty"`
}

// PinnedPrincipal is the object that an assignment has found.
type PinnedPrincipal struct {
	// name is the metadata.name of the group or user.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// selector is how the assignment named the principal when it was found. Another selector finds another principal.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Selector string `json:"selector,omitempty"`

	// source is that of the group or user when it was found. An object of source Manual does not take the place of one of
	// source SCIM.
	//
	// +optional
	Source Source `json:"source,omitempty"`
}

// CloudSSOAccessAssignmentStatus is the observed state of an assignment.
type CloudSSOAccessAssignmentStatus struct {
	// observedGeneration is the spec generation this status was computed from; -1 until the operator has written it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready and Effective, and UsersSkipped and ManySubjects while they are True.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// principal is the object that was found first. It stays the principal through a rename; another object under its former
	// name grants nothing until spec.principal.confirmed names it.
	//
	// +optional
	Principal *PinnedPrincipal `json:"principal,omitempty"`

	// users is how many users have the role through this assignment, or would have it in mode Preview. It is at most ten
	// seconds behind.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int32 `json:"users,omitempty"`

	// namespaces is in how many namespaces; absent for the cluster.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Namespaces *int32 `json:"namespaces,omitempty"`

	// bindings is how many RoleBindings or ClusterRoleBindings hold the users.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Bindings *int32 `json:"bindings,omitempty"`
}

// Conditions of an assignment, beside ConditionReady and ConditionEffective.
const (
	// ConditionUsersSkipped is True while effective users of the principal are left out, because of their user names. It
	// names the first.
	ConditionUsersSkipped = "UsersSkipped"
	// ConditionManySubjects is True while a namespace, or the cluster, has so many subjects of bindings that they slow down
	// every request there.
	ConditionManySubjects = "ManySubjects"
)

// Reasons of a False Ready or Effective condition of an assignment, and of a True UsersSkipped condition.
const (
	// ReasonAccessNotInstalled: the operator was installed without access, so that it has no right to bind roles.
	ReasonAccessNotInstalled = "AccessNotInstalled"
	// ReasonPrincipalNotFound: no group or user has that name.
	ReasonPrincipalNotFound = "PrincipalNotFound"
	// ReasonPrincipalAmbiguous: several objects have that externalId, or it is not decided which one holds the name.
	ReasonPrincipalAmbiguous = "PrincipalAmbiguous"
	// ReasonPrincipalChanged: another object than the pinned one has the name now.
	ReasonPrincipalChanged = "PrincipalChanged"
	// ReasonRoleNotFound: the role does not exist, in one of the target namespaces at least.
	ReasonRoleNotFound = "RoleNotFound"
	// ReasonRoleNotAllowed: the operator may not bind this role.
	ReasonRoleNotAllowed = "RoleNotAllowed"
	// ReasonTargetExcluded: a target namespace is one in which the operator binds nothing.
	ReasonTargetExcluded = "TargetExcluded"
	// ReasonTargetNotFound: a target namespace does not exist.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonScheduled: notBefore has not come.
	ReasonScheduled = "Scheduled"
	// ReasonAccessExpired: expiresAt has passed.
	ReasonAccessExpired = "Expired"
	// ReasonPreview: mode is Preview.
	ReasonPreview = "Preview"
	// ReasonUsernameConflict: several users get one Kubernetes user name.
	ReasonUsernameConflict = "UsernameConflict"
	// ReasonUsernameInvalid: a user gets no Kubernetes user name, or a reserved one.
	ReasonUsernameInvalid = "UsernameInvalid"
	// ReasonNoUsers: the principal has no effective user.
	ReasonNoUsers = "NoUsers"
	// ReasonTooManySubjects is the reason of a True ManySubjects condition.
	ReasonTooManySubjects = "TooManySubjects"
	// ReasonWriteRefused: the API server refused a binding.
	ReasonWriteRefused = "WriteRefused"
)

// CloudSSOAccessAssignment grants a role to a synchronized group or user.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=cloudssoaccessassignments,shortName=ssoaccess,categories=cloudsso
// +kubebuilder:printcolumn:name="Principal",type=string,JSONPath=`.spec.principal['displayName','userName','externalId','name']`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.roleRef.name`
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.target`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Effective",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Effective")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Effective")].reason`
// +kubebuilder:printcolumn:name="Expires",type=string,priority=1,JSONPath=`.spec.expiresAt`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="the name of an assignment has at most 63 characters, because its bindings have it as a label"
type CloudSSOAccessAssignment struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the assignment, as declared.
	//
	// +required
	Spec CloudSSOAccessAssignmentSpec `json:"spec"`

	// status is the observed state. Only the operator writes it.
	//
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status CloudSSOAccessAssignmentStatus `json:"status,omitempty"`
}

// CloudSSOAccessAssignmentList is a list of CloudSSOAccessAssignment.
//
// +kubebuilder:object:root=true
type CloudSSOAccessAssignmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CloudSSOAccessAssignment `json:"items"`
}
