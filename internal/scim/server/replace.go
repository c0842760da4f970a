package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// replace handles PUT (RFC 7644 section 3.5.1). The attributes of the body replace the present ones. An
// attribute that the body does not have is unassigned. Okta relies on this: it sends all attributes that it
// read, merged with its own. Two attributes are kept if the body does not have them, because identity
// providers leave them out without meaning a removal:
//
//   - active keeps its value, see keepActive.
//   - members keeps its values, because some clients rename a group with a body that has only the new name. An
//     empty array removes all members.
//
// Read-only attributes, id and meta among them, are ignored.
func (s *server) replace(req *request) (*response, error) {
	selected, err := req.selection()
	if err != nil {
		return nil, err
	}
	data, err := req.body()
	if err != nil {
		return nil, err
	}
	change := scim.Change{Precondition: req.precondition(), Deactivates: req.deactivates(func() any { return schema.DecodeActive(data) })}
	switch body, err := s.resource(req, data); {
	case err == nil:
		change.Attributes = func(current schema.Object) (schema.Object, error) { return replaced(req.rt, current, body.Attributes) }
		if body.HasMembers {
			change.Members = []scim.MemberChange{{Op: scim.ReplaceMembers, IDs: body.Members}}
		}
	case change.Deactivates():
		change.Attributes = refusedChange(err)
	default:
		return nil, err
	}
	ctx, err := s.beforeChange(req)
	if err != nil {
		return nil, err
	}
	r, err := req.update(ctx, change)
	if err != nil {
		return nil, err
	}
	req.recordEffect(r)
	return s.changedResponse(req, http.StatusOK, r, selected)
}

// replaced returns the attributes to store if next replaces current.
func replaced(rt *schema.ResourceType, current, next schema.Object) (schema.Object, error) {
	next = keepActive(current, next)
	for _, a := range rt.Attributes {
		if a.Mutability != schema.Immutable || current.Get(a) == nil {
			continue
		}
		if sent := next.Get(a); sent != nil && !schema.Equal(sent, current.Get(a)) {
			return nil, scim.BadRequest(scim.Mutability, "%s is immutable: it cannot be changed once it is set", a.Name)
		}
		next = next.With(a, current.Get(a))
	}
	return next, checkChange(rt, current, next)
}
