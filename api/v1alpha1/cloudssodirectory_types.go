package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DirectoryName is the only name a CloudSSODirectory may have: one namespace, one directory.
const DirectoryName = "default"

// Synchronization is the position of a directory's switch.
//
// +kubebuilder:validation:Enum=Enabled;Disabled
type Synchronization string

const (
	// SynchronizationEnabled serves SCIM requests. Only the operator may change synchronized objects.
	SynchronizationEnabled Synchronization = "Enabled"
	// SynchronizationDisabled refuses SCIM requests. RBAC decides who may change synchronized objects.
	SynchronizationDisabled Synchronization = "Disabled"
)

// ExistingUsersPolicy says what a SCIM create does with the userName of a Manual user.
//
// +kubebuilder:validation:Enum=Reject;Adopt
type ExistingUsersPolicy string

const (
	// ExistingUsersReject answers 409 uniqueness and says how to adopt.
	ExistingUsersReject ExistingUsersPolicy = "Reject"
	// ExistingUsersAdopt makes the Manual user a SCIM user; it keeps its object and id.
	ExistingUsersAdopt ExistingUsersPolicy = "Adopt"
)

// CloudSSODirectorySpec is the switch and the settings of a namespace.
//
// +kubebuilder:validation:XValidation:rule="!has(self.resumeAt) || self.scimSynchronization == 'Disabled'",fieldPath=".resumeAt",message="resumeAt says when the operator sets scimSynchronization to Enabled, so it is only for Disabled: remove it, or to set Enabled use --type=merge -p '{\"spec\":{\"scimSynchronization\":\"Enabled\",\"resumeAt\":null}}'"
type CloudSSODirectorySpec struct {
	// scimSynchronization is the switch. While Enabled the identity provider writes, and synchronized
	// users and groups can be neither changed nor deleted by hand. While Disabled SCIM requests are
	// refused with 403 and synchronized objects may be edited and deleted.
	//
	// +optional
	// +kubebuilder:default=Disabled
	SCIMSynchronization Synchronization `json:"scimSynchronization,omitempty"`

	// resumeAt limits the time in which scimSynchronization is Disabled: when it has passed, the operator sets Enabled and
	// removes resumeAt. To set Enabled before, remove it in the same change. In Git it does not belong, because a tool that
	// applies it again would set Disabled again.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="resumeAt is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	ResumeAt *metav1.Time `json:"resumeAt,omitempty"`

	// existingUsers says what happens when the identity provider creates a user whose userName a
	// Manual user already has: Reject answers 409, Adopt turns the Manual user into a synchronized one.
	//
	// +optional
	// +kubebuilder:default=Reject
	ExistingUsers ExistingUsersPolicy `json:"existingUsers,omitempty"`

	// rateLimit bounds how many requests each credential of this directory may send to each replica. Further
	// requests are answered 429 with Retry-After.
	//
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`

	// disablementBudget bounds how many users the identity provider may deactivate in a window of time. A deactivation
	// beyond it is withheld until an administrator decides. Without it, none is withheld.
	//
	// +optional
	DisablementBudget *DisablementBudget `json:"disablementBudget,omitempty"`

	// kubernetesUsername says how a user's Kubernetes user name is made, for the bindings of access assignments. It must
	// yield what the API server makes of the user's OIDC token. Without it, the name is the userName. Changing it takes the
	// verb map-usernames on the directory.
	//
	// +optional
	KubernetesUsername *KubernetesUsername `json:"kubernetesUsername,omitempty"`
}

// UsernameAttribute is the attribute of a user that its Kubernetes user name is made from.
//
// +kubebuilder:validation:Enum=userName;email;externalId
type UsernameAttribute string

const (
	// UsernameFromUserName takes the userName.
	UsernameFromUserName UsernameAttribute = "userName"
	// UsernameFromEmail takes the value of the primary e-mail address, or of the only one.
	UsernameFromEmail UsernameAttribute = "email"
	// UsernameFromExternalID takes the externalId.
	UsernameFromExternalID UsernameAttribute = "externalId"
)

// KubernetesUsername says how the Kubernetes user name of a user is made: prefix and attribute.
type KubernetesUsername struct {
	// attribute is userName, email (the primary e-mail address, or the only one) or externalId.
	//
	// +optional
	// +kubebuilder:default=userName
	Attribute UsernameAttribute `json:"attribute,omitempty"`

	// prefix comes before the attribute, as in "oidc:". A name that begins with "system:" is never bound.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="prefix begins with \"system:\", which Kubernetes reserves for its own users: use another one, such as \"oidc:\""
	Prefix string `json:"prefix,omitempty"`

	// lowercase turns the ASCII letters A to Z of the attribute into small ones, as lowerAscii() does in the API server's
	// authentication configuration.
	//
	// +optional
	Lowercase bool `json:"lowercase,omitempty"`
}

// DisablementBudget is how many active synchronized users may be disabled or deleted over SCIM in a window of time.
//
// +kubebuilder:validation:XValidation:rule="has(self.count) != has(self.percent)",message="set exactly one of count and percent"
type DisablementBudget struct {
	// count is a number of users: 1 to 100,000. With 0 each leaver would keep access until an administrator decides.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Count *int32 `json:"count,omitempty"`

	// percent is a share of the synchronized users that were active when the window began, rounded down, but at least one
	// user: 1 to 99. With 100 nothing would be withheld.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=99
	Percent *int32 `json:"percent,omitempty"`

	// window is the time in which deactivations are counted, as in 1h or 24h: 1m to 168h. In less than a minute a provider
	// that is asked to wait would do its mass change bit by bit. In more than a week, ordinary leavers would use it up.
	//
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=18
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}[hms]){1,3}$') && duration(self) >= duration('1m') && duration(self) <= duration('168h')",message="window is a duration of 1m to 168h, as in 1h, 90m or 24h"
	Window metav1.Duration `json:"window"`
}

// CountedDeactivations are deactivations that the budget has counted, in one part of its window.
type CountedDeactivations struct {
	// last is when the last of them was counted.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="last is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Last metav1.Time `json:"last"`

	// count is their number.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Count int32 `json:"count"`

	// active is how many synchronized users were active before the first of them, if the budget is a percentage.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Active int32 `json:"active,omitempty"`
}

// RateLimit is a token bucket.
type RateLimit struct {
	// requestsPerSecond is the rate in the long run. The maximum is more than a replica can serve, because a load
	// test needs a limit that it does not reach.
	//
	// +optional
	// +kubebuilder:default=200
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// burst is how many requests may be sent at once, as at the beginning of a provider's initial import.
	//
	// +optional
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Burst int32 `json:"burst,omitempty"`
}

// RefusedWrite is one SCIM write refused while synchronization was Disabled.
type RefusedWrite struct {
	// time of the request.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="time is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Time metav1.Time `json:"time"`

	// method is the HTTP method: "POST", "PUT", "PATCH" or "DELETE".
	//
	// +required
	// +kubebuilder:validation:MaxLength=16
	Method string `json:"method"`

	// resource is the path of the request below the base URL: "Users/alice-example-com-x7k2p", or "Users" for a
	// create.
	//
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Resource string `json:"resource"`

	// credential is the name of the request's SCIMCredential.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Credential string `json:"credential,omitempty"`
}

// RefusedWrites counts the writes of the identity provider that were refused while synchronization was Disabled.
// Providers do not retry a 403, so these changes are missing until the next full push. The count is kept when the
// switch is turned, until the annotation cloudsso.dev/resynced says that a full push has succeeded.
type RefusedWrites struct {
	// count is the number of writes refused since the last acknowledged full push.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Count int64 `json:"count,omitempty"`

	// last are the last refused writes, newest first, at most ten.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Last []RefusedWrite `json:"last,omitempty"`
}

// UserCounts counts the users of a directory.
type UserCounts struct {
	// active is the number of active users, of either source: neither disabled nor deprovisioned.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Active int32 `json:"active"`

	// disabled is the number of users, of either source, who are inactive, suspended or in conflict, and not
	// deprovisioned.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Disabled int32 `json:"disabled"`

	// suspended is the number of users among disabled whose state is Suspended.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Suspended *int32 `json:"suspended,omitempty"`

	// conflict is the number of users among disabled whose state is Conflict.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Conflict *int32 `json:"conflict,omitempty"`

	// deprovisioned is the number of users that were deleted over SCIM. Their objects stay.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Deprovisioned int32 `json:"deprovisioned"`

	// scim is the number of users of source SCIM that are not deprovisioned.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	SCIM int32 `json:"scim"`

	// manual is the number of users of source Manual.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Manual int32 `json:"manual"`

	// deletionHeld is the number of users whose deletion waits until synchronization is Disabled.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	DeletionHeld int32 `json:"deletionHeld,omitempty"`

	// withheld is the number of users whose deactivation waits for an administrator.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Withheld int32 `json:"withheld,omitempty"`
}

// GroupCounts counts the groups of a directory.
type GroupCounts struct {
	// total is the number of groups of either source.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`

	// scim is the number of groups of source SCIM.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	SCIM int32 `json:"scim"`

	// manual is the number of groups of source Manual.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Manual int32 `json:"manual"`

	// deletionHeld is the number of groups whose deletion waits until synchronization is Disabled.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	DeletionHeld int32 `json:"deletionHeld,omitempty"`
}

