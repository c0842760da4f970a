package server

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/patch"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// modify handles PATCH (RFC 7644 section 3.5.2). It returns 200 with the resource, which all identity
// providers accept and authentik requires. If the group has more than limits.EchoedMembers members, and the
// client did not send the parameter attributes, it returns 204, which all identity providers accept too and
// Entra ID requests. The cost of a small change of a large group then does not depend on the size of the
// group.
func (s *server) modify(req *request) (*response, error) {
	q, err := req.query()
	if err != nil {
		return nil, err
	}
	data, err := req.body()
	if err != nil {
		return nil, err
	}
	var change scim.Change
	deactivates := req.deactivates(func() any { return patch.Active(req.Context(), data) })
	p, err := patch.Parse(req.Context(), req.rt, data, req.comparisons())
	switch {
	case err == nil:
		s.logIgnored(req, reasonUnknown, p.Unknown)
		change = p.Change(req.Context())
		change.Attributes = func(current schema.Object) (schema.Object, error) {
			next, err := req.apply(p, current)
			return next, cmp.Or(operationError(err), checkActive(current, next), checkChange(req.rt, current, next))
		}
	case deactivates():
		change.Attributes = refusedChange(operationError(err))
	default:
		return nil, operationError(err)
	}
	change.Precondition, change.Deactivates = req.precondition(), deactivates
	ctx, err := s.beforeChange(req)
	if err != nil {
		return nil, err
	}
	r, err := req.update(ctx, change)
	if err != nil {
		return nil, err
	}
	s.logIgnored(req, "the schema does not list the type, and no value has it", p.Unlisted)
	req.recordEffect(r)
	selected := q.selection(req.rt)
	if !q.Has("attributes") && selected.Has(schema.Members) && hasManyMembers(r) {
		return &response{status: http.StatusNoContent}, nil
	}
	return s.changedResponse(req, http.StatusOK, r, selected)
}

// operationError keeps the number of the operation in an error of package patch.
func operationError(err error) error {
	var body *schema.Error
	if errors.As(err, &body) {
		return scim.BadRequest(scim.Type(body.ScimType), "%v", err)
	}
	return err
}

// hasManyMembers reports whether a resource has more than limits.EchoedMembers members. It does not read the
// rest.
func hasManyMembers(r *scim.Resource) bool {
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
