package audit

// Event is the type of a line. The set is closed, because alerts on the log rely on it.
type Event string

// The events of the provisioning log.
const (
	AuthenticationRefused  Event = "Authentication Refused"  // 401, 400 for two headers, or 429 after many: no credential, or one that is not usable
	RequestLimited         Event = "Request Limited"         // 429: too many requests of a usable credential, or in progress, or with large bodies
	SynchronizationRefused Event = "Synchronization Refused" // 403: the directory's switch is Disabled, or the namespace has no directory or is not selected; 503: not activated, or the selection is unknown
	DeactivationWithheld   Event = "Deactivation Withheld"   // 429: a deactivation is beyond the directory's disablement budget; it is stored and waits for an administrator
	RequestRefused         Event = "Request Refused"         // any other 4xx: nothing was changed
	RequestFailed          Event = "Request Failed"          // 5xx: a 503 that was sent for a change may have been carried out
	RequestUnknown         Event = "Request Unknown"         // no such endpoint, or a method that it does not have

	Discovery        Event = "Discovery"         // RFC 7644 section 4
	ResourceRead     Event = "Resource Read"     // section 3.4.1
	ResourcesQueried Event = "Resources Queried" // sections 3.4.2 and 3.4.3
	BulkProcessed    Event = "Bulk Processed"    // section 3.7; each operation has a line of its own

	ChangeRequested       Event = "Change Requested"       // a change is about to begin; in the file only, and only if it is required
	ResourceCreated       Event = "Resource Created"       // section 3.3: the resource is new
	ResourceRestored      Event = "Resource Restored"      // section 3.3: a disabled user was restored
	ResourceAdopted       Event = "Resource Adopted"       // section 3.3: a Manual user was adopted
	ResourceReplaced      Event = "Resource Replaced"      // section 3.5.1
	ResourceModified      Event = "Resource Modified"      // section 3.5.2
	ResourceUnchanged     Event = "Resource Unchanged"     // sections 3.5.1 and 3.5.2: the resource was already as requested
	ResourceDeprovisioned Event = "Resource Deprovisioned" // section 3.6 for a user: the object stays, without access
	ResourceDeleted       Event = "Resource Deleted"       // section 3.6 for a group
)