// CredentialCounts counts the credentials of a directory.
type CredentialCounts struct {
	// usable is the number of credentials that authenticate now.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Usable int32 `json:"usable"`

	// total is the number of all credentials.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`
}

// CloudSSODirectoryStatus is the observed state of a directory.
type CloudSSODirectoryStatus struct {
	// observedGeneration is the spec generation this status was computed from; -1 until the operator has written it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, Activated, NamespaceSelected, ResyncNeeded, PoliciesInstalled, DeactivationsWithheld.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// endpoint is the SCIM base URL to give to the identity provider.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Endpoint string `json:"endpoint,omitempty"`

	// scimSynchronization is the switch as last observed.
	//
	// +optional
	SCIMSynchronization Synchronization `json:"scimSynchronization,omitempty"`

	// switchedAt is when the present position of the switch was first observed.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="switchedAt is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	SwitchedAt *metav1.Time `json:"switchedAt,omitempty"`

	// activatedAt is when the directory was activated. Until then SCIM requests are answered 503, and synchronized users
	// and groups can be written by hand, so that a restore can bring them back. A backup does not have it: a time before
	// metadata.creationTimestamp has no effect.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="activatedAt is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	ActivatedAt *metav1.Time `json:"activatedAt,omitempty"`

	// lastRequestTime is when a SCIM request was last authenticated. It is at most a minute behind.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="lastRequestTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	LastRequestTime *metav1.Time `json:"lastRequestTime,omitempty"`

	// refusedWrites counts SCIM writes refused while synchronization was Disabled, until a full push
	// has made up for them.
	//
	// +optional
	RefusedWrites *RefusedWrites `json:"refusedWrites,omitempty"`

	// deactivations are those that the disablement budget has counted, oldest first: each for as long as its window, in
	// parts of a thirtieth of it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Deactivations []CountedDeactivations `json:"deactivations,omitempty"`

	// users counts the directory's users.
	//
	// +optional
	Users *UserCounts `json:"users,omitempty"`

	// groups counts the directory's groups.
	//
	// +optional
	Groups *GroupCounts `json:"groups,omitempty"`

	// credentials counts the directory's credentials.
	//
	// +optional
	Credentials *CredentialCounts `json:"credentials,omitempty"`
}

