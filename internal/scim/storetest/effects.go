package storetest

import (
	"reflect"
	"strconv"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var effects = []behaviour{
	{"a create says that the resource is new, and names its members", func(s *store) {
		users := s.users("alice", "bob")
		s.effect(s.createdUser(user("carol")), scim.Effect{Origin: scim.OriginNew})
		s.effect(s.created(schema.Group, group("Admins"), users[0], users[1], "no-such-user"),
			scim.Effect{Origin: scim.OriginNew, Added: sample(users...)})
	}},
	{"a restoration says so, and has the attributes before it", func(s *store) {
		alice := withExternalID(user("alice"), "00u1")
		s.createdUser(inactive(alice))
		s.effect(s.createdUser(alice), scim.Effect{Origin: scim.OriginRestored, Before: inactive(alice)})
	}},
	{"an update has the attributes before it, and the members that it adds and removes", func(s *store) {
		users := s.users("alice", "bob", "carol")
		g := s.created(schema.Group, group("Admins"), users[0], users[1])
		change := changeAttribute(schema.GroupDisplayName, "Owners")
		change.Members = []scim.MemberChange{addMembers(users[1], users[2]), removeMembers(users[0])}
		s.effect(s.updated(schema.Group, g.ID, change), scim.Effect{Before: group("Admins"), Added: sample(users[2]), Removed: sample(users[0])})
		s.effect(s.updated(schema.Group, g.ID, change), scim.Effect{Before: group("Owners")})
		s.effect(s.updated(schema.Group, g.ID, changeMembers(replaceMembers(users[0]))),
			scim.Effect{Before: group("Owners"), Added: sample(users[0]), Removed: sample(users[1], users[2])})
		s.effect(s.updated(schema.User, users[0], scim.Change{}), scim.Effect{Before: user("alice")})
		s.effect(s.updated(schema.User, users[0], changeAttribute(schema.UserName, "anna")), scim.Effect{Before: user("alice")})
	}},
	{"of many members an effect has the number, and the ids of the first", func(s *store) {
		var names []string
		for i := range limits.NamedMembers + 1 {
			names = append(names, "user"+strconv.Itoa(i))
		}
		users := sorted(s.users(names...)...)
		g := s.created(schema.Group, group("Admins"), users...)
		want := scim.MemberSample{Count: len(users), IDs: users[:limits.NamedMembers]}
		s.effect(g, scim.Effect{Origin: scim.OriginNew, Added: want})
		s.effect(s.updated(schema.Group, g.ID, changeMembers(replaceMembers())), scim.Effect{Before: group("Admins"), Removed: want})
	}},
}

// sample returns the sample of a few members.
func sample(ids ...string) scim.MemberSample {
	return scim.MemberSample{Count: len(ids), IDs: sorted(ids...)}
}

func (s *store) effect(r *scim.Resource, want scim.Effect) {
	s.t.Helper()
	got := r.Effect
	if got.Origin != want.Origin || !schema.Equal(got.Before, want.Before) || !reflect.DeepEqual(got.Added, want.Added) || !reflect.DeepEqual(got.Removed, want.Removed) {
		s.t.Errorf("%s has the effect %+v, want %+v", r.ID, got, want)
	}
}
