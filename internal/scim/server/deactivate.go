package server

import (
	"errors"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// A PUT or PATCH that is refused, and sets active of a user to false, deactivates the user all the same: a leaver must lose access
// whatever else a request has (docs/adr/0031-a-refused-request-still-deactivates.md).

// deactivates returns scim.Change.Deactivates of a request. active returns the value that its body gives to active.
func (req *request) deactivates(active func() any) func() bool {
	return func() bool { return req.rt == schema.User && active() == false }
}

// refusedChange returns the change of a request whose body is refused before the resource is known.
func refusedChange(refused error) func(schema.Object) (schema.Object, error) {
	return func(schema.Object) (schema.Object, error) { return nil, refused }
}

// recordDeactivation returns the error for the client of an update that has ended with err. It records for the observer that a
// user was deactivated although the request was refused.
func (req *request) recordDeactivation(err error) error {
	var only *scim.DeactivatedOnly
	if !errors.As(err, &only) {
		return err
	}
	req.recordEffect(only.Resource)
	refused := *toSCIMError(only.Refused, req.record.RequestID)
	refused.Detail = "active is false now, and nothing else of the request was stored: " + refused.Detail
	return &refused
}