// Conditions and reasons of a CloudSSODirectory.
const (
	// ReasonSynchronizationDisabled is the reason of a True Ready condition while synchronization is Disabled.
	ReasonSynchronizationDisabled = "SynchronizationDisabled"

	// ConditionActivated is True if the directory is activated. The operator activates a new directory at once. A
	// directory that was restored from a backup waits for a person.
	ConditionActivated = "Activated"
	// ReasonActivated is the reason of a True Activated condition.
	ReasonActivated = "Activated"
	// ReasonAwaitingActivation is the reason of a False Activated condition, and of a False Ready condition of a
	// directory whose switch is Enabled.
	ReasonAwaitingActivation = "AwaitingActivation"

	// ConditionResyncNeeded is True if synchronization is Enabled again after writes were refused: providers do
	// not retry a 403, so a full push is needed. It becomes False when AnnotationResynced says that a full push
	// has succeeded.
	ConditionResyncNeeded = "ResyncNeeded"
	// ReasonWritesRefused is the reason of a True ResyncNeeded condition, and of a False one while
	// synchronization is Disabled.
	ReasonWritesRefused = "WritesRefused"
	// ReasonNothingRefused is the reason of a False ResyncNeeded condition.
	ReasonNothingRefused = "NothingRefused"

	// ConditionNamespaceSelected is True if the namespace may be a directory, as the cluster's administrator has decided by
	// the operator's --directory-namespace-selector. Without that flag there is no such condition. Otherwise SCIM requests
	// are not served. Its Unknown condition has ReasonNotPermitted: the operator may not read namespaces.
	ConditionNamespaceSelected = "NamespaceSelected"
	// ReasonNamespaceSelected is the reason of a True NamespaceSelected condition.
	ReasonNamespaceSelected = "Selected"
	// ReasonNamespaceNotSelected is the reason of a False NamespaceSelected condition, and of a False Ready condition of a
	// directory whose switch is Enabled.
	ReasonNamespaceNotSelected = "NotSelected"

	// ConditionDeactivationsWithheld is True if deactivations exceeded spec.disablementBudget, until an administrator has
	// decided about each. Without a budget, and without a withheld deactivation, there is no such condition.
	ConditionDeactivationsWithheld = "DeactivationsWithheld"
	// ReasonBudgetExceeded is the reason of a True DeactivationsWithheld condition.
	ReasonBudgetExceeded = "BudgetExceeded"
	// ReasonNothingWithheld is the reason of a False DeactivationsWithheld condition.
	ReasonNothingWithheld = "NothingWithheld"

	// ConditionPoliciesInstalled is True if the operator's admission policies are installed and bound as required: they
	// protect synchronized objects and name claims from changes and deletion by others.
	ConditionPoliciesInstalled = "PoliciesInstalled"
	// ReasonPoliciesInstalled is the reason of a True PoliciesInstalled condition.
	ReasonPoliciesInstalled = "Installed"
	// ReasonPolicyMissing is the reason of a False PoliciesInstalled condition: a policy or its binding is absent, has been
	// changed, or names another service account.
	ReasonPolicyMissing = "PolicyMissing"
	// ReasonNotPermitted is the reason of an Unknown PoliciesInstalled or NamespaceSelected condition: the operator may not
	// read the policies, or the namespaces.
	ReasonNotPermitted = "NotPermitted"
)

