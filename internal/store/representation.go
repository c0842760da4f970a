package store

import (
	"cmp"
	"iter"
	"slices"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/convert"
)

// userResource returns a user as SCIM shows it.
func (n *namespacedStore) userResource(u *v1alpha1.CloudSSOUser, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{
		Type:         schema.User,
		ID:           u.Name,
		Created:      u.CreationTimestamp.Time,
		LastModified: policy.LastModified(u),
	}
	if !omit.Attributes {
		r.Attributes = convert.User.Attributes(&u.Spec)
	}
	if !omit.Groups {
		r.Groups = func(yield func(scim.Reference) bool) {
			for _, reference := range n.groupReferences(u.Name) {
				if !yield(reference) {
					return
				}
			}
		}
	}
	return r
}

func (n *namespacedStore) groupReferences(user string) []scim.Reference {
	var references []scim.Reference
	for _, id := range n.GroupsOf(n.namespace, user) {
		if e := n.groups.index.Get(n.namespace, id); e != nil && e.Listed {
			references = append(references, scim.Reference{Value: id, Display: e.Object.Spec.DisplayName})
		}
	}
	slices.SortFunc(references, func(a, b scim.Reference) int { return cmp.Compare(a.Value, b.Value) })
	return references
}

// groupResource returns a group as SCIM shows it.
func (n *namespacedStore) groupResource(g *v1alpha1.CloudSSOGroup, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{
		Type:         schema.Group,
		ID:           g.Name,
		Created:      g.CreationTimestamp.Time,
		LastModified: n.modifiedAt(g),
	}
	if !omit.Attributes {
		r.Attributes = convert.Group.Attributes(&g.Spec)
	}
	if !omit.Members {
		r.Members = n.memberReferences(g)
	}
	return r
}

func (n *namespacedStore) memberReferences(g *v1alpha1.CloudSSOGroup) iter.Seq[scim.Reference] {
	return func(yield func(scim.Reference) bool) {
		for name := range n.memberNames(g) {
			if !n.isHiddenMember(name) && !yield(n.memberReference(name)) {
				return
			}
		}
	}
}

// memberNames returns the members of a group, those of its own list first, each once.
func (n *namespacedStore) memberNames(g *v1alpha1.CloudSSOGroup) iter.Seq[string] {
	return func(yield func(string) bool) {
		lists := [][]v1alpha1.Member{g.Spec.Members}
		if g.Spec.Sliced {
			for _, e := range n.slicesOf(g) {
				lists = append(lists, e.Object.Spec.Members)
			}
		}
		seen := map[string]bool{}
		for i, list := range lists {
			for _, m := range list {
				if i < len(lists)-1 || i > 0 { // one list alone lists each member once
					if seen[m.Name] {
						continue
					}
					seen[m.Name] = true
				}
				if !yield(m.Name) {
					return
				}
			}
		}
	}
}
