package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DirectoryName is the only name a CloudSSODirectory may have: one namespace, one directory.
const DirectoryName = "default"

// Synchronization is the position of a directory's switch.
//
// +kubebuilder:validation:Enum=Enabled;Disabled
type Synchronization string

const (
	// SynchronizationEnabled serves SCIM and locks synchronized objects against everyone but the operator.
	SynchronizationEnabled Synchronization = "Enabled"
	// SynchronizationDisabled refuses SCIM and opens synchronized objects to whoever RBAC allows.
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
type CloudSSODirectorySpec struct {
	// scimSynchronization is the switch. While Enabled the identity provider writes, and synchronized
	// users and groups can be neither changed nor deleted by hand. While Disabled SCIM requests are
	// refused with 403 and synchronized objects may be edited and deleted.
	//
	// +optional
	// +kubebuilder:default=Disabled
	SCIMSynchronization Synchronization `json:"scimSynchronization,omitempty"`

	// existingUsers says what happens when the identity provider creates a user whose userName a
	// Manual user already has: Reject answers 409, Adopt turns the Manual user into a synchronized one.
	//
	// +optional
	// +kubebuilder:default=Reject
	ExistingUsers ExistingUsersPolicy `json:"existingUsers,omitempty"`

	// rateLimit bounds how often each credential of this directory may ask, at each replica. Beyond it requests
	// are answered 429 with Retry-After.
	//
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
}

// RateLimit is a token bucket.
type RateLimit struct {
	// requestsPerSecond in the long run.
	//
	// +optional
	// +kubebuilder:default=200
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// burst is how many requests may come at once, as at the beginning of a provider's initial cycle.
	//
	// +optional
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
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

	// resource is what the request was for: "Users/alice-example-com-x7k2p", or "Users" for a create.
	//
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Resource string `json:"resource"`

	// credential is the name of the SCIMCredential that was used.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Credential string `json:"credential,omitempty"`
}

// RefusedWrites counts what the identity provider tried while synchronization was Disabled.
// Providers do not retry a 403, so these changes are missing until the next full push. They are counted,
// however often the switch is turned meanwhile, until annotation cloudsso.dev/resynced says that there was one.
type RefusedWrites struct {
	// count of those that no full push has made up for.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Count int64 `json:"count,omitempty"`

	// last refused writes, newest first, at most ten.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Last []RefusedWrite `json:"last,omitempty"`
}

// UserCounts counts the users of a directory.
type UserCounts struct {
	// active users, of either source: those who have access.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Active int32 `json:"active"`

	// disabled users, of either source: inactive, suspended or conflicting, but not deprovisioned.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Disabled int32 `json:"disabled"`

	// deprovisioned users: deleted over SCIM, kept as objects.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Deprovisioned int32 `json:"deprovisioned"`

	// scim users that are not deprovisioned.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	SCIM int32 `json:"scim"`

	// manual users.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Manual int32 `json:"manual"`

	// deletionHeld users: being deleted, held because synchronization is Enabled.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	DeletionHeld int32 `json:"deletionHeld,omitempty"`
}

// GroupCounts counts the groups of a directory.
type GroupCounts struct {
	// scim groups.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	SCIM int32 `json:"scim"`

	// manual groups.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Manual int32 `json:"manual"`

	// deletionHeld groups: being deleted, held because synchronization is Enabled.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	DeletionHeld int32 `json:"deletionHeld,omitempty"`
}

// CredentialCounts counts the credentials of a directory.
type CredentialCounts struct {
	// usable credentials: those that authenticate now.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Usable int32 `json:"usable"`

	// total credentials.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`
}

// CloudSSODirectoryStatus is what the operator knows of a directory.
type CloudSSODirectoryStatus struct {
	// observedGeneration is the spec generation this status was computed from.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready, ResyncNeeded.
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

	// switchedAt is when the switch was first observed to stand as it does.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="switchedAt is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	SwitchedAt *metav1.Time `json:"switchedAt,omitempty"`

	// lastRequestTime is when a SCIM request was last authenticated; at most a minute behind.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="lastRequestTime is a time of RFC 3339, as in 2027-01-31T00:00:00Z"
	LastRequestTime *metav1.Time `json:"lastRequestTime,omitempty"`

	// refusedWrites counts SCIM writes refused while synchronization was Disabled, until a full push
	// has made up for them.
	//
	// +optional
	RefusedWrites *RefusedWrites `json:"refusedWrites,omitempty"`

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
	// ConditionResyncNeeded is True once synchronization is Enabled again after writes were refused:
	// providers do not retry a 403, so a full push is due. It clears when AnnotationResynced says that
	// there was one.
	ConditionResyncNeeded = "ResyncNeeded"
	// ReasonWritesRefused is the reason of a True ResyncNeeded condition, and of a False one while
	// synchronization is Disabled.
	ReasonWritesRefused = "WritesRefused"
	// ReasonNothingRefused is the reason of a False ResyncNeeded condition.
	ReasonNothingRefused = "NothingRefused"
)

// CloudSSODirectory is the switch and the settings of its namespace's directory. Its name is always "default".
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=cloudssodirectories,shortName=ssodir,categories=cloudsso
// +kubebuilder:printcolumn:name="Synchronization",type=string,JSONPath=`.spec.scimSynchronization`
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.users.active`
// +kubebuilder:printcolumn:name="Disabled",type=integer,JSONPath=`.status.users.disabled`
// +kubebuilder:printcolumn:name="Groups",type=integer,JSONPath=`.status.groups.scim`
// +kubebuilder:printcolumn:name="Credentials",type=integer,JSONPath=`.status.credentials.usable`
// +kubebuilder:printcolumn:name="Last request",type=date,JSONPath=`.status.lastRequestTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Endpoint",type=string,priority=1,JSONPath=`.status.endpoint`
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'default'",message="a CloudSSODirectory must be named \"default\": one namespace holds one directory"
type CloudSSODirectory struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is settings of the directory.
	//
	// +optional
	Spec CloudSSODirectorySpec `json:"spec,omitempty"`

	// status is what the operator observed last; nobody else writes it.
	//
	// +optional
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
