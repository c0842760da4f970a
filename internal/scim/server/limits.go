package server

import "cmp"

const (
	// DefaultUserBody is the largest body, in bytes, of a request about a user. A user with every
	// attribute and some photos inline is a few kilobytes; what a custom resource can hold is 1 MiB.
	DefaultUserBody = 1 << 20

	// DefaultGroupBody is the largest body, in bytes, of a request about a group. A full push names every
	// member, each in 100 to 160 bytes: this is enough for
	// schema.MaxMembers.
	DefaultGroupBody = 16 << 20

	// DefaultBulkBody is the largest body, in bytes, of a bulk request, announced as bulk.maxPayloadSize.
	DefaultBulkBody = 16 << 20

	// DefaultBulkOperations is how many operations a bulk request may have, announced as
	// bulk.maxOperations: at a few milliseconds each they are done long before a provider gives up.
	DefaultBulkOperations = 1000

	// DefaultCount is the page size of a list that does not say one: what Okta and Entra ID ask for.
	DefaultCount = 100

	// MaxCount is the largest page, announced as filter.maxResults. Groups are listed with their members,
	// so that a page is bounded by how many resources it has rather than by their size.
	MaxCount = 200

	// maxDetail is the longest detail of an error, in bytes: it goes into logs and events, and may quote what
	// the client sent.
	maxDetail = 2 << 10

	// maxQuoted is how much of one such value is quoted, in bytes.
	maxQuoted = 80

	// maxUnknown is how many unknown extension schemas are remembered as told of: more than anybody declares.
	maxUnknown = 100

	// maxEcho is the number of members up to which the answer to a PATCH of a group shows the group. The
	// answer to one member more in a group of 100,000 would otherwise be 15 MB. See modify.
	maxEcho = 1000
)

// Limits bound what one request may cost. A field that is zero has its default.
type Limits struct {
	UserBody  int64 // largest body of a request about a user, in bytes; default DefaultUserBody
	GroupBody int64 // largest body of a request about a group, in bytes; default DefaultGroupBody
	BulkBody  int64 // largest body of a bulk request, in bytes; default DefaultBulkBody
	Count     int   // page size where the client names none; default DefaultCount
	MaxCount  int   // largest page; default MaxCount

	BulkOperations int // most operations of a bulk request; default DefaultBulkOperations
}

func (l Limits) withDefaults() Limits {
	return Limits{
		UserBody:  cmp.Or(l.UserBody, DefaultUserBody),
		GroupBody: cmp.Or(l.GroupBody, DefaultGroupBody),
		BulkBody:  cmp.Or(l.BulkBody, DefaultBulkBody),
		Count:     cmp.Or(l.Count, DefaultCount),
		MaxCount:  cmp.Or(l.MaxCount, MaxCount),

		BulkOperations: cmp.Or(l.BulkOperations, DefaultBulkOperations),
	}
}
