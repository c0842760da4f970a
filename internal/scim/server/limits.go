package server

import (
	"cmp"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// Limits bound the cost of one request. A zero field has its default.
type Limits struct {
	UserBody  int64 // largest body of a request about a user, in bytes; default limits.UserBody
	GroupBody int64 // largest body of a request about a group, in bytes; default limits.GroupBody
	BulkBody  int64 // largest body of a bulk request, in bytes; default limits.BulkBody
	Count     int   // page size if the client sends no count; default limits.Page
	MaxCount  int   // largest page; default limits.LargestPage

	BulkOperations int // largest number of operations in a bulk request; default limits.BulkOperations

	BodyGrace time.Duration // in which a body may arrive at any rate; default limits.BodyGrace seconds
	BodyRate  int64         // bytes a second that must arrive after that; default limits.BodyRate
}

func (l Limits) withDefaults() Limits {
	return Limits{
		UserBody:  cmp.Or(l.UserBody, limits.UserBody),
		GroupBody: cmp.Or(l.GroupBody, limits.GroupBody),
		BulkBody:  cmp.Or(l.BulkBody, limits.BulkBody),
		Count:     cmp.Or(l.Count, limits.Page),
		MaxCount:  cmp.Or(l.MaxCount, limits.LargestPage),

		BulkOperations: cmp.Or(l.BulkOperations, limits.BulkOperations),

		BodyGrace: cmp.Or(l.BodyGrace, limits.BodyGrace*time.Second),
		BodyRate:  cmp.Or(l.BodyRate, limits.BodyRate),
	}
}
