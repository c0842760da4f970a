// Package scim is a SCIM 2.0 service provider (RFC 7643, RFC 7644) over any Store.
//
//	server → patch → filter → schema     the protocol
//	dialect                              what providers write differently, read in one place
//	server → Store                       the store: memory, or custom resources
//
// It imports the standard library and golang.org/x/text only.
package scim

import (
	"context"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Store holds the users and groups of one tenant. Package storetest is its contract as tests.
//
// Every method is safe for concurrent use. What the client should be told is an *Error; a Store
// returns NotFound, Conflict and Unavailable, and any other error it was handed by a Change as it is.
//
//   - A nil error means stored: nothing acknowledged is lost when the process or the store dies.
//   - Any error but a DeactivatedOnly means that nothing changed, or, for Unavailable alone, that it is not known; to
//     repeat the call is then safe and leads to the same end.
//   - NotFound, "no conflict", and an empty page of a filter that requires an id, a userName or a group's displayName
//     are certain: true at some moment during the call. Other filters may lag behind writes through another Store.
//   - A call whose context is done before it begins changes nothing, and a scan ends when its context is done. A change
//     that has begun may be carried through.
//   - A later read through the same Store shows every acknowledged write.
//   - Names are compared by fold.Name: userName among users, displayName among groups.
//   - An unassigned active means true, and is returned as true.
type Store interface {
	// Create stores a new resource and returns it with the id that the directory chose.
	//
	// Members are the ids of a group's first members; ids that are no user's are skipped.
	// If the userName is that of a disabled user who has the same, non-empty externalId, that user is restored: same
	// id, memberships kept, attributes as given. Otherwise a name that is taken is a Conflict.
	Create(ctx context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*Resource, error)

	// Get returns a resource, or NotFound.
	Get(ctx context.Context, rt *schema.ResourceType, id string, omit Omit) (*Resource, error)

	// Update changes a resource and returns it as it then is. A Change that changes nothing writes
	// nothing and leaves LastModified alone. If the change is refused for its content, and its Deactivates reports true, the
	// user is deactivated alone, and the error is a *DeactivatedOnly.
	Update(ctx context.Context, rt *schema.ResourceType, id string, change Change) (*Resource, error)

	// Delete deletes a resource and returns it as it was, without members and groups. A deleted user leaves its groups
	// and frees its name. The precondition, if not nil, is as in Change.
	Delete(ctx context.Context, rt *schema.ResourceType, id string, precondition Precondition) (*Resource, error)

	// AcquireScan waits for the directory's place for a scan until ctx ends; the error is then a 429. It is for other work that
	// costs as much. List, and an Update whose members are selected by Match, wait for the place themselves.
	AcquireScan(ctx context.Context) (release func(), err error)

	// List returns a page of the resources that match, in the query's order, which is the same on every
	// replica.
	List(ctx context.Context, rt *schema.ResourceType, query Query) (*Page, error)
}

// Precondition is asked about the current resource before it is changed; its error ends the call and
// is returned. It may be asked again when another writer came first.
type Precondition func(current *Resource) error

// Change is one request's change of one resource: all of it happens, or nothing, or the deactivation of a user alone.
type Change struct {
	// Precondition may be nil.
	Precondition Precondition

	// Attributes computes the new attributes from the current ones, which it must not modify. It may
	// run again, on newer attributes, when another writer came first. Nil changes none.
	Attributes func(current schema.Object) (schema.Object, error)

	// Deactivates reports whether the request sets active of a user to false, whatever else it has. It is asked if the change
	// is refused for its content; nil means false.
	Deactivates func() bool

	// Members are changes of a group's members, applied in order. To add a member that is there, or
	// remove one that is not, changes nothing. Ids that are no user's are skipped.
	Members []MemberChange
}

// DeactivationAlone returns what a Store tries once it has refused a change: the deactivation of the user, on the same
// precondition. ok is false if the change is not to be tried in this way.
func (c Change) DeactivationAlone(refused error) (alone Change, ok bool) {
	if !IsAboutContent(refused) || c.Deactivates == nil || !c.Deactivates() {
		return Change{}, false
	}
	return Change{Precondition: c.Precondition, Attributes: func(current schema.Object) (schema.Object, error) {
		return current.With(schema.Active, false), nil
	}}, true
}

// MemberChange adds, removes or replaces members of a group.
type MemberChange struct {
	Op MemberOp
	// IDs are the members to add, to remove, or to have alone.
	IDs []string
	// Match, if not nil, selects the members to remove, instead of IDs. Only for RemoveMembers. A Store asks it once about
	// each member, before it changes the group; its error ends the call and is returned.
	Match func(Reference) (bool, error)
}

// MemberOp is the kind of a MemberChange.
type MemberOp int

// The kinds of MemberChange.
const (
	AddMembers MemberOp = iota
	RemoveMembers
	ReplaceMembers
)
