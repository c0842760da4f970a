package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// reasonMemberSkipped is the reason of the Event on a group that was pushed with a member that is no
// user. Providers never retry a 400, so to refuse would lose the whole push.
const reasonMemberSkipped = "MemberSkipped"

// maxReported is how many skipped members one Event names.
const maxReported = 10

// changeMembers applies changes in order to a group's members. Members that SCIM does not show, the
// Manual ones, are no part of a replacement and stay.
func (t *tenant) changeMembers(g *v1alpha1.CloudSSOGroup, changes []scim.MemberChange) (err error) {
	for _, change := range changes {
		switch change.Op {
		case scim.AddMembers:
			g.Spec.Members, err = addMembers(g.Spec.Members, change.IDs)
		case scim.RemoveMembers:
			g.Spec.Members = without(g.Spec.Members, t.selected(change))
		case scim.ReplaceMembers:
			keep := toSet(change.IDs)
			g.Spec.Members = without(g.Spec.Members, func(name string) bool { return !keep[name] && !t.hidden(name) })
			g.Spec.Members, err = addMembers(g.Spec.Members, change.IDs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tenant) selected(change scim.MemberChange) func(name string) bool {
	if change.Match == nil {
		remove := toSet(change.IDs)
		return func(name string) bool { return remove[name] && !t.hidden(name) }
	}
	return func(name string) bool { return !t.hidden(name) && change.Match(t.reference(name)) }
}

func addMembers(members []v1alpha1.Member, ids []string) ([]v1alpha1.Member, error) {
	there := make(map[string]bool, len(members)+len(ids))
	for _, m := range members {
		there[m.Name] = true
	}
	members = slices.Clip(members)
	for _, id := range ids {
		if !there[id] {
			there[id] = true
			members = append(members, v1alpha1.Member{Name: id})
		}
	}
	if len(members) > v1alpha1.MaxMembers {
		return nil, scim.BadRequest(scim.InvalidValue, "members: the group would have %d members; at most %d are supported", len(members), v1alpha1.MaxMembers)
	}
	return members, nil
}

func without(members []v1alpha1.Member, remove func(name string) bool) []v1alpha1.Member {
	return slices.DeleteFunc(slices.Clone(members), func(m v1alpha1.Member) bool { return remove(m.Name) })
}

// knownIn leaves out of the changes the ids that are no user's. To remove one is no error: nobody asks
// whether who is to go exists.
func (t *tenant) knownIn(ctx context.Context, changes []scim.MemberChange) (known []scim.MemberChange, unknown []string, err error) {
	for _, change := range changes {
		if change.Op != scim.RemoveMembers {
			var skipped []string
			if change.IDs, skipped, err = t.known(ctx, change.IDs); err != nil {
				return nil, nil, err
			}
			unknown = append(unknown, skipped...)
		}
		known = append(known, change)
	}
	return known, unknown, nil
}

// known parts ids into those of users that SCIM shows and others. Who is missing is looked for again
// behind a fence, for another replica may just have created them.
func (t *tenant) known(ctx context.Context, ids []string) (known, unknown []string, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	if err := t.users.catchUp(ctx); err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(ids, t.missing) {
		return ids, nil, nil
	}
	if err := t.users.pass(ctx); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if t.missing(id) {
			unknown = append(unknown, id)
		} else {
			known = append(known, id)
		}
	}
	return known, unknown, nil
}

// missing reports whether there is no such user over SCIM.
func (t *tenant) missing(id string) bool {
	u, found := t.users.index.get(t.namespace, id)
	return !found || !describeUser(u).listed
}

// hidden reports whether SCIM does not show the member: a Manual user, or one that is about to leave. A
// member that the index does not know was created a moment ago: it is shown.
func (t *tenant) hidden(name string) bool {
	u, found := t.users.index.get(t.namespace, name)
	return found && !describeUser(u).listed
}

// reference names a user as a member.
func (t *tenant) reference(name string) scim.Reference {
	u, found := t.users.index.get(t.namespace, name)
	if !found {
		return scim.Reference{Value: name}
	}
	display := u.Spec.DisplayName
	if display == "" {
		display = u.Spec.UserName
	}
	return scim.Reference{Value: name, Display: display}
}

func (t *tenant) reportSkipped(g *v1alpha1.CloudSSOGroup, unknown []string) {
	if len(unknown) == 0 {
		return
	}
	named := strings.Join(unknown[:min(len(unknown), maxReported)], ", ")
	t.Log.Warn("members skipped: no such users", "namespace", g.Namespace, "group", g.Name, "count", len(unknown), "members", named)
	t.warn(g, reasonMemberSkipped, "%d members pushed by the identity provider were skipped, for no such users exist: %s. "+
		"Provision them first, then push the group again.", len(unknown), named)
}

func toSet(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
