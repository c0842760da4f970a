package store

import (
	"cmp"
	"iter"
	"slices"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// user is a user as SCIM shows it.
func (t *tenant) user(u *v1alpha1.CloudSSOUser, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{
		Type:         schema.User,
		ID:           u.Name,
		Created:      u.CreationTimestamp.Time,
		LastModified: lastModified(u),
		Attributes:   userFields.read(&u.Spec),
	}
	if !omit.Groups {
		r.Groups = func(yield func(scim.Reference) bool) {
			for _, reference := range t.groupReferences(u.Name) {
				if !yield(reference) {
					return
				}
			}
		}
	}
	return r
}

func (t *tenant) groupReferences(user string) []scim.Reference {
	var references []scim.Reference
	for _, name := range t.GroupsOf(t.namespace, user) {
		if r := t.groups.index.record(t.namespace, name); r != nil && r.listed {
			references = append(references, scim.Reference{Value: name, Display: r.object.Spec.DisplayName})
		}
	}
	slices.SortFunc(references, func(a, b scim.Reference) int { return cmp.Compare(a.Value, b.Value) })
	return references
}

// group is a group as SCIM shows it.
func (t *tenant) group(g *v1alpha1.CloudSSOGroup, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{
		Type:         schema.Group,
		ID:           g.Name,
		Created:      g.CreationTimestamp.Time,
		LastModified: t.modifiedAt(g),
		Attributes:   groupFields.read(&g.Spec),
	}
	if !omit.Members {
		r.Members = t.memberReferences(g)
	}
	return r
}

func (t *tenant) memberReferences(g *v1alpha1.CloudSSOGroup) iter.Seq[scim.Reference] {
	return func(yield func(scim.Reference) bool) {
		for name := range t.memberNames(g) {
			if !t.hidden(name) && !yield(t.reference(name)) {
				return
			}
		}
	}
}

// memberNames are the members of a group, those of its own list first, each once.
func (t *tenant) memberNames(g *v1alpha1.CloudSSOGroup) iter.Seq[string] {
	return func(yield func(string) bool) {
		lists := [][]v1alpha1.Member{g.Spec.Members}
		if g.Spec.Sliced {
			for _, s := range t.slicesOf(g) {
				lists = append(lists, s.Spec.Members)
			}
		}
		seen := map[string]bool{}
		for i, list := range lists {
			for _, m := range list {
				if i < len(lists)-1 || i > 0 { // one list has nobody twice
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
