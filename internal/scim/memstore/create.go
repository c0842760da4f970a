package memstore

import (
	"context"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Create is part of scim.Store.
func (s *Store) Create(ctx context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*scim.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if holder := s.holder(rt, attributes, nil); holder != nil {
		if !isRestoredBy(holder, attributes) {
			return nil, taken(holder, attributes)
		}
		effect := scim.Effect{Origin: scim.OriginRestored, Before: holder.attributes}
		holder.attributes = attributes
		holder.lastModified = s.now()
		return s.changed(holder, effect), nil
	}
	now := s.now()
	e := &entry{rt: rt, id: s.newID(), created: now, lastModified: now, attributes: attributes}
	if rt == schema.Group {
		e.members = s.added(nil, members)
	}
	s.add(e)
	return s.changed(e, scim.Effect{Origin: scim.OriginNew, Added: scim.SampleMembers(slices.Clone(e.members))}), nil
}

// changed returns a resource as the call that has changed it does.
func (s *Store) changed(e *entry, effect scim.Effect) *scim.Resource {
	r := s.resource(e, scim.Omit{})
	r.Effect = effect
	return r
}

// isRestoredBy reports whether a create means a disabled user: it has the same userName and the same non-empty externalId.
func isRestoredBy(holder *entry, attributes schema.Object) bool {
	externalID := attributes.String(schema.ExternalID)
	return holder.rt == schema.User && !isActive(holder) && externalID != "" && holder.attributes.String(schema.ExternalID) == externalID
}

// isActive reports whether a user is active. An unassigned active means true.
func isActive(e *entry) bool {
	active, assigned := e.attributes.Get(schema.Active).(bool)
	return active || !assigned
}
