package storetest

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Providers create a person who left anew, with the externalId of old; a conflict would lock that
// person out: https://github.com/better-auth/better-auth/issues/11111

var leavers = []behaviour{
	{"an inactive user is restored by externalId", func(d *directory) {
		r := d.createdUser(left(identified(user("alice"), "00u1")))
		g := d.created(schema.Group, group("Admins"), r.ID)
		again := d.createdUser(identified(user("alice"), "00u1").With(schema.UserDisplayName, "Alice"))
		d.restored(again, r, identified(user("alice"), "00u1").With(schema.UserDisplayName, "Alice"))
		d.equal(groupIDs(again), []string{g.ID}, "groups")
	}},
	{"a deleted user is restored by externalId, without memberships", func(d *directory) {
		r := d.createdUser(identified(everything(), "00u1"))
		g := d.created(schema.Group, group("Admins"), r.ID)
		d.deleted(r)
		again := d.createdUser(identified(user("alice"), "00u1"))
		d.restored(again, r, identified(user("alice"), "00u1"))
		d.equal(groupIDs(again), nil, "groups")
		d.equal(d.members(g.ID), nil, "members")
	}},
	{"a restored user holds its name again", func(d *directory) {
		d.deleted(d.createdUser(identified(user("alice"), "00u1")))
		d.createdUser(identified(user("alice"), "00u1"))
		_, err := d.Create(d.t.Context(), schema.User, user("Alice"), nil)
		d.refused(err, http.StatusConflict)
	}},
	{"a restored user may have a new name", func(d *directory) {
		r := d.createdUser(left(identified(user("alice"), "00u1")))
		d.restored(d.createdUser(identified(user("alice.smith"), "00u1")), r, identified(user("alice.smith"), "00u1"))
		d.createdUser(user("alice"))
		_, err := d.Create(d.t.Context(), schema.User, user("alice.smith"), nil)
		d.refused(err, http.StatusConflict)
	}},
	{"a restored user is as sent, even inactive", func(d *directory) {
		r := d.createdUser(identified(user("alice"), "00u1"))
		d.deleted(r)
		d.restored(d.createdUser(left(identified(user("alice"), "00u1"))), r, left(identified(user("alice"), "00u1")))
	}},
	{"nobody is restored to a name that is taken", func(d *directory) {
		d.createdUser(user("bob"))
		inactive := d.createdUser(left(identified(user("alice"), "00u1")))
		_, err := d.Create(d.t.Context(), schema.User, identified(user("bob"), "00u1"), nil)
		d.refused(err, http.StatusConflict)
		d.same(d.got(schema.User, inactive.ID), inactive)
		d.deleted(inactive)
		_, err = d.Create(d.t.Context(), schema.User, identified(user("bob"), "00u1"), nil)
		d.refused(err, http.StatusConflict)
		d.missing(schema.User, inactive.ID)
	}},
	{"of several who left the newest is restored", func(d *directory) {
		a, b := d.createdUser(identified(user("alice"), "00u1")), d.createdUser(identified(user("bob"), "00u2"))
		d.set(b, schema.ExternalID, "00u1")
		d.set(a, schema.Active, false)
		d.set(b, schema.Active, false)
		newest := slices.MaxFunc([]*scim.Resource{a, b}, byAge)
		if again := d.createdUser(identified(user("carol"), "00u1")); again.ID != newest.ID {
			d.t.Errorf("%s was restored, want %s", again.ID, newest.ID)
		}
	}},
	{"a user who is active is not restored", func(d *directory) {
		r := d.createdUser(identified(user("alice"), "00u1"))
		_, err := d.Create(d.t.Context(), schema.User, identified(user("Alice"), "00u1").With(schema.UserDisplayName, "Mallory"), nil)
		d.refused(err, http.StatusConflict)
		d.same(d.got(schema.User, r.ID), r)
	}},
	{"nobody is restored without an externalId, or by another", func(d *directory) {
		d.createdUser(left(user("alice")))
		d.createdUser(left(identified(user("bob"), "00u1")))
		for _, o := range []schema.Object{user("alice"), user("bob"), identified(user("bob"), "00U1"), identified(user("alice"), "00u1x")} {
			_, err := d.Create(d.t.Context(), schema.User, o, nil)
			d.refused(err, http.StatusConflict)
		}
	}},
	{"a group that was deleted is not restored", func(d *directory) {
		r := d.created(schema.Group, identified(group("Admins"), "g1"))
		d.deleted(r)
		if again := d.created(schema.Group, identified(group("Admins"), "g1")); again.ID == r.ID {
			d.t.Errorf("group %s came back", r.ID)
		}
	}},
	{"a user can leave and come back many times", func(d *directory) {
		r := d.createdUser(identified(user("alice"), "00u1"))
		for range 3 {
			d.deleted(r)
			d.missing(schema.User, r.ID)
			d.restored(d.createdUser(identified(user("alice"), "00u1")), r, identified(user("alice"), "00u1"))
		}
	}},
}

// restored reports an error unless again is the user r with the attributes given, and can be read.
func (d *directory) restored(again, r *scim.Resource, want schema.Object) {
	d.t.Helper()
	if again.ID != r.ID || !again.Created.Equal(r.Created) {
		d.t.Fatalf("%s of %v was created, want %s of %v", again.ID, again.Created, r.ID, r.Created)
	}
	if !again.LastModified.After(r.LastModified) {
		d.t.Errorf("last modified %v, before it came back %v", again.LastModified, r.LastModified)
	}
	d.holds(again, want)
	d.same(d.got(schema.User, r.ID), again)
}

// byAge is the order of lists.
func byAge(a, b *scim.Resource) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}
