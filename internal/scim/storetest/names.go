package storetest

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// spellings are pairs of one name.
var spellings = [][2]string{
	{"alice@example.com", "alice@example.com"},
	{"alice@example.com", "Alice@Example.COM"},
	{"straße", "STRASSE"},
	{"Ǆana", "ǆana"},
	{"alice", "ａｌｉｃｅ"},          // full width: NFKC
	{"jose\u0301", "jos\u00e9"}, // decomposed and composed
}

// unique is the attribute whose values are unique among the resources of a type.
var unique = map[*schema.ResourceType]*schema.Attribute{
	schema.User:  schema.UserName,
	schema.Group: schema.GroupDisplayName,
}

// forBoth runs a test of users and of groups, which named makes.
func forBoth(holds func(s *store, rt *schema.ResourceType, named func(name string) schema.Object)) func(*store) {
	return func(s *store) {
		holds(s, schema.User, user)
		holds(s, schema.Group, group)
	}
}

var names = []behaviour{
	{"a name is taken in every spelling", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		for _, name := range spellings {
			r := s.created(rt, named(name[0]))
			_, err := s.Create(s.t.Context(), rt, named(name[1]), nil)
			s.refused(err, http.StatusConflict)
			if got := s.got(rt, r.ID).Attributes.String(unique[rt]); got != name[0] {
				s.t.Errorf("%q became %q", name[0], got)
			}
			s.deleted(r)
		}
	})},
	{"a refused create leaves nothing behind", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		r := s.created(rt, named("alice"))
		_, err := s.Create(s.t.Context(), rt, named("ALICE"), nil)
		s.refused(err, http.StatusConflict)
		s.equal(ids(s.listed(rt, all).Resources), []string{r.ID}, "listed")
		s.same(s.got(rt, r.ID), r)
	})},
	{"a user and a group may have one name", func(s *store) {
		s.createdUser(user("admins"))
		s.created(schema.Group, group("admins"))
	}},
	{"the name of an inactive user stays taken", func(s *store) {
		s.createdUser(inactive(user("alice")))
		_, err := s.Create(s.t.Context(), schema.User, user("alice"), nil)
		s.refused(err, http.StatusConflict)
	}},
	{"a rename to a name that is taken changes nothing", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		s.created(rt, named("alice"))
		r := s.created(rt, named("bob"))
		_, err := s.Update(s.t.Context(), rt, r.ID, changeAttribute(unique[rt], "ALICE"))
		s.refused(err, http.StatusConflict)
		s.same(s.got(rt, r.ID), r)
		_, err = s.Create(s.t.Context(), rt, named("Bob"), nil)
		s.refused(err, http.StatusConflict)
	})},
	{"a rename takes the new name and frees the old", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		r := s.created(rt, named("alice"))
		s.holds(s.set(r, unique[rt], "Bob"), named("Bob"))
		_, err := s.Create(s.t.Context(), rt, named("bob"), nil)
		s.refused(err, http.StatusConflict)
		if other := s.created(rt, named("alice")); other.ID == r.ID {
			s.t.Errorf("two have the id %s", r.ID)
		}
	})},
	{"a rename to another spelling is no conflict", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		r := s.created(rt, named("alice"))
		s.holds(s.set(r, unique[rt], "Alice"), named("Alice"))
	})},
	{"names can be exchanged by way of a third", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		a, b := s.created(rt, named("alice")), s.created(rt, named("bob"))
		s.set(a, unique[rt], "carol")
		s.set(b, unique[rt], "alice")
		s.set(a, unique[rt], "bob")
		s.holds(s.got(rt, a.ID), named("bob"))
		s.holds(s.got(rt, b.ID), named("alice"))
	})},
	{"a deleted resource frees its name", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		r := s.created(rt, named("alice"))
		s.deleted(r)
		if other := s.created(rt, named("alice")); other.ID == r.ID {
			s.t.Errorf("id %s was given again", r.ID)
		}
		s.missing(rt, r.ID)
	})},
	{"an update that fails for its name leaves the members alone", func(s *store) {
		alice := s.users("alice")
		s.created(schema.Group, group("Admins"))
		r := s.created(schema.Group, group("Others"))
		_, err := s.Update(s.t.Context(), schema.Group, r.ID, scim.Change{
			Attributes: changeAttribute(schema.GroupDisplayName, "admins").Attributes,
			Members:    []scim.MemberChange{addMembers(alice...)},
		})
		s.refused(err, http.StatusConflict)
		s.same(s.got(schema.Group, r.ID), r)
	}},
}
