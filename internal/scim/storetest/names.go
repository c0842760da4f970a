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
func forBoth(holds func(d *directory, rt *schema.ResourceType, named func(name string) schema.Object)) func(*directory) {
	return func(d *directory) {
		holds(d, schema.User, user)
		holds(d, schema.Group, group)
	}
}

var names = []behaviour{
	{"a name is taken in every spelling", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		for _, name := range spellings {
			r := d.created(rt, named(name[0]))
			_, err := d.Create(d.t.Context(), rt, named(name[1]), nil)
			d.refused(err, http.StatusConflict)
			if got := d.got(rt, r.ID).Attributes.String(unique[rt]); got != name[0] {
				d.t.Errorf("%q became %q", name[0], got)
			}
			d.deleted(r)
		}
	})},
	{"a refused create leaves nothing behind", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		r := d.created(rt, named("alice"))
		_, err := d.Create(d.t.Context(), rt, named("ALICE"), nil)
		d.refused(err, http.StatusConflict)
		d.equal(ids(d.listed(rt, all).Resources), []string{r.ID}, "listed")
		d.same(d.got(rt, r.ID), r)
	})},
	{"a user and a group may have one name", func(d *directory) {
		d.createdUser(user("admins"))
		d.created(schema.Group, group("admins"))
	}},
	{"the name of an inactive user stays taken", func(d *directory) {
		d.createdUser(left(user("alice")))
		_, err := d.Create(d.t.Context(), schema.User, user("alice"), nil)
		d.refused(err, http.StatusConflict)
	}},
	{"a rename to a name that is taken changes nothing", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		d.created(rt, named("alice"))
		r := d.created(rt, named("bob"))
		_, err := d.Update(d.t.Context(), rt, r.ID, with(unique[rt], "ALICE"))
		d.refused(err, http.StatusConflict)
		d.same(d.got(rt, r.ID), r)
		_, err = d.Create(d.t.Context(), rt, named("Bob"), nil)
		d.refused(err, http.StatusConflict)
	})},
	{"a rename takes the new name and frees the old", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		r := d.created(rt, named("alice"))
		d.holds(d.set(r, unique[rt], "Bob"), named("Bob"))
		_, err := d.Create(d.t.Context(), rt, named("bob"), nil)
		d.refused(err, http.StatusConflict)
		if other := d.created(rt, named("alice")); other.ID == r.ID {
			d.t.Errorf("two have the id %s", r.ID)
		}
	})},
	{"a rename to another spelling is no conflict", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		r := d.created(rt, named("alice"))
		d.holds(d.set(r, unique[rt], "Alice"), named("Alice"))
	})},
	{"names can be exchanged by way of a third", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		a, b := d.created(rt, named("alice")), d.created(rt, named("bob"))
		d.set(a, unique[rt], "carol")
		d.set(b, unique[rt], "alice")
		d.set(a, unique[rt], "bob")
		d.holds(d.got(rt, a.ID), named("bob"))
		d.holds(d.got(rt, b.ID), named("alice"))
	})},
	{"a deleted resource frees its name", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		r := d.created(rt, named("alice"))
		d.deleted(r)
		if other := d.created(rt, named("alice")); other.ID == r.ID {
			d.t.Errorf("id %s was given again", r.ID)
		}
		d.missing(rt, r.ID)
	})},
	{"an update that fails for its name leaves the members alone", func(d *directory) {
		alice := d.users("alice")
		d.created(schema.Group, group("Admins"))
		r := d.created(schema.Group, group("Others"))
		_, err := d.Update(d.t.Context(), schema.Group, r.ID, scim.Change{
			Attributes: with(schema.GroupDisplayName, "admins").Attributes,
			Members:    []scim.MemberChange{add(alice...)},
		})
		d.refused(err, http.StatusConflict)
		d.same(d.got(schema.Group, r.ID), r)
	}},
}
