package storetest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// contenders is how many clients race: more than a provider runs at once against one name, few enough
// for a real API server to take within a test.
const contenders = 6

var races = []behaviour{
	{"of creates of one name exactly one wins", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		winner := d.race(func(i int) (*scim.Resource, error) {
			return d.Create(d.t.Context(), rt, named([]string{"alice", "ALICE", "Alice"}[i%3]), nil)
		})
		d.equal(ids(d.listed(rt, all).Resources), []string{winner.ID}, "listed")
		d.same(d.got(rt, winner.ID), winner)
	})},
	{"of renames to one name exactly one wins", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		var rivals []*scim.Resource
		for i := range contenders {
			rivals = append(rivals, d.created(rt, named(fmt.Sprintf("rival-%d", i))))
		}
		winner := d.race(func(i int) (*scim.Resource, error) {
			return d.Update(d.t.Context(), rt, rivals[i].ID, with(unique[rt], "winner"))
		})
		for i, r := range rivals {
			want := fmt.Sprintf("rival-%d", i)
			if r.ID == winner.ID {
				want = "winner"
			}
			d.holds(d.got(rt, r.ID), named(want))
		}
	})},
	{"of creates and renames exactly one wins", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		var rivals []*scim.Resource
		for i := range contenders {
			rivals = append(rivals, d.created(rt, named(fmt.Sprintf("rival-%d", i))))
		}
		winner := d.race(func(i int) (*scim.Resource, error) {
			if i%2 == 0 {
				return d.Create(d.t.Context(), rt, named("winner"), nil)
			}
			return d.Update(d.t.Context(), rt, rivals[i].ID, with(unique[rt], "Winner"))
		})
		attribute := unique[rt].Name
		d.equal(d.found(rt, attribute+` eq "winner"`), []string{winner.ID}, "winner")
	})},
	{"of creates of one leaver exactly one restores", func(d *directory) {
		leaver := d.createdUser(identified(user("alice"), "00u1"))
		d.deleted(leaver)
		winner := d.race(func(int) (*scim.Resource, error) {
			return d.Create(d.t.Context(), schema.User, identified(user("alice"), "00u1"), nil)
		})
		d.equal(ids(d.listed(schema.User, all).Resources), []string{leaver.ID}, "listed")
		d.restored(winner, leaver, identified(user("alice"), "00u1"))
	}},
	{"of deletes exactly one wins", func(d *directory) {
		r := d.createdUser(user("alice"))
		won := 0
		for _, err := range d.atOnce(func(int) error { return d.Delete(d.t.Context(), schema.User, r.ID, nil) }) {
			if err == nil {
				won++
				continue
			}
			d.refused(err, http.StatusNotFound)
		}
		if won != 1 {
			d.t.Errorf("%d deletes won, want 1", won)
		}
	}},
	{"no member is lost to another writer", func(d *directory) {
		users := d.users("a", "b", "c", "d", "e", "f")[:contenders]
		g := d.created(schema.Group, group("Admins"))
		d.succeed(func(i int) error {
			_, err := d.Update(d.t.Context(), schema.Group, g.ID, changing(add(users[i])))
			return err
		})
		d.equal(d.members(g.ID), sorted(users...), "after concurrent additions")
		d.succeed(func(i int) error {
			if i%2 == 0 {
				return nil
			}
			_, err := d.Update(d.t.Context(), schema.Group, g.ID, changing(remove(users[i])))
			return err
		})
		var remain []string
		for i := 0; i < contenders; i += 2 {
			remain = append(remain, users[i])
		}
		d.equal(d.members(g.ID), sorted(remain...), "after concurrent removals")
	}},
	{"no attribute is lost to another writer", func(d *directory) {
		r := d.createdUser(user("alice"))
		emails := schema.User.Attribute("emails")
		var want []string
		for i := range contenders {
			want = append(want, fmt.Sprintf("alice%d@example.com", i))
		}
		d.succeed(func(i int) error {
			_, err := d.Update(d.t.Context(), schema.User, r.ID, scim.Change{Attributes: func(current schema.Object) (schema.Object, error) {
				list, _ := current.Get(emails).([]any)
				if slices.Contains(texts(list, emails.Sub("value")), want[i]) { // a repeated call leads to the same end
					return current, nil
				}
				return current.With(emails, append(slices.Clip(list), value(emails, "value", want[i]))), nil
			}})
			return err
		})
		got := texts(d.got(schema.User, r.ID).Attributes.Get(emails), emails.Sub("value"))
		d.equal(sorted(got...), want, "emails")
	}},
	{"a precondition and its change are one step", func(d *directory) {
		r := d.createdUser(user("alice"))
		won := 0
		for i, err := range d.atOnce(func(i int) error {
			change := with(schema.UserDisplayName, fmt.Sprintf("number %d", i))
			change.Precondition = func(current *scim.Resource) error {
				if current.Attributes.Get(schema.UserDisplayName) != nil {
					return errAsked
				}
				return nil
			}
			_, err := d.Update(d.t.Context(), schema.User, r.ID, change)
			return err
		}) {
			if err == nil {
				won++
				d.holds(d.got(schema.User, r.ID), user("alice").With(schema.UserDisplayName, fmt.Sprintf("number %d", i)))
			}
		}
		if won != 1 {
			d.t.Errorf("%d changes met the precondition, want 1", won)
		}
	}},
}

// race runs the contenders at once and returns what the only winner got. All others must be told of a
// conflict.
func (d *directory) race(contend func(i int) (*scim.Resource, error)) *scim.Resource {
	d.t.Helper()
	var got [contenders]*scim.Resource
	var winner *scim.Resource
	for i, err := range d.atOnce(func(i int) (err error) { got[i], err = contend(i); return err }) {
		switch {
		case err != nil:
			d.refused(err, http.StatusConflict)
		case winner != nil:
			d.t.Fatalf("%s and %s both won", winner.ID, got[i].ID)
		default:
			winner = got[i]
		}
	}
	if winner == nil {
		d.t.Fatal("nobody won")
	}
	return winner
}

// succeed runs idempotent calls at once. A contender whom the others kept from its turn (503) comes back.
func (d *directory) succeed(call func(i int) error) {
	d.t.Helper()
	for i, err := range d.atOnce(call) {
		for round := 0; statusOf(err) == http.StatusServiceUnavailable && round < contenders; round++ {
			err = call(i)
		}
		d.must(err, fmt.Sprintf("contender %d", i))
	}
}

// atOnce makes all calls at the same moment and returns their errors.
func (d *directory) atOnce(call func(i int) error) []error {
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
