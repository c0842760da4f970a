package patch

import (
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// addMemberOperation adds an operation on members to the patch.
//
// A remove with a value removes those members only (Entra ID sends it). A remove with neither value nor filter
// removes all members (CloudSSO's own clients send it).
func (p *Patch) addMemberOperation(v verb, path *filter.Path, value any) error {
	if path.Sub != nil || len(path.Attribute) > 1 {
		return scim.BadRequest(scim.Mutability, "%s cannot be changed; remove the member and add another", path)
	}
	var ids []string
	if value != nil {
		var err error
		if ids, err = schema.DecodeMembers(value); err != nil {
			return err
		}
	}
	if path.Filter != nil {
		return p.addFilteredMemberOperation(v, path.Filter, ids)
	}
	switch {
	case v == opAdd:
		p.members.set(scim.AddMembers, ids)
	case v == opRemove && value != nil:
		p.members.set(scim.RemoveMembers, ids)
	default:
		p.members.replace(ids)
	}
	return nil
}

// addFilteredMemberOperation adds an operation whose path selects members by a filter. A replace removes the
// selected members and adds those of the value.
func (p *Patch) addFilteredMemberOperation(v verb, f filter.Filter, ids []string) error {
	if v != opAdd {
		if named, known := filter.Alternatives(f, schema.MembersValue); known {
			p.members.set(scim.RemoveMembers, named)
		} else if err := p.members.removeMatching(f, p.meter); err != nil {
			return err
		}
	}
	if v != opRemove {
		p.members.set(scim.AddMembers, ids)
	}
	return nil
}

// memberChanges are the operations on members, in as few changes as have the same effect. A store compares each
// member with each change, and some identity providers send one operation for each member.
type memberChanges struct {
	before    []scim.MemberChange // up to the last filter
	filters   filter.Filter       // the filters that the last one of before removes by; nil if it has none
	terms     int                 // of all filters
	replaces  bool                // the changes below replace all members
	ids       []string            // in the order in which they were named first
	isRemoved map[string]bool     // whether the last operation that names an id removes it
}

// set adds or removes members.
func (m *memberChanges) set(op scim.MemberOp, ids []string) {
	if m.isRemoved == nil {
		m.isRemoved = make(map[string]bool, len(ids))
	}
	for _, id := range ids {
		if _, named := m.isRemoved[id]; !named {
			m.ids = append(m.ids, id)
		}
		m.isRemoved[id] = op == scim.RemoveMembers
	}
}

// replace replaces all members, so that no earlier change has an effect.
func (m *memberChanges) replace(ids []string) {
	*m = memberChanges{terms: m.terms, replaces: true}
	m.set(scim.AddMembers, ids)
}

// removeMatching removes the members that match a filter. What it removes depends on all changes before it.
func (m *memberChanges) removeMatching(f filter.Filter, meter *filter.Meter) error {
	if m.terms += filter.Terms(f); m.terms > limits.MemberFilterTerms {
		return scim.BadRequest(scim.TooMany, "the paths of members have more than %d conditions; name the members by value eq", limits.MemberFilterTerms)
	}
	if m.filters != nil && len(m.ids) == 0 {
		f = filter.Or(m.filters, f)
		m.before = m.before[:len(m.before)-1]
	}
	m.before = append(m.changes(), scim.MemberChange{
		Op: scim.RemoveMembers,
		Match: func(r scim.Reference) (bool, error) {
			selected := f.Match(r.Member(), meter)
			return selected, checkMeter(meter)
		},
	})
	m.filters, m.replaces, m.ids, m.isRemoved = f, false, nil, nil
	return nil
}

// changes returns the changes in the order in which they are applied.
func (m *memberChanges) changes() []scim.MemberChange {
	var added, removed []string
	for _, id := range m.ids {
		if m.isRemoved[id] {
			removed = append(removed, id)
		} else {
			added = append(added, id)
		}
	}
	all := slices.Clip(m.before)
	switch {
	case m.replaces:
		return append(all, scim.MemberChange{Op: scim.ReplaceMembers, IDs: added})
	case len(removed) > 0:
		all = append(all, scim.MemberChange{Op: scim.RemoveMembers, IDs: removed})
	}
	if len(added) > 0 {
		all = append(all, scim.MemberChange{Op: scim.AddMembers, IDs: added})
	}
	return all
}
