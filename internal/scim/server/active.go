package server

import "github.com/cloudsso/cloudsso-operator/internal/scim/schema"

// A user always says whether it is active: what an absent attribute means decides on access (RFC 7643
// section 4.1.1 leaves it to the service provider).

// activated is a new user's attributes: active if nothing is said, for an identity provider creates a
// user to give access.
func activated(rt *schema.ResourceType, attributes schema.Object) schema.Object {
	if rt == schema.User && attributes.Get(schema.Active) == nil {
		return attributes.With(schema.Active, true)
	}
	return attributes
}

// stillActive is a changed user's attributes: active or not as before, if the change leaves it out or
// removes it. To take that for true would give a leaver access again.
func stillActive(current, next schema.Object) schema.Object {
	if next.Get(schema.Active) == nil {
		return next.With(schema.Active, current.Get(schema.Active))
	}
	return next
}
