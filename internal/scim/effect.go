package scim

import (
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Effect is what the call that returned a resource has changed. Only Create and Update have one.
type Effect struct {
	// Origin is where a created resource comes from; empty after an Update.
	Origin Origin
	// Before has the resource's attributes before the call; nil if the call created it.
	Before schema.Object
	// Released reports whether a deactivation that the store had withheld does not wait any more.
	Released bool
	// Added and Removed are the members that the call added to a group and removed from it.
	Added, Removed MemberSample
}

// Origin is where a created resource comes from.
type Origin string

// The origins.
const (
	OriginNew      Origin = "New"      // the resource did not exist
	OriginRestored Origin = "Restored" // a disabled user, who was restored
	OriginAdopted  Origin = "Adopted"  // a user that the identity provider did not manage
)

// MemberSample is a number of members, and the ids of some.
type MemberSample struct {
	Count int
	IDs   []string // the first limits.NamedMembers, sorted
}

// SampleMembers returns the sample of some ids, which it sorts.
func SampleMembers(ids []string) MemberSample {
	slices.Sort(ids)
	return MemberSample{Count: len(ids), IDs: append([]string(nil), ids[:min(len(ids), limits.NamedMembers)]...)}
}
