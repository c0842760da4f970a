package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// replace is PUT (RFC 7644 section 3.5.1). What the body has takes the place of what was there. What it
// does not have is unassigned, as Okta expects, which sends all that it has read and merged; but for
// two attributes whose absence no provider means as an order:
//
//   - active stays as it is, see stillActive.
//   - a group's members stay as they are when there is no members attribute, as in a rename by a client
//     that sends what it changes; an empty list removes them all.
//
// Read-only attributes, and id and meta with them, are ignored: they are returned as they are.
func (s *server) replace(c *call) (*answer, error) {
	selected, err := c.selection()
	if err != nil {
		return nil, err
	}
	body, err := s.resource(c)
	if err != nil {
		return nil, err
	}
	change := scim.Change{
		Precondition: c.precondition(),
		Attributes: func(current schema.Object) (schema.Object, error) {
			return replaced(c.rt, current, body.Attributes)
		},
	}
	if body.HasMembers {
		change.Members = []scim.MemberChange{{Op: scim.ReplaceMembers, IDs: body.Members}}
	}
	r, err := c.session.Store.Update(c.Context(), c.rt, c.id(), change)
	if err != nil {
		return nil, err
	}
	c.about(r.Attributes)
	return s.show(http.StatusOK, r, selected), nil
}

// replaced is what is to be stored when next takes the place of current.
func replaced(rt *schema.ResourceType, current, next schema.Object) (schema.Object, error) {
	next = stillActive(current, next)
	for _, a := range rt.Attributes {
		if a.Mutability != schema.Immutable || current.Get(a) == nil {
			continue
		}
		if sent := next.Get(a); sent != nil && !schema.Equal(sent, current.Get(a)) {
			return nil, scim.BadRequest(scim.Mutability, "%s is immutable: it cannot be changed once it is set", a.Name)
		}
		next = next.With(a, current.Get(a))
	}
	return next, nil
}
