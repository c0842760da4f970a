package v1alpha1

// Source says who owns an object: an identity provider, or a person or GitOps.
//
// +kubebuilder:validation:Enum=SCIM;Manual
type Source string

const (
	// SourceSCIM marks an object that an identity provider provisioned. While the switch is Enabled, only the
	// operator may change or delete it.
	SourceSCIM Source = "SCIM"
	// SourceManual marks an object that a person or GitOps declared. No identity provider sees or changes it.
	SourceManual Source = "Manual"
)

// Finalizers, annotations and labels of the operator, and labels of Velero.
const (
	// FinalizerGuard holds a synchronized object that is being deleted while synchronization is Enabled. It
	// serves clusters without the admission policies.
	FinalizerGuard = "cloudsso.dev/guard"
	// FinalizerMemberships holds a deleted user until it is removed from its groups.
	FinalizerMemberships = "cloudsso.dev/memberships"
	// FinalizerSlices holds a deleted group until no binding has a subject through it, and its slices are deleted.
	FinalizerSlices = "cloudsso.dev/slices"
	// FinalizerClaim holds a deleted group of source Manual until no binding has a subject through it, and its displayName is
	// released.
	FinalizerClaim = "cloudsso.dev/claim"
	// FinalizerToken is on credentials of an earlier version. The operator removes it when they are deleted.
	FinalizerToken = "cloudsso.dev/token"

	// AnnotationLastModified is SCIM's meta.lastModified (RFC 7643 section 3.1), RFC 3339 with nanoseconds.
	// If it is absent, meta.lastModified is the creation time.
	AnnotationLastModified = "cloudsso.dev/last-modified"
	// AnnotationLastChange says which SCIM request wrote the user, group or slice last: JSON with cause ("Create",
	// "Replace", "Modify" or "Delete"), credential, requestID and time. The provisioning log has the rest under that id. If
	// the cause is "Apply" or "Discard", an administrator decided about the deactivation that the request asked for.
	AnnotationLastChange = "cloudsso.dev/last-change"
	// AnnotationTouched on a slice changes when a replica has nothing to write, but needs a write of its own to wait for.
	AnnotationTouched = "cloudsso.dev/touched"
	// AnnotationSuspendedLike on a user names the deprovisioned user of the same userName whose suspension the user got
	// when it was created.
	AnnotationSuspendedLike = "cloudsso.dev/suspended-like"
	// AnnotationResynced on a CloudSSODirectory is the time, RFC 3339, of a full push of the identity provider. A
	// person sets it to say that the push has made up for every write refused before it. A time in the future has no
	// effect yet.
	AnnotationResynced = "cloudsso.dev/resynced"

	// AnnotationActivate on a CloudSSODirectory activates it after a restore, if its value is the directory's present
	// metadata.uid. The annotation of a backup has the uid of another object, and activates nothing.
	AnnotationActivate = "cloudsso.dev/activate"
	// AnnotationRestored says that an object was restored from a backup by another tool than Velero. Its value has no
	// meaning.
	AnnotationRestored = "cloudsso.dev/restored"

	// FinalizerBindings holds a deleted access assignment until its bindings are deleted, and a deleted directory until those
	// of all its assignments are.
	FinalizerBindings = "cloudsso.dev/bindings"
	// LabelDirectory on a RoleBinding or ClusterRoleBinding is the namespace of the assignment that it comes from.
	LabelDirectory = "cloudsso.dev/directory"
	// LabelAssignment on a RoleBinding or ClusterRoleBinding is the name of the assignment that it comes from.
	LabelAssignment = "cloudsso.dev/assignment"
	// AnnotationPrincipal on a RoleBinding or ClusterRoleBinding is the principal that its subjects have the role through:
	// kind and metadata.name, as in CloudSSOGroup/developers-x7k2p.
	AnnotationPrincipal = "cloudsso.dev/principal"

	// LabelRestored is the label that Velero adds to every object that it restores.
	LabelRestored = "velero.io/restore-name"

	// LabelExcludeFromBackup keeps an object out of Velero's backups: "true" on every CloudSSONameClaim and every binding of an
	// assignment. The operator writes them again from the objects that a restore brings back, bindings only after the activation.
	LabelExcludeFromBackup = "velero.io/exclude-from-backup"
)

// ConditionReady is True when the spec has been carried out, a spec that switches an object off too. Its reasons are
// listed with each kind.
const ConditionReady = "Ready"

// ConditionEffective is True while a user or group has effect: a user that is a member counts, a group is one that its
// members are in. If it is not, the reason says why: one of those of the condition Ready.
const ConditionEffective = "Effective"

// ConditionDeletionHeld is True while a deletion waits for SCIM synchronization to be switched off
// (users and groups of source SCIM).
const ConditionDeletionHeld = "DeletionHeld"

// ReasonReady is the reason of a True Ready condition, on every kind, unless the object is switched off.
const ReasonReady = "Ready"

// ReasonEffective is the reason of a True Effective condition.
const ReasonEffective = "Effective"

// ReasonSynchronizationEnabled is the reason of a True DeletionHeld condition.
const ReasonSynchronizationEnabled = "SynchronizationEnabled"
