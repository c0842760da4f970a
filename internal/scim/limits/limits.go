// Package limits holds every bound of the protocol core in one place. Together they say what one request may
// cost. docs/limits.md has the same table, and a test compares the two.
package limits

// Limits of bodies, in bytes.
const (
	// UserBody is the largest body of a request about a user. A user with every attribute and some inline
	// photos is a few kilobytes. A PATCH of PatchOperations may be longer than what it stores.
	UserBody = 1 << 20
	// GroupBody is the largest body of a request about a group. A full push lists every member in 100 to 160
	// bytes each, so that this is enough for Members.
	GroupBody = 16 << 20
	// BulkBody is the largest body of a bulk request, announced as bulk.maxPayloadSize.
	BulkBody = 16 << 20
)

// Limits of the content of a body.
const (
	// Depth is the largest nesting of a body. A resource needs four levels, and a bulk request of resources
	// with an extension with a complex attribute needs eight.
	Depth = 32
	// BodyValues is the largest number of JSON values in a body, objects and arrays included. It permits five
	// for each of Members, which have value, display, type and $ref at most. A value of four bytes takes two
	// hundred bytes when it is decoded.
	BodyValues = 520_000
	// Values is the largest number of values of a multi-valued attribute other than members. It bounds the
	// memory that one user takes.
	Values = 100
	// Members is the largest number of members that one request may list.
	Members = 100_000
	// Text is the length of the longest string, in bytes: a certificate or an inline photo.
	Text = 64 << 10
	// Resource is the longest resource that is stored, as JSON and without members, in bytes: a user with ten
	// certificates, a photo and a hundred roles has 50,000. etcd takes 1.5 MiB, and stores some characters in six bytes,
	// so that there is room for metadata, and for a deactivation.
	Resource = 64 << 10
	// PatchOperations is the largest number of operations in one PATCH. Some identity providers send one
	// operation for each member.
	PatchOperations = 10_000
	// MemberFilterTerms is the largest number of comparisons in the filters of all paths of one PATCH that select
	// members by anything but value eq. Each is evaluated once for each member, so that FilterComparisons permits as many
	// for Members with short names.
	MemberFilterTerms = 20
	// BulkOperations is the largest number of operations in a bulk request, announced as bulk.maxOperations.
	// At a few milliseconds each, the response arrives long before an identity provider's timeout.
	BulkOperations = 1_000
	// BulkWait is the time in seconds that a bulk request waits in all while its credential exceeds its rate
	// limit. After that, its operations fail with 429. It is half of an identity provider's usual timeout.
	BulkWait = 30
)

// Limits of concurrent requests, for each replica.
const (
	// InFlight is the largest number of concurrent requests of one directory. It is many times what an
	// identity provider sends, and keeps capacity for others if a client misbehaves.
	InFlight = 256
	// Unanswered is the largest number of requests of one directory whose responses the clients have not read
	// yet, refusals included. All requests without a known credential share one such number. Beyond it, the
	// service closes a request without a response, because an HTTP/2 client can leave any number of responses
	// unread, and each holds memory.
	Unanswered = 1_024
	// SmallBody is the largest body, in bytes, that is read without waiting: a user, or a group of some
	// hundreds of members. At most LargeBodies of the larger ones are in memory at a time. Decoding a body
	// takes several times its size, and fifty times the size of one that is made to be expensive.
	SmallBody = 64 << 10
	// BodyGrace is the time in seconds in which a body may arrive at any rate: a packet that is lost several times takes
	// some seconds.
	BodyGrace = 10
	// BodyRate is how many bytes of a body must arrive in each second after that, on average, as long as the service waits
	// for them: an eighth of a slow uplink. A body that trickles would keep a place for large bodies.
	BodyRate = 16 << 10
	// BodyTime is the time in seconds that the service waits for a whole body, at any rate: as long as internal/httpserver
	// gives a request. The time that a request waits for a place does not count.
	BodyTime = 60
	// LargeBodies is the largest number of concurrent requests with bodies larger than SmallBody.
	LargeBodies = 6
	// LargeBodiesEach is the largest number of such requests of one directory. The rest is for others.
	LargeBodiesEach = 3
)

// Limits of filters, and of the paths of PATCH.
const (
	// FilterLength is the length of the longest filter, in bytes: hundreds of comparisons.
	FilterLength = 8 << 10
	// FilterComparisons is the largest number of comparisons that a filter and sortBy may need over all resources of a
	// list, and that the filters in the paths of a PATCH, or of all operations of a bulk request, may need together. A
	// condition on an attribute counts for each resource, and for each of its values; sortBy counts like one condition.
	// A value of a list or a member that is read, each 64 bytes of a text, each 16 bytes of a text with capitals, and
	// each 6 bytes of a text that is not ASCII and of its folded form count like one more, and a dateTime like four
	// more. A condition that is decided already does not count. It permits twenty conditions for each of 100,000 users,
	// and is spent within half a second of processor time (BenchmarkRefusedScan).
	FilterComparisons = 2_000_000
	// SortKey is the length, in bytes, up to which a text counts if a list is sorted by it. A userName of 256 characters is
	// not longer. All keys of a list are in memory, and a cursor has one, which has to fit into a URL.
	SortKey = 1 << 10
	// PatchComparisons is how many of these the paths of a PATCH of a user may need without the place of a scan: half a
	// millisecond, as much as the rest of the request. A PATCH of Entra ID has some dozen conditions, and needs some hundred.
	PatchComparisons = 2_000
	// FilterDepth is the largest nesting of a filter. It keeps the parser and the evaluation from exhausting
	// the stack.
	FilterDepth = 32
)

// Limits of responses.
const (
	// Page is the number of resources on a page if the client sends no count. Okta and Entra ID ask for as
	// many.
	Page = 100
	// LargestPage is the largest number of resources on a page, announced as filter.maxResults. Groups are
	// listed with their members, so that a page is bounded by the number of resources and not by its size.
	LargestPage = 200
	// RootIndex is the largest startIndex of a list of all types. The resources before it are in memory, because the order over
	// all types decides which they are.
	RootIndex = 1_000
	// SmallPage is the length of a page, in bytes, up to which it is produced at once. A longer one is written in parts, and
	// needs the place of a scan, as one with a group of more than EchoedMembers does. A page of users has 50,000 to 200,000.
	SmallPage = 256 << 10
	// EchoedMembers is the size up to which the response to a PATCH of a group contains the group. Otherwise
	// the response to the addition of one member to a group of 100,000 would be 15 MB. A response with more members of a group
	// needs the place of a scan, because each member is looked up, hashed for the version, and written.
	EchoedMembers = 1_000
	// Detail is the length of the longest detail of an error, in bytes. It goes into logs and Events, and may
	// quote what the client sent.
	Detail = 2 << 10
	// Quoted is the length, in bytes, up to which a detail quotes one value of the client's.
	Quoted = 80
	// NamedMembers is the number of members that a line of the provisioning log names of those that a request has added
	// or removed. The line has the number of all.
	NamedMembers = 5
	// UnknownAttributes is the largest number of unknown attributes and extensions of one directory that are logged,
	// each once.
	UnknownAttributes = 100
	// UnknownDirectories is the number of directories whose logged attributes are remembered, in about 20 MB at most.
	UnknownDirectories = 1_000
)
