package store

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// A name belongs to one object (package nameclaim). Two live objects of one name are rare: the API server has carried
// out a write after its request had given up, or a person has created the second one. The claim decides then, and the
// other object is not shown over SCIM.

// nameIndex is the nameclaim.Index of a Store.
type nameIndex Store

// Named is part of nameclaim.Index.
func (s *nameIndex) Named(name nameclaim.Name) []string {
	if name.Kind == v1alpha1.ClaimedByGroup {
		return entitled(s.groups.index.Named(name.Namespace, name.Folded))
	}
	return entitled(s.users.index.Named(name.Namespace, name.Folded))
}

// entitled returns the ids of entries in the order in which they are entitled to a name that none of them has claimed:
// SCIM before Manual, then older, then by id.
func entitled[T client.Object](entries []*index.Entry[T]) []string {
	slices.SortFunc(entries, func(a, b *index.Entry[T]) int {
		return cmp.Or(rank(a.Object)-rank(b.Object), index.CompareAge(a.Object, b.Object))
	})
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.Object.GetName()
	}
	return ids
}

func rank(o client.Object) int {
	if policy.SourceOf(o) == v1alpha1.SourceSCIM {
		return 0
	}
	return 1
}

// isHidden reports whether another object holds the name of a user or group. folded is that name, case-folded. As long as the
// index shows no second live object of the name, the name is the object's own.
func (c *collection[T]) isHidden(ctx context.Context, o T, folded string) (bool, error) {
	if c.name == nil || !c.isContested(c.index.Named(o.GetNamespace(), folded)) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	holder, err := c.claims.Holder(ctx, nameclaim.Name{Namespace: o.GetNamespace(), Kind: c.claimedKind, Folded: folded})
	if err != nil {
		return false, toSCIMError(err)
	}
	return holder != nil && holder.GetName() != o.GetName(), nil
}

// isContested reports whether the claim has to be read to tell whether SCIM shows an object among those of one name:
// there are two of source SCIM, or a Manual one holds the name as far as a controller has found.
func (c *collection[T]) isContested(entries []*index.Entry[T]) bool {
	if len(entries) < 2 {
		return false
	}
	listed, accepted := 0, false
	for _, e := range entries {
		if e.Listed {
			listed++
		} else if name := c.acceptedName(e.Object); name != "" {
			accepted = true
		}
	}
	return listed > 1 || listed == 1 && accepted
}

// maxParallelReads bounds the live reads that one request has under way.
const maxParallelReads = 8

// hidden returns the ids of the objects of a namespace that SCIM does not show because another one holds their name.
func (c *collection[T]) hidden(ctx context.Context, namespace string) (map[string]bool, error) {
	var contested []*index.Entry[T]
	for _, name := range c.index.SharedNames(namespace) {
		entries := c.index.Named(namespace, name)
		if c.isContested(entries) {
			contested = append(contested, slices.DeleteFunc(entries, func(e *index.Entry[T]) bool { return !e.Listed })...)
		}
	}
	isHidden := make([]bool, len(contested))
	reads, ctx := errgroup.WithContext(ctx)
	reads.SetLimit(maxParallelReads)
	for i, e := range contested {
		reads.Go(func() (err error) {
			isHidden[i], err = c.isHidden(ctx, e.Object, e.Name)
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for i, e := range contested {
		if isHidden[i] {
			ids[e.Object.GetName()] = true
		}
	}
	return ids, nil
}

// Namesakes returns the metadata.names of the other live objects that the index shows under the name of a user or group.
func (s *Store) Namesakes(o client.Object) []string {
	return slices.DeleteFunc((*nameIndex)(s).Named(nameclaim.NameOf(o)), func(other string) bool { return other == o.GetName() })
}

// Named returns the metadata.names of the live objects, of any source, that have a name.
func (s *Store) Named(name nameclaim.Name) []string { return (*nameIndex)(s).Named(name) }

// Identified returns the metadata.names of the objects of source SCIM that have an externalId.
func (s *Store) Identified(namespace string, kind v1alpha1.ClaimedKind, externalID string) []string {
	if kind == v1alpha1.ClaimedByGroup {
		return entitled(s.groups.index.Identified(namespace, externalID))
	}
	return entitled(s.users.index.Identified(namespace, externalID))
}

// HasSeen reports whether the index shows a user or group as of its resourceVersion or later.
func (s *Store) HasSeen(o client.Object) bool {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return s.users.index.HasSeen(o)
	case *v1alpha1.CloudSSOGroup:
		return s.groups.index.HasSeen(o)
	}
	return false
}

// Holders returns, for each name of a namespace that an object should hold, the metadata.name of that object: the live
// object that is entitled to it. A userName that no live user has belongs to the user that the identity provider deleted
// last, if it is suspended: the next user of the name inherits the suspension.
func (s *Store) Holders(namespace string) map[nameclaim.Name]string {
	holders := map[nameclaim.Name]string{}
	for _, kind := range []struct {
		claimed v1alpha1.ClaimedKind
		names   []string
	}{{v1alpha1.ClaimedByUser, s.users.index.Names(namespace)}, {v1alpha1.ClaimedByGroup, s.groups.index.Names(namespace)}} {
		for _, folded := range kind.names {
			name := nameclaim.Name{Namespace: namespace, Kind: kind.claimed, Folded: folded}
			if entitled := (*nameIndex)(s).Named(name); len(entitled) > 0 {
				holders[name] = entitled[0]
			}
		}
	}
	for _, folded := range s.users.index.FormerNames(namespace) {
		name := nameclaim.Name{Namespace: namespace, Kind: v1alpha1.ClaimedByUser, Folded: folded}
		if last := s.lastDeprovisioned(name); holders[name] == "" && last != nil && last.Spec.Suspended {
			holders[name] = last.Name
		}
	}
	return holders
}

// GroupsOf returns the metadata.names of the groups, of any source, that have the user as a member.
func (s *Store) GroupsOf(namespace, user string) []string {
	names := s.groups.index.Listing(namespace, user)
	for _, slice := range s.slicesListing(namespace, user) {
		g := s.groups.index.Get(namespace, slice.Spec.Group)
		if g != nil && g.Object.Spec.Source == slice.Spec.Source && !slices.Contains(names, g.Object.Name) {
			names = append(names, g.Object.Name)
		}
	}
	return names
}

// MemberListsOf returns the groups and slices, of any source, that list the user. They are shared: read only.
func (s *Store) MemberListsOf(namespace, user string) (lists []client.Object) {
	for _, id := range s.groups.index.Listing(namespace, user) {
		if g := s.groups.index.Get(namespace, id); g != nil {
			lists = append(lists, g.Object)
		}
	}
	for _, slice := range s.slicesListing(namespace, user) {
		lists = append(lists, slice)
	}
	return lists
}
