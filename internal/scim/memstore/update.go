package memstore

import (
	"context"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Update is part of scim.Store.
func (d *Store) Update(_ context.Context, rt *schema.ResourceType, id string, change scim.Change) (*scim.Resource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.find(rt, id, change.Precondition)
	if err != nil {
		return nil, err
	}
	attributes := e.attributes
	if change.Attributes != nil {
		if attributes, err = change.Attributes(e.attributes); err != nil {
			return nil, err
		}
	}
	if err := d.vacant(rt, attributes, e); err != nil {
		return nil, err
	}
	members := d.changed(e.members, change.Members)
	if !schema.Equal(attributes, e.attributes) || !slices.Equal(members, e.members) {
		e.attributes, e.members, e.lastModified = attributes, members, d.now()
	}
	return d.resource(e, scim.Omit{}), nil
}

// changed is the members after the changes; the slice given stays as it is.
func (d *Store) changed(members []string, changes []scim.MemberChange) []string {
	for _, change := range changes {
		switch {
		case change.Op == scim.AddMembers:
			members = d.added(members, change.IDs)
		case change.Op == scim.ReplaceMembers:
			wanted := set(change.IDs)
			members = d.added(without(members, func(id string) bool { return !wanted[id] }), change.IDs)
		case change.Match != nil:
			members = without(members, func(id string) bool {
				return change.Match(scim.Reference{Value: id, Display: display(d.ids[id])})
			})
		default:
			unwanted := set(change.IDs)
			members = without(members, func(id string) bool { return unwanted[id] })
		}
	}
	return members
}

// added is the members and, after them, those ids that are new and a user's.
func (d *Store) added(members, ids []string) []string {
	there := set(members)
	members = slices.Clip(members)
	for _, id := range ids {
		if user := d.ids[id]; user != nil && user.rt == schema.User && !user.deleted && !there[id] {
			there[id] = true
			members = append(members, id)
		}
	}
	return members
}

func without(members []string, unwanted func(id string) bool) []string {
	return slices.DeleteFunc(slices.Clone(members), unwanted)
}

func set(ids []string) map[string]bool {
	s := make(map[string]bool, len(ids))
	for _, id := range ids {
		s[id] = true
	}
	return s
}
