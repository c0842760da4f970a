package server

import (
	"cmp"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// Limits bound what one request may cost. A field that is zero has its default.
type Limits struct {
	UserBody  int64 // largest body of a request about a user, in bytes; default limits.UserBody
	GroupBody int64 // largest body of a request about a group, in bytes; default limits.GroupBody
	BulkBody  int64 // largest body of a bulk request, in bytes; default limits.BulkBody
	Count     int   // page size where the client names none; default limits.Page
	MaxCount  int   // largest page; default limits.LargestPage

	BulkOperations int // most operations of a bulk request; default limits.BulkOperations
}

func (l Limits) withDefaults() Limits {
	return Limits{
		UserBody:  cmp.Or(l.UserBody, limits.UserBody),
		GroupBody: cmp.Or(l.GroupBody, limits.GroupBody),
		BulkBody:  cmp.Or(l.BulkBody, limits.BulkBody),
		Count:     cmp.Or(l.Count, limits.Page),
		MaxCount:  cmp.Or(l.MaxCount, limits.LargestPage),

		BulkOperations: cmp.Or(l.BulkOperations, limits.BulkOperations),
	}
}
