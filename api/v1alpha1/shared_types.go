package v1alpha1

// Source says who owns an object.
//
// +kubebuilder:validation:Enum=SCIM;Manual
type Source string

const (
	// SourceSCIM marks what an identity provider provisioned; the switch guards and locks it.
	SourceSCIM Source = "SCIM"
	// SourceManual marks what a person or GitOps declared; no identity provider sees or changes it.
	SourceManual Source = "Manual"
)

// Names that the operator writes on objects.
const (
	// FinalizerGuard holds a synchronized object that is being deleted while synchronization is Enabled:
	// the second line behind the admission policies.
	FinalizerGuard = "cloudsso.dev/guard"
	// FinalizerMemberships lets a deleted user leave its groups before it goes.
	FinalizerMemberships = "cloudsso.dev/memberships"
	// FinalizerSlices removes a deleted group's slices before the group goes.
	FinalizerSlices = "cloudsso.dev/slices"
	// FinalizerToken removes the Secret that a credential minted before the credential goes.
	FinalizerToken = "cloudsso.dev/token"

	// AnnotationLastModified is SCIM's meta.lastModified (RFC 7643 section 3.1), RFC 3339 with nanoseconds.
	// Absent: the creation time.
	AnnotationLastModified = "cloudsso.dev/last-modified"
	// AnnotationResynced on a CloudSSODirectory is a person's word that a full push of the identity provider
	// has made up for every write refused before that time, RFC 3339. One that has not come says nothing.
	AnnotationResynced = "cloudsso.dev/resynced"

	// LabelExcludeFromBackup keeps an object out of Velero's backups: "true" on every CloudSSONameClaim, because claims
	// are rebuilt from the objects that a restore brings back.
	LabelExcludeFromBackup = "velero.io/exclude-from-backup"
	// LabelCredential on a Secret names the SCIMCredential that it was minted for.
	LabelCredential = "cloudsso.dev/credential"
)

// ConditionReady sums an object up: True when it is as declared and in effect.
// Its reasons are listed with each kind.
const ConditionReady = "Ready"

// ConditionDeletionHeld is True while a deletion waits for SCIM synchronization to be switched off
// (users and groups of source SCIM).
const ConditionDeletionHeld = "DeletionHeld"

// ReasonReady is the reason of a True Ready condition, on every kind.
const ReasonReady = "Ready"

// ReasonSynchronizationEnabled is the reason of a True DeletionHeld condition.
const ReasonSynchronizationEnabled = "SynchronizationEnabled"
