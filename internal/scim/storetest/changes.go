package storetest

import (
	"errors"
	"net/http"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// errAsked is an error of a Change's own.
var errAsked = errors.New("an error of the test's own")

var changes = []behaviour{
	{"a change that changes nothing leaves lastModified alone", func(d *directory) {
		r := d.createdUser(everything())
		reversed := slices.Clone(r.Attributes)
		slices.Reverse(reversed)
		for _, change := range []scim.Change{
			{},
			{Attributes: func(current schema.Object) (schema.Object, error) { return current, nil }},
			{Attributes: func(schema.Object) (schema.Object, error) { return everything(), nil }},
			{Attributes: func(schema.Object) (schema.Object, error) { return reversed, nil }},
			{Precondition: func(*scim.Resource) error { return nil }},
		} {
			d.same(d.updated(schema.User, r.ID, change), r)
			d.same(d.got(schema.User, r.ID), r)
		}
	}},
	{"an error of the change is returned as it is, and nothing changes", func(d *directory) {
		users := d.users("alice", "bob")
		g := d.created(schema.Group, group("Admins"), users[0])
		for _, asked := range []error{errAsked, scim.BadRequest(scim.NoTarget, "no target")} {
			_, err := d.Update(d.t.Context(), schema.Group, g.ID, scim.Change{
				Attributes: func(schema.Object) (schema.Object, error) { return group("Others"), asked },
				Members:    []scim.MemberChange{add(users[1])},
			})
			if !errors.Is(err, asked) {
				d.t.Errorf("error %v, want %v", err, asked)
			}
			d.same(d.got(schema.Group, g.ID), g)
		}
	}},
	{"an error of the precondition is returned as it is, and nothing changes", func(d *directory) {
		for _, r := range []*scim.Resource{d.createdUser(user("alice")), d.created(schema.Group, group("Admins"))} {
			fails := func(*scim.Resource) error { return errAsked }
			change := with(unique[r.Type], "changed")
			change.Precondition = fails
			if _, err := d.Update(d.t.Context(), r.Type, r.ID, change); !errors.Is(err, errAsked) {
				d.t.Errorf("update of a %s: %v, want %v", r.Type.Name, err, errAsked)
			}
			if err := d.Delete(d.t.Context(), r.Type, r.ID, fails); !errors.Is(err, errAsked) {
				d.t.Errorf("delete of a %s: %v, want %v", r.Type.Name, err, errAsked)
			}
			d.same(d.got(r.Type, r.ID), r)
		}
	}},
	{"a precondition holds before a change that would fail or do nothing", func(d *directory) {
		r := d.createdUser(user("alice"))
		for _, attributes := range []func(schema.Object) (schema.Object, error){
			nil,
			func(current schema.Object) (schema.Object, error) { return current, nil },
			func(schema.Object) (schema.Object, error) { return nil, errors.New("not this one") },
		} {
			_, err := d.Update(d.t.Context(), schema.User, r.ID, scim.Change{
				Precondition: func(*scim.Resource) error { return errAsked },
				Attributes:   attributes,
			})
			if !errors.Is(err, errAsked) {
				d.t.Errorf("error %v, want %v", err, errAsked)
			}
		}
	}},
	{"a precondition sees the resource as it is", func(d *directory) {
		users := d.users("alice", "bob")
		g := d.created(schema.Group, group("Admins"), users...)
		d.set(g, schema.GroupDisplayName, "Others")
		d.updated(schema.Group, g.ID, scim.Change{Precondition: d.sees(users, group("Others")), Members: []scim.MemberChange{remove(users[1])}})
		d.must(d.Delete(d.t.Context(), schema.Group, g.ID, d.sees(users[:1], group("Others"))), "delete")
		d.must(d.Delete(d.t.Context(), schema.User, users[0], d.sees(nil, user("alice"))), "delete")
		d.missing(schema.User, users[0])
	}},
	{"to delete again is not found", func(d *directory) {
		for _, r := range []*scim.Resource{d.createdUser(user("alice")), d.created(schema.Group, group("Admins"))} {
			d.deleted(r)
			d.refused(d.Delete(d.t.Context(), r.Type, r.ID, nil), http.StatusNotFound)
		}
	}},
}

// sees is a precondition that is met, and reports an error unless the resource is as described.
func (d *directory) sees(members []string, attributes schema.Object) scim.Precondition {
	return func(current *scim.Resource) error {
		d.equal(memberIDs(current), sorted(members...), "members seen")
		d.holds(current, attributes)
		return nil
	}
}
