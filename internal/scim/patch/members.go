package patch

import (
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
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
		p.addMemberChange(scim.MemberChange{Op: scim.AddMembers, IDs: ids})
	case v == opRemove && value != nil:
		p.addMemberChange(scim.MemberChange{Op: scim.RemoveMembers, IDs: ids})
	default:
		p.addMemberChange(scim.MemberChange{Op: scim.ReplaceMembers, IDs: ids})
	}
	return nil
}

// addFilteredMemberOperation adds an operation whose path selects members by a filter. A replace removes the
// selected members and adds those of the value.
func (p *Patch) addFilteredMemberOperation(v verb, f filter.Filter, ids []string) error {
	if v != opAdd {
		removal := scim.MemberChange{Op: scim.RemoveMembers}
		var known bool
		if removal.IDs, known = filter.Alternatives(f, schema.MembersValue); !known {
			removal.IDs = nil
			removal.Match = func(r scim.Reference) bool { return f.Match(r.Member()) }
		}
		p.addMemberChange(removal)
	}
	if v != opRemove && len(ids) > 0 {
		p.addMemberChange(scim.MemberChange{Op: scim.AddMembers, IDs: ids})
	}
	return nil
}

func (p *Patch) addMemberChange(c scim.MemberChange) { p.members = append(p.members, c) }
