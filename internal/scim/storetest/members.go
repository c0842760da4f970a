package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var members = []behaviour{
	{"a group is created with its members", func(s *store) {
		users := s.users("alice", "bob", "carol")
		g := s.created(schema.Group, group("Admins"), users[0], users[2])
		s.equal(memberIDs(g), sorted(users[0], users[2]), "members")
		s.same(s.got(schema.Group, g.ID), g)
	}},
	{"members of a group without members are an empty sequence, those of a user are nil", func(s *store) {
		g := s.created(schema.Group, group("Admins"))
		if g.Members == nil || slices.Collect(g.Members) != nil {
			s.t.Error("the group's members are not an empty sequence")
		}
		if r := s.createdUser(user("alice")); r.Members != nil || len(groupIDs(r)) > 0 {
			s.t.Errorf("the user has members or groups: %v", groupIDs(r))
		}
	}},
	{"members are added", func(s *store) {
		users := s.users("alice", "bob", "carol")
		s.checkChange(users[:1], changeMembers(addMembers(users[1]), addMembers(users[2])), users)
	}},
	{"adding a member twice changes nothing", func(s *store) {
		users := s.users("alice", "bob")
		s.checkNoChange(users, changeMembers(addMembers(users[0], users[1], users[0])))
	}},
	{"members are removed", func(s *store) {
		users := s.users("alice", "bob", "carol")
		s.checkChange(users, changeMembers(removeMembers(users[0], users[2])), users[1:2])
	}},
	{"removing a user that is not a member changes nothing", func(s *store) {
		users := s.users("alice", "bob")
		s.checkNoChange(users[:1], changeMembers(removeMembers(users[1], "absent")))
		s.t.Log("a removal without ids")
		s.checkNoChange(users[:1], changeMembers(removeMembers()))
	}},
	{"all members are removed", func(s *store) {
		users := s.users("alice", "bob")
		s.checkChange(users, changeMembers(removeMatching(func(scim.Reference) bool { return true })), nil)
	}},
	{"members that match are removed", func(s *store) {
		users := s.users("alice", "bob", "carol")
		s.checkChange(users, changeMembers(removeMatching(func(r scim.Reference) bool { return r.Value == users[0] || r.Display == "bob" })), users[2:])
	}},
	{"a match is asked once about each member", func(s *store) {
		users := s.users("alice", "bob", "carol")
		asked := map[string]int{}
		s.checkChange(users, changeMembers(removeMatching(func(r scim.Reference) bool {
			asked[r.Value]++
			return r.Value != users[0]
		})), users[:1])
		if want := map[string]int{users[0]: 1, users[1]: 1, users[2]: 1}; !maps.Equal(asked, want) {
			s.t.Errorf("asked %v, want %v", asked, want)
		}
	}},
	{"a match that fails changes nothing", func(s *store) {
		users := s.users("alice", "bob", "carol")
		g := s.created(schema.Group, group("Admins"), users...)
		s.checkFailingMatch(g)
	}},
	{"a match without members changes nothing", func(s *store) {
		s.checkNoChange(s.users("alice"), changeMembers(removeMatching(func(scim.Reference) bool { return false })))
	}},
	{"members are replaced", func(s *store) {
		users := s.users("alice", "bob", "carol")
		s.checkChange(users[:2], changeMembers(replaceMembers(users[1], users[2], users[2])), users[1:])
		s.t.Log("by no members")
		s.checkChange(users[:2], changeMembers(replaceMembers()), nil)
	}},
	{"a replacement by the same members changes nothing", func(s *store) {
		users := s.users("alice", "bob")
		s.checkNoChange(users, changeMembers(replaceMembers(users[1], users[0])))
	}},
	{"changes are applied in order", func(s *store) {
		users := s.users("alice", "bob", "carol")
		s.checkChange(users[2:], changeMembers(removeMembers(users[0]), addMembers(users[1]), replaceMembers(users[2]), addMembers(users[0]), removeMembers(users[2])), users[:1])
	}},
	{"changes that cancel out change nothing", func(s *store) {
		users := s.users("alice", "bob")
		s.checkNoChange(users[:1], changeMembers(addMembers(users[1]), removeMembers(users[1])))
	}},
	{"a group may have more members than one object holds", largeGroup},
	{"a large group has all changes of concurrent clients", concurrentGroupChanges},
	{"attributes and members change together", func(s *store) {
		users := s.users("alice", "bob")
		g := s.created(schema.Group, group("Admins"), users[0])
		updated := s.updated(schema.Group, g.ID, scim.Change{
			Attributes: changeAttribute(schema.GroupDisplayName, "Others").Attributes,
			Members:    []scim.MemberChange{addMembers(users[1])},
		})
		s.holds(updated, group("Others"))
		s.equal(memberIDs(updated), sorted(users...), "members")
		s.same(s.got(schema.Group, g.ID), updated)
	}},
	{"an id that is not a user's is skipped", func(s *store) {
		users := s.users("alice", "bob", "carol")
		gone := s.createdUser(user("gone"))
		s.deleted(gone)
		other := s.created(schema.Group, group("Others"))
		unknown := []string{"absent", gone.ID, other.ID, "", "ab/sent"}
		g := s.created(schema.Group, group("Admins"), append(unknown, users[0])...)
		s.equal(memberIDs(g), users[:1], "created")
		g = s.updated(schema.Group, g.ID, changeMembers(addMembers(append(unknown, users[1])...)))
		s.equal(memberIDs(g), sorted(users[:2]...), "added")
		g = s.updated(schema.Group, g.ID, changeMembers(replaceMembers(append(unknown, users[2])...)))
		s.equal(memberIDs(g), users[2:], "replaced")
		s.equal(s.members(g.ID), users[2:], "read")
	}},
	{"an inactive user can be added", func(s *store) {
		r := s.createdUser(inactive(user("alice")))
		g := s.created(schema.Group, group("Admins"), r.ID)
		s.equal(s.members(g.ID), []string{r.ID}, "members")
	}},
	{"a user that becomes inactive stays a member", func(s *store) {
		users := s.users("alice", "bob")
		g := s.created(schema.Group, group("Admins"), users...)
		inactive := s.updated(schema.User, users[0], changeAttribute(schema.Active, false))
		s.equal(groupIDs(inactive), []string{g.ID}, "groups")
		s.equal(s.members(g.ID), sorted(users...), "members")
	}},
	{"a deleted user is no longer a member", func(s *store) {
		users := s.users("alice", "bob")
		g, h := s.created(schema.Group, group("Admins"), users...), s.created(schema.Group, group("Others"), users[0])
		s.deleted(s.got(schema.User, users[0]))
		s.equal(s.members(g.ID), users[1:], "members")
		s.equal(s.members(h.ID), nil, "members")
		s.equal(s.findIDs(schema.Group, fmt.Sprintf("members.value eq %q", users[0])), nil, "found")
		s.t.Log("the group can still be changed")
		s.equal(memberIDs(s.updated(schema.Group, g.ID, changeMembers(removeMembers(users[0])))), users[1:], "members")
	}},
	{"a user's groups follow from members", func(s *store) {
		alice := s.users("alice")[0]
		g, h := s.created(schema.Group, group("Admins"), alice), s.created(schema.Group, group("Others"))
		s.updated(schema.Group, h.ID, changeMembers(addMembers(alice)))
		s.equal(groupIDs(s.got(schema.User, alice)), sorted(g.ID, h.ID), "after an addition")
		s.updated(schema.Group, g.ID, changeMembers(removeMembers(alice)))
		s.equal(groupIDs(s.got(schema.User, alice)), []string{h.ID}, "after a removal")
		s.set(h, schema.GroupDisplayName, "Everyone")
		if groups := slices.Collect(s.got(schema.User, alice).Groups); len(groups) != 1 || groups[0].Display != "Everyone" {
			s.t.Errorf("after a rename: %v", groups)
		}
		s.deleted(h)
		s.equal(groupIDs(s.got(schema.User, alice)), nil, "after the group was deleted")
	}},
	{"membership does not modify the user", func(s *store) {
		r := s.createdUser(user("alice"))
		s.created(schema.Group, group("Admins"), r.ID)
		if got := s.got(schema.User, r.ID); !got.LastModified.Equal(r.LastModified) {
			s.t.Errorf("last modified %v, before %v", got.LastModified, r.LastModified)
		}
	}},
	{"the display of a member is its displayName, or else its userName", func(s *store) {
		alice := s.createdUser(user("alice").With(schema.UserDisplayName, "Alice"))
		bob := s.createdUser(user("bob"))
		g := s.created(schema.Group, group("Admins"), alice.ID, bob.ID)
		s.checkDisplays(g.ID, map[string]string{alice.ID: "Alice", bob.ID: "bob"})
		s.set(alice, schema.UserDisplayName, "Alice Smith")
		s.checkDisplays(g.ID, map[string]string{alice.ID: "Alice Smith", bob.ID: "bob"})
	}},
	{"members can be read more than once, and in part", func(s *store) {
		g := s.created(schema.Group, group("Admins"), s.users("alice", "bob", "carol")...)
		for range g.Members {
			break
		}
		first, second := slices.Collect(g.Members), slices.Collect(g.Members)
		if len(first) != 3 || !slices.Equal(first, second) {
			s.t.Errorf("first %v, then %v", first, second)
		}
	}},
	{"a group can have some dozens of members", func(s *store) {
		var names []string
		for i := range 40 {
			names = append(names, fmt.Sprintf("user%02d@example.com", i))
		}
		users := s.users(names...)
		s.checkChange(nil, changeMembers(addMembers(users...)), users)
	}},
}

