// Package limits holds every bound of the protocol core, so that what one request may cost is seen at once.
// docs/limits.md has the same table; a test compares the two.
package limits

// Of bodies, in bytes.
const (
	// UserBody is the largest body of a request about a user. A user with every attribute and some photos
	// inline is a few kilobytes; what a custom resource can hold is 1 MiB.
	UserBody = 1 << 20
	// GroupBody is the largest body of a request about a group. A full push names every member, each in 100 to
	// 160 bytes: this is enough for Members.
	GroupBody = 16 << 20
	// BulkBody is the largest body of a bulk request, announced as bulk.maxPayloadSize.
	BulkBody = 16 << 20
)

// Of what is in a body.
const (
	// Depth is how deep a body may be nested. Resources need four levels: a bulk request of resources with an
	// extension with a complex attribute needs eight.
	Depth = 32
	// BodyValues is how many JSON values a body may have, objects and arrays included: five for each of Members,
	// which name value, display, type and $ref at most. A value of four bytes takes two hundred when it is decoded.
	BodyValues = 520_000
	// Values is how many values a multi-valued attribute may have, members aside: nobody has more email
	// addresses, and it keeps one user from weighing as much as a directory.
	Values = 100
	// Members is how many members one request may name.
	Members = 100_000
	// Text is the longest string, in bytes: a certificate or an inline photo.
	Text = 64 << 10
	// PatchOperations is how many operations one PATCH may have: some providers send one for each member.
	PatchOperations = 10_000
	// BulkOperations is how many operations a bulk request may have, announced as bulk.maxOperations: at a few
	// milliseconds each they are done long before a provider gives up.
	BulkOperations = 1_000
	// BulkWait is how many seconds a bulk request waits in all while its credential asks too often, before it is
	// told so: half of what providers wait for an answer.
	BulkWait = 30
)

// Of requests at a time, at one replica.
const (
	// InFlight is how many requests of one credential are worked on at a time by one replica: many times what a
	// provider sends, so that one gone wild leaves room for the others.
	InFlight = 256
	// Unanswered is how many requests of one credential, or of everybody without a good one, may wait for their
	// answers to be taken, refusals included. Beyond it a request is cut off without an answer: on HTTP/2 a client
	// can leave any number of answers lying.
	Unanswered = 1_024
	// SmallBody is up to how many bytes a body is read at once: a user, or a group of some hundreds. Larger ones wait
	// for each other, LargeBodies at a time: they take several times their size while they are decoded, and on
	// purpose fifty times.
	SmallBody = 64 << 10
	// LargeBodies is how many bodies larger than SmallBody are worked on at a time.
	LargeBodies = 6
	// LargeBodiesEach is how many of them may be one credential's, so that there is always one for another.
	LargeBodiesEach = 3
)

// Of filters, and of the paths of PATCH.
const (
	// FilterLength is the longest filter, in bytes: hundreds of comparisons.
	FilterLength = 8 << 10
	// FilterDepth is how deep a filter's groups may be nested, so that neither the parser nor the evaluation
	// can be made to exhaust the stack.
	FilterDepth = 32
)

// Of answers.
const (
	// Page is how many resources a list shows that does not say: what Okta and Entra ID ask for.
	Page = 100
	// LargestPage is how many it shows at most, announced as filter.maxResults. Groups are listed with their
	// members, so that a page is bounded by how many resources it has rather than by their size.
	LargestPage = 200
	// EchoedMembers is up to how many members the answer to a PATCH of a group shows the group. The answer to
	// one member more in a group of 100,000 would otherwise be 15 MB.
	EchoedMembers = 1_000
	// Detail is the longest detail of an error, in bytes: it goes into logs and events, and may quote what the
	// client sent.
	Detail = 2 << 10
	// Quoted is how much of one such value is quoted, in bytes.
	Quoted = 80
	// UnknownExtensions is how many unknown extension schemas are remembered as told of: more than anybody
	// declares.
	UnknownExtensions = 100
)
