package patch

import (
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// addMembers makes an operation on members a change of them.
//
// To remove with a value is to remove those members, never all (Entra ID); to remove with neither value
// nor filter is to remove all (CloudSSO's own clients).
func (p *Patch) addMembers(v verb, path *filter.Path, value any) error {
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
		return p.filteredMembers(v, path.Filter, ids)
	}
	switch {
	case v == add:
		p.change(scim.MemberChange{Op: scim.AddMembers, IDs: ids})
	case v == remove && value != nil:
		p.change(scim.MemberChange{Op: scim.RemoveMembers, IDs: ids})
	default:
		p.change(scim.MemberChange{Op: scim.ReplaceMembers, IDs: ids})
	}
	return nil
}

// filteredMembers removes the members that a filter selects; to replace them is to add others then.
func (p *Patch) filteredMembers(v verb, f filter.Filter, ids []string) error {
	if v != add {
		removal := scim.MemberChange{Op: scim.RemoveMembers}
		var known bool
		if removal.IDs, known = filter.Alternatives(f, schema.MembersValue); !known {
			removal.IDs = nil
			removal.Match = func(r scim.Reference) bool { return f.Match(r.Member()) }
		}
		p.change(removal)
	}
	if v != remove && len(ids) > 0 {
		p.change(scim.MemberChange{Op: scim.AddMembers, IDs: ids})
	}
	return nil
}

func (p *Patch) change(c scim.MemberChange) { p.members = append(p.members, c) }
