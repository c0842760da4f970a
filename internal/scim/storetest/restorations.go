package storetest

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Providers create a person who left and comes back with the userName and externalId of before; a conflict would lock
// that person out: https://github.com/better-auth/better-auth/issues/11111

var restorations = []behaviour{
	{"a disabled user is restored by a create with the same userName and externalId", func(s *store) {
		r := s.createdUser(inactive(withExternalID(user("alice"), "00u1")))
		g := s.created(schema.Group, group("Admins"), r.ID)
		again := s.createdUser(withExternalID(user("Alice"), "00u1").With(schema.UserDisplayName, "Alice"))
		s.restored(again, r, withExternalID(user("Alice"), "00u1").With(schema.UserDisplayName, "Alice"))
		s.equal(groupIDs(again), []string{g.ID}, "groups")
	}},
	{"a restored user is as sent, even inactive", func(s *store) {
		r := s.createdUser(inactive(withExternalID(user("alice"), "00u1")))
		want := inactive(withExternalID(user("alice"), "00u1")).With(schema.UserDisplayName, "Alice")
		s.restored(s.createdUser(want), r, want)
	}},
	{"a restored user holds its name", func(s *store) {
		s.createdUser(inactive(withExternalID(user("alice"), "00u1")))
		s.createdUser(withExternalID(user("alice"), "00u1"))
		_, err := s.Create(s.t.Context(), schema.User, user("Alice"), nil)
		s.refused(err, http.StatusConflict)
	}},
	{"an externalId alone restores no user: it may be another person's by now", func(s *store) {
		john := s.createdUser(inactive(withExternalID(user("john"), "jsmith")))
		g := s.created(schema.Group, group("Admins"), john.ID)
		jane := s.createdUser(withExternalID(user("jane"), "jsmith"))
		if jane.ID == john.ID {
			s.t.Fatalf("jane became john, %s", john.ID)
		}
		s.equal(groupIDs(jane), nil, "groups of jane")
		s.equal(s.members(g.ID), []string{john.ID}, "members")
		s.same(s.got(schema.User, john.ID), s.got(schema.User, john.ID))
	}},
	{"a userName alone restores no user", func(s *store) {
		s.createdUser(inactive(user("alice")))
		s.createdUser(inactive(withExternalID(user("bob"), "00u1")))
		for _, o := range []schema.Object{user("alice"), user("bob"), withExternalID(user("bob"), "00U1"), withExternalID(user("alice"), "00u1x")} {
			_, err := s.Create(s.t.Context(), schema.User, o, nil)
			s.refused(err, http.StatusConflict)
		}
	}},
	{"an active user is not restored", func(s *store) {
		r := s.createdUser(withExternalID(user("alice"), "00u1"))
		_, err := s.Create(s.t.Context(), schema.User, withExternalID(user("Alice"), "00u1").With(schema.UserDisplayName, "Mallory"), nil)
		s.refused(err, http.StatusConflict)
		s.same(s.got(schema.User, r.ID), r)
	}},
	{"a deleted user never comes back: a create makes another one, without memberships", func(s *store) {
		r := s.createdUser(withExternalID(everything(), "00u1"))
		g := s.created(schema.Group, group("Admins"), r.ID)
		for range 3 {
			s.deleted(r)
			next := s.createdUser(withExternalID(user("alice"), "00u1"))
			if next.ID == r.ID {
				s.t.Fatalf("user %s came back", r.ID)
			}
			s.missing(schema.User, r.ID)
			s.equal(groupIDs(next), nil, "groups")
			s.equal(s.members(g.ID), nil, "members")
			r = next
		}
	}},
	{"a deleted group never comes back", func(s *store) {
		r := s.created(schema.Group, withExternalID(group("Admins"), "g1"))
		s.deleted(r)
		if again := s.created(schema.Group, withExternalID(group("Admins"), "g1")); again.ID == r.ID {
			s.t.Errorf("group %s came back", r.ID)
		}
	}},
}

// restored reports an error unless again is the user r with the attributes given, and can be read.
func (s *store) restored(again, r *scim.Resource, want schema.Object) {
	s.t.Helper()
	if again.ID != r.ID || !again.Created.Equal(r.Created) {
		s.t.Fatalf("%s of %v was created, want %s of %v", again.ID, again.Created, r.ID, r.Created)
	}
	if !again.LastModified.After(r.LastModified) {
		s.t.Errorf("last modified %v, before it came back %v", again.LastModified, r.LastModified)
	}
	s.holds(again, want)
	s.same(s.got(schema.User, r.ID), again)
}
