package server

import (
	"errors"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/patch"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// modify is PATCH (RFC 7644 section 3.5.2). It answers 200 with the resource, which every provider takes
// and authentik needs; but 204, which all of them take too and Entra ID asks for, when that would be a
// group of more than limits.EchoedMembers members and the client did not say what it wants to see. A small change of
// a large group then costs what the change costs.
func (s *server) modify(c *call) (*answer, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	p, err := patch.Parse(c.rt, data)
	if err != nil {
		return nil, located(err)
	}
	s.ignored(c, p.Unknown)
	change := p.Change()
	change.Precondition = c.precondition()
	change.Attributes = func(current schema.Object) (schema.Object, error) {
		next, err := p.Apply(current)
		return stillActive(current, next), err
	}
	r, err := c.session.Store.Update(c.Context(), c.rt, c.id(), change)
	if err != nil {
		return nil, err
	}
	c.about(r.Attributes)
	selected := q.selection(c.rt)
	if !q.Has("attributes") && selected.Has(schema.Members) && large(r) {
		return &answer{status: http.StatusNoContent}, nil
	}
	return s.show(http.StatusOK, r, selected), nil
}

// located is an error of patch.Parse with all that it says: which operation it is about.
func located(err error) error {
	var body *schema.Error
	if errors.As(err, &body) {
		return scim.BadRequest(scim.Type(body.ScimType), "%v", err)
	}
	return err
}

// large reports whether a resource has more than limits.EchoedMembers members, without counting on.
func large(r *scim.Resource) bool {
	if r.Members == nil {
		return false
	}
	n := 0
	for range r.Members {
		if n++; n > limits.EchoedMembers {
			return true
		}
	}
	return false
}
