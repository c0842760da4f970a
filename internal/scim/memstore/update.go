package memstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Update implements scim.Store.
func (s *Store) Update(ctx context.Context, rt *schema.ResourceType, id string, change scim.Change) (*scim.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(rt, id, change.Precondition)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return nil, err
	}
	r, err := s.update(rt, e, change)
	alone, ok := change.DeactivationAlone(err)
	if !ok {
		return r, err
	}
	refused := err
	if r, err = s.update(rt, e, alone); err != nil {
		return nil, err
	}
	return nil, &scim.DeactivatedOnly{Resource: r, Refused: refused}
}

// update changes an entry, whatever the precondition.
func (s *Store) update(rt *schema.ResourceType, e *entry, change scim.Change) (_ *scim.Resource, err error) {
	before := s.resource(e, scim.Omit{Groups: true}).Attributes
	attributes := e.attributes
	if change.Attributes != nil {
		if attributes, err = change.Attributes(before); err != nil {
			return nil, err
		}
	}
	if holder := s.holder(rt, attributes, e); holder != nil {
		return nil, taken(holder, attributes)
	}
	members, err := s.applyMemberChanges(e.members, change.Members)
	if err != nil {
		return nil, err
	}
	effect := scim.Effect{Before: before, Added: sampleWithout(members, e.members), Removed: sampleWithout(e.members, members)}
	if !schema.Equal(attributes, e.attributes) || !slices.Equal(members, e.members) {
		e.attributes, e.members, e.lastModified = attributes, members, s.now()
	}
	return s.changed(e, effect), nil
}

// sampleWithout returns the sample of the ids that are not among others.
func sampleWithout(ids, others []string) scim.MemberSample {
	known := newSet(others)
	return scim.SampleMembers(removeIf(ids, func(id string) bool { return known[id] }))
}

// applyMemberChanges returns the members after the changes. It does not modify the slice given.
func (s *Store) applyMemberChanges(members []string, changes []scim.MemberChange) (_ []string, err error) {
	for _, change := range changes {
		switch {
		case change.Op == scim.AddMembers:
			members = s.added(members, change.IDs)
		case change.Op == scim.ReplaceMembers:
			wanted := newSet(change.IDs)
			members = s.added(removeIf(members, func(id string) bool { return !wanted[id] }), change.IDs)
		case change.Match != nil:
			members = removeIf(members, func(id string) bool {
				selected, failed := change.Match(scim.Reference{Value: id, Display: display(s.ids[id])})
				err = cmp.Or(err, failed)
				return selected
			})
		default:
			unwanted := newSet(change.IDs)
			members = removeIf(members, func(id string) bool { return unwanted[id] })
		}
	}
	return members, err
}

// added returns the members followed by those of the ids that are users and not members yet.
func (s *Store) added(members, ids []string) []string {
	present := newSet(members)
	members = slices.Clip(members)
	for _, id := range ids {
		if user := s.ids[id]; user != nil && user.rt == schema.User && !present[id] {
			present[id] = true
			members = append(members, id)
		}
	}
	return members
}

func removeIf(members []string, unwanted func(id string) bool) []string {
	return slices.DeleteFunc(slices.Clone(members), unwanted)
}

func newSet(ids []string) map[string]bool {
	s := make(map[string]bool, len(ids))
	for _, id := range ids {
		s[id] = true
	}
	return s
}
