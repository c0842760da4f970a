package server

import "github.com/cloudsso/cloudsso-operator/internal/scim/schema"

// Every stored user has the attribute active. RFC 7643 section 4.1.1 leaves the meaning of its absence to the
// service provider, and it decides whether the user has access.

// withDefaultActive returns the attributes of a new user with active set to true if the client did not send
// it, because an identity provider creates a user to give access.
func withDefaultActive(rt *schema.ResourceType, attributes schema.Object) schema.Object {
	if rt == schema.User && attributes.Get(schema.Active) == nil {
		return attributes.With(schema.Active, true)
	}
	return attributes
}

// keepActive returns the attributes of a changed user with the present value of active if the change removes
// it or leaves it out. A default of true would give a deactivated user access again.
func keepActive(current, next schema.Object) schema.Object {
	if next.Get(schema.Active) == nil {
		return next.With(schema.Active, current.Get(schema.Active))
	}
	return next
}