// CloudSSODirectory is the switch and the settings of its namespace's directory. Its name is always "default".
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=cloudssodirectories,shortName=ssodir,categories=cloudsso
// +kubebuilder:printcolumn:name="Synchronization",type=string,JSONPath=`.spec.scimSynchronization`
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.users.active`
// +kubebuilder:printcolumn:name="Disabled",type=integer,JSONPath=`.status.users.disabled`
// +kubebuilder:printcolumn:name="Groups",type=integer,JSONPath=`.status.groups.total`
// +kubebuilder:printcolumn:name="Credentials",type=integer,JSONPath=`.status.credentials.usable`
// +kubebuilder:printcolumn:name="Resync needed",type=string,JSONPath=`.status.conditions[?(@.type=="ResyncNeeded")].status`
// +kubebuilder:printcolumn:name="Last request",type=date,JSONPath=`.status.lastRequestTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Endpoint",type=string,priority=1,JSONPath=`.status.endpoint`
// +kubebuilder:printcolumn:name="Resume at",type=string,priority=1,JSONPath=`.spec.resumeAt`
// +kubebuilder:printcolumn:name="Withheld",type=integer,priority=1,JSONPath=`.status.users.withheld`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'default'",message="a CloudSSODirectory must be named \"default\": one namespace holds one directory"
type CloudSSODirectory struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the switch and the settings of the directory.
	//
	// +optional
	Spec CloudSSODirectorySpec `json:"spec,omitempty"`

	// status is the observed state. Only the operator writes it.
	//
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status CloudSSODirectoryStatus `json:"status,omitempty"`
}

// CloudSSODirectoryList is a list of CloudSSODirectory.
//
// +kubebuilder:object:root=true
type CloudSSODirectoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CloudSSODirectory `json:"items"`
}
