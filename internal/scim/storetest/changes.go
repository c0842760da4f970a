package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// errTest is an error that a test's Change returns.
var errTest = errors.New("an error of the test")

var changes = []behaviour{
	{"a change that changes nothing leaves lastModified alone", func(s *store) {
		r := s.createdUser(everything())
		reversed := slices.Clone(r.Attributes)
		slices.Reverse(reversed)
		for _, change := range []scim.Change{
			{},
			{Attributes: func(current schema.Object) (schema.Object, error) { return current, nil }},
			{Attributes: func(schema.Object) (schema.Object, error) { return everything(), nil }},
			{Attributes: func(schema.Object) (schema.Object, error) { return reversed, nil }},
			{Precondition: func(*scim.Resource) error { return nil }},
		} {
			s.same(s.updated(schema.User, r.ID, change), r)
			s.same(s.got(schema.User, r.ID), r)
		}
	}},
	{"a user without active is active", func(s *store) {
		r := s.createdUser(user("alice").Without(schema.Active))
		s.holds(r, user("alice"))
		s.equal(s.findIDs(schema.User, `active eq true`), []string{r.ID}, "created")
		r = s.set(r, schema.Active, false)
		s.holds(s.set(r, schema.Active, nil), user("alice"))
		s.equal(s.findIDs(schema.User, `active eq true`), []string{r.ID}, "after active was unassigned")
		s.holds(s.got(schema.User, r.ID), user("alice"))
	}},
	{"an error of the change is returned as it is, and nothing changes", func(s *store) {
		users := s.users("alice", "bob")
		g := s.created(schema.Group, group("Admins"), users[0])
		for _, want := range []error{errTest, scim.BadRequest(scim.NoTarget, "no target")} {
			_, err := s.Update(s.t.Context(), schema.Group, g.ID, scim.Change{
				Attributes: func(schema.Object) (schema.Object, error) { return group("Others"), want },
				Members:    []scim.MemberChange{addMembers(users[1])},
			})
			if !errors.Is(err, want) {
				s.t.Errorf("error %v, want %v", err, want)
			}
			s.same(s.got(schema.Group, g.ID), g)
		}
	}},
	{"of a change that is refused, the deactivation alone is stored", func(s *store) {
		s.users("taken")
		deactivates := func() bool { return true }
		for i, change := range []scim.Change{
			{Attributes: func(schema.Object) (schema.Object, error) { return nil, scim.BadRequest(scim.NoTarget, "no target") }},
			{Attributes: func(schema.Object) (schema.Object, error) {
				return nil, &schema.Error{ScimType: schema.InvalidValue, Path: "title"}
			}},
			changeAttribute(schema.UserName, "taken"),
		} {
			r := s.createdUser(user(fmt.Sprintf("user-%d", i)))
			change.Deactivates = deactivates
			for range 2 {
				_, err := s.Update(s.t.Context(), schema.User, r.ID, change)
				var only *scim.DeactivatedOnly
				if !errors.As(err, &only) || !scim.IsAboutContent(only.Refused) {
					s.t.Fatalf("%d: %v", i, err)
				}
				s.holds(only.Resource, user(fmt.Sprintf("user-%d", i)).With(schema.Active, false))
				s.same(s.got(schema.User, r.ID), only.Resource)
			}
		}
	}},
	{"a change that is refused for the directory, or may not be made, deactivates no user", func(s *store) {
		r := s.createdUser(user("alice"))
		for _, change := range []scim.Change{
			{Attributes: func(schema.Object) (schema.Object, error) {
				return nil, &scim.Error{Status: http.StatusForbidden, Reason: "switched-off"}
			}},
			{Attributes: func(schema.Object) (schema.Object, error) { return nil, errTest }},
			{Precondition: func(*scim.Resource) error { return &scim.Error{Status: http.StatusPreconditionFailed} }},
		} {
			change.Deactivates = func() bool { return true }
			if _, err := s.Update(s.t.Context(), schema.User, r.ID, change); errors.As(err, new(*scim.DeactivatedOnly)) || err == nil {
				s.t.Errorf("error %v", err)
			}
			s.same(s.got(schema.User, r.ID), r)
		}
		if _, err := s.Update(s.t.Context(), schema.User, r.ID, scim.Change{
			Attributes:  func(schema.Object) (schema.Object, error) { return nil, scim.BadRequest(scim.NoTarget, "no target") },
			Deactivates: func() bool { return false },
		}); !errors.As(err, new(*scim.Error)) {
			s.t.Errorf("error %v", err)
		}
		s.same(s.got(schema.User, r.ID), r)
	}},
	{"an error of the precondition is returned as it is, and nothing changes", func(s *store) {
		for _, r := range []*scim.Resource{s.createdUser(user("alice")), s.created(schema.Group, group("Admins"))} {
			fails := func(*scim.Resource) error { return errTest }
			change := changeAttribute(unique[r.Type], "changed")
			change.Precondition = fails
			if _, err := s.Update(s.t.Context(), r.Type, r.ID, change); !errors.Is(err, errTest) {
				s.t.Errorf("update of a %s: %v, want %v", r.Type.Name, err, errTest)
			}
			if _, err := s.Delete(s.t.Context(), r.Type, r.ID, fails); !errors.Is(err, errTest) {
				s.t.Errorf("delete of a %s: %v, want %v", r.Type.Name, err, errTest)
			}
			s.same(s.got(r.Type, r.ID), r)
		}
	}},
	{"a call whose context is done before it begins changes nothing", func(s *store) {
		users := s.users("alice", "bob")
		g := s.created(schema.Group, group("Admins"), users...)
		alice := s.got(schema.User, users[0])
		ctx, cancel := context.WithCancel(s.t.Context())
		cancel()
		_, created := s.Create(ctx, schema.User, user("carol"), nil)
		_, changed := s.Update(ctx, schema.User, alice.ID, changeAttribute(schema.Active, false))
		_, emptied := s.Update(ctx, schema.Group, g.ID, changeMembers(removeMatching(func(scim.Reference) bool { return true })))
		_, deleted := s.Delete(ctx, schema.User, alice.ID, nil)
		if created == nil || changed == nil || emptied == nil || deleted == nil {
			s.t.Errorf("created %v, changed %v, emptied %v, deleted %v", created, changed, emptied, deleted)
		}
		s.same(s.got(schema.User, alice.ID), alice)
		s.same(s.got(schema.Group, g.ID), g)
		s.equal(s.findIDs(schema.User, `userName eq "carol"`), nil, "created")
	}},
	{"a precondition is checked before a change that would fail or change nothing", func(s *store) {
		r := s.createdUser(user("alice"))
		for _, attributes := range []func(schema.Object) (schema.Object, error){
			nil,
			func(current schema.Object) (schema.Object, error) { return current, nil },
			func(schema.Object) (schema.Object, error) { return nil, errors.New("not this one") },
		} {
			_, err := s.Update(s.t.Context(), schema.User, r.ID, scim.Change{
				Precondition: func(*scim.Resource) error { return errTest },
				Attributes:   attributes,
			})
			if !errors.Is(err, errTest) {
				s.t.Errorf("error %v, want %v", err, errTest)
			}
		}
	}},
	{"a precondition sees the present resource", func(s *store) {
		users := s.users("alice", "bob")
		g := s.created(schema.Group, group("Admins"), users...)
		s.set(g, schema.GroupDisplayName, "Others")
		s.updated(schema.Group, g.ID, scim.Change{Precondition: s.expectSeen(users, group("Others")), Members: []scim.MemberChange{removeMembers(users[1])}})
		_, err := s.Delete(s.t.Context(), schema.Group, g.ID, s.expectSeen(users[:1], group("Others")))
		s.must(err, "delete")
		_, err = s.Delete(s.t.Context(), schema.User, users[0], s.expectSeen(nil, user("alice")))
		s.must(err, "delete")
		s.missing(schema.User, users[0])
	}},
	{"a second deletion returns 404", func(s *store) {
		for _, r := range []*scim.Resource{s.createdUser(user("alice")), s.created(schema.Group, group("Admins"))} {
			s.deleted(r)
			_, err := s.Delete(s.t.Context(), r.Type, r.ID, nil)
			s.refused(err, http.StatusNotFound)
		}
	}},
}

// expectSeen returns a precondition that holds, and fails the test unless the resource is as described.
func (s *store) expectSeen(members []string, attributes schema.Object) scim.Precondition {
	return func(current *scim.Resource) error {
		s.equal(memberIDs(current), sorted(members...), "members seen")
		s.holds(current, attributes)
		return nil
	}
}
