package storetest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// contenders is the number of concurrent clients: more than an identity provider sends for one name, and few
// enough for a real API server within a test.
const contenders = 6

var races = []behaviour{
	{"exactly one of several creates of one name succeeds", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		winner := s.runRace(func(i int) (*scim.Resource, error) {
			return s.Create(s.t.Context(), rt, named([]string{"alice", "ALICE", "Alice"}[i%3]), nil)
		})
		s.equal(ids(s.listed(rt, all).Resources), []string{winner.ID}, "listed")
		s.same(s.got(rt, winner.ID), winner)
	})},
	{"exactly one of several renames to one name succeeds", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		var rivals []*scim.Resource
		for i := range contenders {
			rivals = append(rivals, s.created(rt, named(fmt.Sprintf("rival-%d", i))))
		}
		winner := s.runRace(func(i int) (*scim.Resource, error) {
			return s.Update(s.t.Context(), rt, rivals[i].ID, changeAttribute(unique[rt], "winner"))
		})
		for i, r := range rivals {
			want := fmt.Sprintf("rival-%d", i)
			if r.ID == winner.ID {
				want = "winner"
			}
			s.holds(s.got(rt, r.ID), named(want))
		}
	})},
	{"exactly one of several creates and renames with one name succeeds", forBoth(func(s *store, rt *schema.ResourceType, named func(string) schema.Object) {
		var rivals []*scim.Resource
		for i := range contenders {
			rivals = append(rivals, s.created(rt, named(fmt.Sprintf("rival-%d", i))))
		}
		winner := s.runRace(func(i int) (*scim.Resource, error) {
			if i%2 == 0 {
				return s.Create(s.t.Context(), rt, named("winner"), nil)
			}
			return s.Update(s.t.Context(), rt, rivals[i].ID, changeAttribute(unique[rt], "Winner"))
		})
		attribute := unique[rt].Name
		s.equal(s.findIDs(rt, attribute+` eq "winner"`), []string{winner.ID}, "winner")
	})},
	{"of creates of one disabled user exactly one restores", func(s *store) {
		disabled := s.createdUser(inactive(withExternalID(user("alice"), "00u1")))
		winner := s.runRace(func(int) (*scim.Resource, error) {
			return s.Create(s.t.Context(), schema.User, withExternalID(user("alice"), "00u1"), nil)
		})
		s.equal(ids(s.listed(schema.User, all).Resources), []string{disabled.ID}, "listed")
		s.restored(winner, disabled, withExternalID(user("alice"), "00u1"))
	}},
	{"exactly one of several deletes succeeds", func(s *store) {
		r := s.createdUser(user("alice"))
		won := 0
		for _, err := range s.runConcurrently(func(int) error {
			_, err := s.Delete(s.t.Context(), schema.User, r.ID, nil)
			return err
		}) {
			if err == nil {
				won++
				continue
			}
			s.refused(err, http.StatusNotFound)
		}
		if won != 1 {
			s.t.Errorf("%d deletes succeeded, want 1", won)
		}
	}},
	{"no member is lost to another writer", func(s *store) {
		users := s.users("a", "b", "c", "d", "e", "f")[:contenders]
		g := s.created(schema.Group, group("Admins"))
		s.runUntilAccepted(func(i int) error {
			_, err := s.Update(s.t.Context(), schema.Group, g.ID, changeMembers(addMembers(users[i])))
			return err
		})
		s.equal(s.members(g.ID), sorted(users...), "after concurrent additions")
		s.runUntilAccepted(func(i int) error {
			if i%2 == 0 {
				return nil
			}
			_, err := s.Update(s.t.Context(), schema.Group, g.ID, changeMembers(removeMembers(users[i])))
			return err
		})
		var remain []string
		for i := 0; i < contenders; i += 2 {
			remain = append(remain, users[i])
		}
		s.equal(s.members(g.ID), sorted(remain...), "after concurrent removals")
	}},
	{"no attribute is lost to another writer", func(s *store) {
		r := s.createdUser(user("alice"))
		emails := schema.User.Attribute("emails")
		var want []string
		for i := range contenders {
			want = append(want, fmt.Sprintf("alice%d@example.com", i))
		}
		s.runUntilAccepted(func(i int) error {
			_, err := s.Update(s.t.Context(), schema.User, r.ID, scim.Change{Attributes: func(current schema.Object) (schema.Object, error) {
				list, _ := current.Get(emails).([]any)
				if slices.Contains(subAttributeValues(list, emails.Sub("value")), want[i]) { // the function may run more than once
					return current, nil
				}
				return current.With(emails, append(slices.Clip(list), complexValue(emails, "value", want[i]))), nil
			}})
			return err
		})
		got := subAttributeValues(s.got(schema.User, r.ID).Attributes.Get(emails), emails.Sub("value"))
		s.equal(sorted(got...), want, "emails")
	}},
	{"a precondition and its change are atomic", func(s *store) {
		r := s.createdUser(user("alice"))
		won := 0
		for i, err := range s.runConcurrently(func(i int) error {
			change := changeAttribute(schema.UserDisplayName, fmt.Sprintf("number %d", i))
			change.Precondition = func(current *scim.Resource) error {
				if current.Attributes.Get(schema.UserDisplayName) != nil {
					return errTest
				}
				return nil
			}
			_, err := s.Update(s.t.Context(), schema.User, r.ID, change)
			return err
		}) {
			if err == nil {
				won++
				s.holds(s.got(schema.User, r.ID), user("alice").With(schema.UserDisplayName, fmt.Sprintf("number %d", i)))
			}
		}
		if won != 1 {
			s.t.Errorf("%d changes met the precondition, want 1", won)
		}
	}},
}

// runRace runs the contenders concurrently and returns the result of the one that succeeds. All others must
// get a conflict.
func (s *store) runRace(contend func(i int) (*scim.Resource, error)) *scim.Resource {
	s.t.Helper()
	var got [contenders]*scim.Resource
	var winner *scim.Resource
	for i, err := range s.runConcurrently(func(i int) (err error) { got[i], err = contend(i); return err }) {
		switch {
		case err != nil:
			s.refused(err, http.StatusConflict)
		case winner != nil:
			s.t.Fatalf("%s and %s both succeeded", winner.ID, got[i].ID)
		default:
			winner = got[i]
		}
	}
	if winner == nil {
		s.t.Fatal("no contender succeeded")
	}
	return winner
}

// runUntilAccepted runs idempotent calls concurrently. It repeats a call that gets a 503 because of the
// others.
func (s *store) runUntilAccepted(call func(i int) error) {
	s.t.Helper()
	for i, err := range s.runConcurrently(call) {
		for round := 0; statusOf(err) == http.StatusServiceUnavailable && round < contenders; round++ {
			err = call(i)
		}
		s.must(err, fmt.Sprintf("contender %d", i))
	}
}

// runConcurrently starts all calls at the same moment and returns their errors.
func (s *store) runConcurrently(call func(i int) error) []error {
	errs := make([]error, contenders)
	start := make(chan struct{})
	var calls sync.WaitGroup
	for i := range contenders {
		calls.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	calls.Wait()
	return errs
}
