package memstore

import (
	"context"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Create is part of scim.Store.
func (d *Store) Create(_ context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	leaver := d.leaver(rt, attributes)
	if err := d.vacant(rt, attributes, leaver); err != nil {
		return nil, err
	}
	if leaver != nil {
		leaver.deleted = false
		leaver.attributes = attributes
		leaver.lastModified = d.now()
		return d.resource(leaver, scim.Omit{}), nil
	}
	now := d.now()
	e := &entry{rt: rt, id: d.newID(), created: now, lastModified: now, attributes: attributes}
	if rt == schema.Group {
		e.members = d.added(nil, members)
	}
	d.add(e)
	return d.resource(e, scim.Omit{}), nil
}

// leaver is the newest user with the same externalId who is deleted or not active.
func (d *Store) leaver(rt *schema.ResourceType, attributes schema.Object) (newest *entry) {
	externalID := rt.Attribute("externalId")
	id := attributes.String(externalID)
	if rt != schema.User || id == "" {
		return nil
	}
	for _, e := range d.all {
		if e.rt == rt && e.attributes.String(externalID) == id && (e.deleted || !isActive(e)) {
			newest = e
		}
	}
	return newest
}

// isActive is true of a user of whom nothing is said.
func isActive(e *entry) bool {
	active, said := e.attributes.Get(e.rt.Attribute("active")).(bool)
	return active || !said
}