// checkChange fails unless a change turns a group with the members before into one with the members after.
func (s *store) checkChange(before []string, change scim.Change, after []string) {
	s.t.Helper()
	g := s.created(schema.Group, group("Group of a test"), before...)
	updated := s.updated(schema.Group, g.ID, change)
	s.equal(memberIDs(updated), sorted(after...), "members")
	if !updated.LastModified.After(g.LastModified) {
		s.t.Errorf("last modified %v, before %v", updated.LastModified, g.LastModified)
	}
	s.same(s.got(schema.Group, g.ID), updated)
	s.deleted(g)
}

// checkNoChange fails unless a change leaves a group with those members as it is, including lastModified.
func (s *store) checkNoChange(before []string, change scim.Change) {
	s.t.Helper()
	g := s.created(schema.Group, group("Group of a test"), before...)
	s.same(s.updated(schema.Group, g.ID, change), g)
	s.same(s.got(schema.Group, g.ID), g)
	s.deleted(g)
}

func (s *store) checkDisplays(groupID string, want map[string]string) {
	s.t.Helper()
	for r := range s.got(schema.Group, groupID).Members {
		if r.Display != want[r.Value] {
			s.t.Errorf("the display of member %s is %q, want %q", r.Value, r.Display, want[r.Value])
		}
	}
}

// checkFailingMatch checks that a match that fails at the last member changes nothing.
func (s *store) checkFailingMatch(g *scim.Resource) {
	s.t.Helper()
	left := len(memberIDs(g))
	failed := scim.BadRequest(scim.TooMany, "too many")
	_, err := s.Update(s.t.Context(), schema.Group, g.ID, changeMembers(removeMatchingOrFail(func(scim.Reference) (bool, error) {
		if left--; left <= 0 {
			return false, failed
		}
		return true, nil
	})))
	if !errors.Is(err, failed) {
		s.t.Errorf("the error is %v", err)
	}
	s.same(s.got(schema.Group, g.ID), g)
}
