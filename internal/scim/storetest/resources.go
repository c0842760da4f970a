package storetest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var resources = []behaviour{
	{"a created resource is returned and can be read", func(s *store) {
		for _, r := range []*scim.Resource{s.created(schema.User, everything()), s.created(schema.Group, group("Admins"))} {
			if r.ID == "" || r.Created.IsZero() || r.LastModified.Before(r.Created) {
				s.t.Errorf("id %q, created %v, last modified %v", r.ID, r.Created, r.LastModified)
			}
			s.same(s.got(r.Type, r.ID), r)
		}
	}},
	{"every attribute is stored as sent", func(s *store) {
		s.holds(s.createdUser(everything()), everything())
		g := withExternalID(group("Ünïcode \"quoted\" & <tagged> 日本"), "g-1")
		s.holds(s.created(schema.Group, g), g)
	}},
	{"an inactive user can be created, read and listed", func(s *store) {
		r := s.createdUser(inactive(user("alice@example.com")))
		if s.got(schema.User, r.ID).Attributes.Get(schema.Active) != false {
			s.t.Error("active is not false")
		}
		s.equal(ids(s.listed(schema.User, all).Resources), []string{r.ID}, "listed")
	}},
	{"ids are unique, stable, and contain no bulkId", func(s *store) {
		first, second := s.createdUser(user("bulkId-alice")), s.createdUser(user("bulkId:alice"))
		if first.ID == second.ID {
			s.t.Errorf("two users have the id %s", first.ID)
		}
		for _, r := range []*scim.Resource{first, second} {
			if strings.Contains(r.ID, "bulkId") { // reserved: RFC 7643 section 3.1
				s.t.Errorf("id %q", r.ID)
			}
			if renamed := s.set(r, schema.UserName, "renamed-"+r.ID); renamed.ID != r.ID {
				s.t.Errorf("a rename changed the id %s to %s", r.ID, renamed.ID)
			}
		}
	}},
	{"an unknown id returns 404", func(s *store) {
		for _, rt := range []*schema.ResourceType{schema.User, schema.Group} {
			for _, id := range []string{"absent", "", "ab/sent", "-", "üñí", strings.Repeat("x", 300)} {
				s.missing(rt, id)
			}
		}
	}},
	{"the id of a user is not that of a group, and the reverse", func(s *store) {
		s.missing(schema.Group, s.users("alice")[0])
		s.missing(schema.User, s.created(schema.Group, group("Admins")).ID)
	}},
	{"a deleted resource is neither read nor listed", func(s *store) {
		for _, r := range []*scim.Resource{s.createdUser(user("alice")), s.created(schema.Group, group("Admins"))} {
			s.deleted(r)
			s.missing(r.Type, r.ID)
			if page := s.listed(r.Type, all); page.Total != 0 || len(page.Resources) != 0 {
				s.t.Errorf("a list has %d of %d", len(page.Resources), page.Total)
			}
		}
	}},
	{"a deleted resource is returned as it was, without members and groups", func(s *store) {
		u := s.createdUser(everything())
		g := s.created(schema.Group, group("Admins"), u.ID)
		for _, r := range []*scim.Resource{s.got(schema.User, u.ID), s.got(schema.Group, g.ID)} {
			deleted, err := s.Delete(s.t.Context(), r.Type, r.ID, nil)
			s.must(err, "delete")
			if deleted.Members != nil || deleted.Groups != nil {
				s.t.Errorf("the deleted %s has members or groups", r.Type.Name)
			}
			s.holds(deleted, r.Attributes)
			if deleted.ID != r.ID || deleted.Type != r.Type || !deleted.Created.Equal(r.Created) {
				s.t.Errorf("deleted %+v, want %+v", deleted, r)
			}
		}
	}},
	{"an updated resource is returned and can be read", func(s *store) {
		r := s.createdUser(user("alice"))
		updated := s.updated(schema.User, r.ID, scim.Change{Attributes: func(current schema.Object) (schema.Object, error) {
			s.holds(&scim.Resource{Attributes: current}, r.Attributes)
			return everything(), nil
		}})
		s.holds(updated, everything())
		s.same(s.got(schema.User, r.ID), updated)
		if !updated.LastModified.After(r.LastModified) || !updated.Created.Equal(r.Created) {
			s.t.Errorf("created %v, last modified %v, before %v and %v", updated.Created, updated.LastModified, r.Created, r.LastModified)
		}
	}},
	{"an update unassigns attributes that it leaves out", func(s *store) {
		r := s.createdUser(everything())
		bare := user(r.Attributes.String(schema.UserName))
		s.updated(schema.User, r.ID, scim.Change{Attributes: func(schema.Object) (schema.Object, error) { return bare, nil }})
		s.holds(s.got(schema.User, r.ID), bare)
	}},
	{"a resource that was read does not change later", func(s *store) {
		alice := s.users("alice")
		g := s.created(schema.Group, group("Admins"), alice...)
		before := slices.Collect(g.Members)
		s.updated(schema.Group, g.ID, scim.Change{Attributes: changeAttribute(schema.GroupDisplayName, "Others").Attributes, Members: []scim.MemberChange{replaceMembers()}})
		s.holds(g, group("Admins"))
		if len(before) != 1 || before[0].Value != alice[0] {
			s.t.Errorf("members were %v", before)
		}
	}},
	{"omitted attributes are left out, others are not", func(s *store) {
		alice := s.users("alice")[0]
		g := s.created(schema.Group, group("Admins"), alice)
		bare, err := s.Get(s.t.Context(), schema.Group, g.ID, scim.Omit{Members: true})
		s.must(err, "get without members")
		if bare.Members != nil {
			s.t.Error("members were not omitted")
		}
		s.holds(bare, group("Admins"))
		withoutGroups, err := s.Get(s.t.Context(), schema.User, alice, scim.Omit{Groups: true})
		s.must(err, "get without groups")
		if withoutGroups.Groups != nil {
			s.t.Error("groups were not omitted")
		}
		if s.got(schema.Group, g.ID).Members == nil || s.got(schema.User, alice).Groups == nil {
			s.t.Error("members and groups are missing although they were not omitted")
		}
	}},
}

// missing fails unless every method returns a 404 for the id.
func (s *store) missing(rt *schema.ResourceType, id string) {
	s.t.Helper()
	_, err := s.Get(s.t.Context(), rt, id, scim.Omit{})
	s.refused(err, http.StatusNotFound)
	_, err = s.Update(s.t.Context(), rt, id, scim.Change{
		Precondition: func(*scim.Resource) error { s.t.Error("the precondition was asked"); return nil },
		Attributes:   func(o schema.Object) (schema.Object, error) { s.t.Error("the change was run"); return o, nil },
	})
	s.refused(err, http.StatusNotFound)
	_, err = s.Delete(s.t.Context(), rt, id, nil)
	s.refused(err, http.StatusNotFound)
}
