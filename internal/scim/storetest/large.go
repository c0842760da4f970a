package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// largeSize is several times the number of members that a store keeps in one object.
const largeSize = 700

// createMembers creates n users, eight at a time, because one by one they would take most of the time of the
// test.
func (s *store) createMembers(n int) []string {
	s.t.Helper()
	ids := make([]string, n)
	var all sync.WaitGroup
	for part := range slices.Chunk(positions(n), n/8) {
		all.Go(func() {
			for _, i := range part {
				r, err := s.Create(s.t.Context(), schema.User, user(fmt.Sprintf("member-%d", i)), nil)
				if err != nil {
					s.t.Error(err)
					return
				}
				ids[i] = r.ID
			}
		})
	}
	all.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
	return ids
}

func positions(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func largeGroup(s *store) {
	users := s.createMembers(largeSize)
	s.t.Log("created with many members, then hundreds are added, some of them twice")
	g := s.created(schema.Group, group("Large"), users[:300]...)
	s.equal(memberIDs(g), sorted(users[:300]...), "created")
	for from := 250; from < largeSize; from += 100 {
		to := min(from+150, largeSize)
		g = s.updated(schema.Group, g.ID, changeMembers(addMembers(users[from:to]...)))
		s.equal(memberIDs(g), sorted(users[:to]...), "added")
	}
	s.same(s.got(schema.Group, g.ID), g)
	s.t.Log("members that are present are added, an unknown one is removed, all are replaced by the same")
	s.same(s.updated(schema.Group, g.ID, changeMembers(addMembers(users[3], users[400], users[699]))), g)
	s.same(s.updated(schema.Group, g.ID, changeMembers(removeMembers("absent"))), g)
	s.same(s.updated(schema.Group, g.ID, changeMembers(replaceMembers(users...))), g)
	s.t.Log("a member has its group, and the group has the display of its members")
	s.equal(groupIDs(s.got(schema.User, users[650])), []string{g.ID}, "groups")
	s.checkDisplays(g.ID, displayNames(users))
	s.t.Log("members are removed from several places, by id and by match, and added again")
	g2 := s.updated(schema.Group, g.ID, changeMembers(removeMembers(users[1], users[260], users[600]), addMembers(users[600])))
	s.equal(memberIDs(g2), sorted(slices.Concat(users[:1], users[2:260], users[261:])...), "removed")
	if !g2.LastModified.After(g.LastModified) {
		s.t.Errorf("last modified %v, before %v", g2.LastModified, g.LastModified)
	}
	s.equal(groupIDs(s.got(schema.User, users[260])), nil, "groups")
	g = s.updated(schema.Group, g.ID, changeMembers(removeMatching(func(r scim.Reference) bool { return r.Display == "member-5" || r.Display == "member-500" })))
	s.equal(memberIDs(g), sorted(slices.Concat(users[:1], users[2:5], users[6:260], users[261:500], users[501:])...), "matched")
	s.t.Log("a match that fails changes none of the places")
	s.checkFailingMatch(g)
	s.t.Log("a deleted user leaves the group")
	s.deleted(s.got(schema.User, users[550]))
	s.equal(memberIDs(s.got(schema.Group, g.ID)), sorted(slices.Concat(users[:1], users[2:5], users[6:260], users[261:500], users[501:550], users[551:])...), "left")
	s.t.Log("members are replaced by some, by none, and added again")
	g = s.updated(schema.Group, g.ID, changeMembers(replaceMembers(users[200:520]...)))
	s.equal(memberIDs(g), sorted(users[200:520]...), "replaced")
	g = s.updated(schema.Group, g.ID, changeMembers(replaceMembers()))
	s.equal(memberIDs(g), nil, "emptied")
	g = s.updated(schema.Group, g.ID, changeMembers(addMembers(users[:500]...)))
	s.equal(memberIDs(g), sorted(users[:500]...), "filled")
	s.t.Log("attributes change together with members, and without them")
	g = s.updated(schema.Group, g.ID, scim.Change{Attributes: changeAttribute(schema.GroupDisplayName, "Larger").Attributes, Members: []scim.MemberChange{removeMembers(users[499])}})
	s.equal(memberIDs(g), sorted(users[:499]...), "changed")
	s.equal(memberIDs(s.set(g, schema.ExternalID, "e")), sorted(users[:499]...), "renamed")
	s.deleted(g)
	s.equal(groupIDs(s.got(schema.User, users[0])), nil, "groups")
}

func displayNames(users []string) map[string]string {
	displays := map[string]string{}
	for i, id := range users {
		displays[id] = fmt.Sprintf("member-%d", i)
	}
	return displays
}

// concurrentGroupChanges lets many clients change disjoint members of one group. In the end the group has all
// changes.
func concurrentGroupChanges(s *store) {
	const clients, each, members = 8, 20, 300
	users := s.createMembers(members + clients*each)
	g := s.created(schema.Group, group("Crowd"), users[:members]...)
	var all sync.WaitGroup
	for c := range clients {
		own := users[members+c*each : members+(c+1)*each]
		all.Go(func() {
			for part := range slices.Chunk(own, 10) {
				if _, err := s.Update(s.t.Context(), schema.Group, g.ID, changeMembers(addMembers(part...), removeMembers(users[c]))); err != nil {
					s.t.Error(err)
				}
				if _, err := s.Update(s.t.Context(), schema.Group, g.ID, changeMembers(removeMembers(part[0]), addMembers(part[1]))); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	all.Wait()
	want := users[clients:members:members]
	for c := range clients {
		for part := range slices.Chunk(users[members+c*each:members+(c+1)*each], 10) {
			want = append(want, part[1:]...)
		}
	}
	s.equal(s.members(g.ID), sorted(want...), "members")
}
