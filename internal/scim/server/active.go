package server

import (
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// RFC 7643 section 4.1.1 leaves it to the service provider what an unassigned active means, and it decides whether
// the user has access. Here it means true: see scim.Store. An inactive user becomes active by an explicit true only.

// withDefaultActive returns the attributes of a new user with active set to true if the client did not send
// it, because an identity provider creates a user to give access.
func withDefaultActive(rt *schema.ResourceType, attributes schema.Object) schema.Object {
	if rt == schema.User && attributes.Get(schema.Active) == nil {
		return attributes.With(schema.Active, true)
	}
	return attributes
}

// keepActive returns the attributes of a replaced user with the present value of active if the replacement leaves
// it out. A default of true would give a deactivated user access again.
func keepActive(current, next schema.Object) schema.Object {
	if next.Get(schema.Active) == nil {
		return next.With(schema.Active, current.Get(schema.Active))
	}
	return next
}

// checkActive returns a 400 if a PATCH unassigns active of an inactive user.
func checkActive(current, next schema.Object) error {
	if current.Get(schema.Active) == false && next.Get(schema.Active) == nil {
		return scim.BadRequest(scim.Mutability, "active cannot be removed from an inactive user, because a user without it is active; "+
			"to activate the user, replace active by true")
	}
	return nil
}
