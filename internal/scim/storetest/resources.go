package storetest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var resources = []behaviour{
	{"what is created is returned and can be read", func(d *directory) {
		for _, r := range []*scim.Resource{d.created(schema.User, everything()), d.created(schema.Group, group("Admins"))} {
			if r.ID == "" || r.Created.IsZero() || r.LastModified.Before(r.Created) {
				d.t.Errorf("id %q, created %v, last modified %v", r.ID, r.Created, r.LastModified)
			}
			d.same(d.got(r.Type, r.ID), r)
		}
	}},
	{"every attribute is kept as it was sent", func(d *directory) {
		d.holds(d.createdUser(everything()), everything())
		g := identified(group("Ünïcode \"quoted\" & <tagged> 日本"), "g-1")
		d.holds(d.created(schema.Group, g), g)
	}},
	{"an inactive user can be created, read and listed", func(d *directory) {
		r := d.createdUser(left(user("alice@example.com")))
		if d.got(schema.User, r.ID).Attributes.Get(schema.Active) != false {
			d.t.Error("active is not false")
		}
		d.equal(ids(d.listed(schema.User, all).Resources), []string{r.ID}, "listed")
	}},
	{"ids are unique, stable, and contain no bulkId", func(d *directory) {
		first, second := d.createdUser(user("bulkId-alice")), d.createdUser(user("bulkId:alice"))
		if first.ID == second.ID {
			d.t.Errorf("two users have the id %s", first.ID)
		}
		for _, r := range []*scim.Resource{first, second} {
			if strings.Contains(r.ID, "bulkId") { // reserved: RFC 7643 section 3.1
				d.t.Errorf("id %q", r.ID)
			}
			if renamed := d.set(r, schema.UserName, "renamed-"+r.ID); renamed.ID != r.ID {
				d.t.Errorf("a rename changed the id %s to %s", r.ID, renamed.ID)
			}
		}
	}},
	{"what does not exist is not found", func(d *directory) {
		for _, rt := range []*schema.ResourceType{schema.User, schema.Group} {
			for _, id := range []string{"nobody", "", "No/body", "-", "üñí", strings.Repeat("x", 300)} {
				d.missing(rt, id)
			}
		}
	}},
	{"a user is no group, nor a group a user", func(d *directory) {
		d.missing(schema.Group, d.users("alice")[0])
		d.missing(schema.User, d.created(schema.Group, group("Admins")).ID)
	}},
	{"what is deleted is gone", func(d *directory) {
		for _, r := range []*scim.Resource{d.createdUser(user("alice")), d.created(schema.Group, group("Admins"))} {
			d.deleted(r)
			d.missing(r.Type, r.ID)
			if page := d.listed(r.Type, all); page.Total != 0 || len(page.Resources) != 0 {
				d.t.Errorf("a list has %d of %d", len(page.Resources), page.Total)
			}
		}
	}},
	{"what is updated is returned and can be read", func(d *directory) {
		r := d.createdUser(user("alice"))
		updated := d.updated(schema.User, r.ID, scim.Change{Attributes: func(current schema.Object) (schema.Object, error) {
			d.holds(&scim.Resource{Attributes: current}, r.Attributes)
			return everything(), nil
		}})
		d.holds(updated, everything())
		d.same(d.got(schema.User, r.ID), updated)
		if !updated.LastModified.After(r.LastModified) || !updated.Created.Equal(r.Created) {
			d.t.Errorf("created %v, last modified %v, before %v and %v", updated.Created, updated.LastModified, r.Created, r.LastModified)
		}
	}},
	{"what an update leaves out is unassigned", func(d *directory) {
		r := d.createdUser(everything())
		bare := user(r.Attributes.String(schema.UserName))
		d.updated(schema.User, r.ID, scim.Change{Attributes: func(schema.Object) (schema.Object, error) { return bare, nil }})
		d.holds(d.got(schema.User, r.ID), bare)
	}},
	{"a resource read earlier does not change under its reader", func(d *directory) {
		alice := d.users("alice")
		g := d.created(schema.Group, group("Admins"), alice...)
		before := slices.Collect(g.Members)
		d.updated(schema.Group, g.ID, scim.Change{Attributes: with(schema.GroupDisplayName, "Others").Attributes, Members: []scim.MemberChange{replace()}})
		d.holds(g, group("Admins"))
		if len(before) != 1 || before[0].Value != alice[0] {
			d.t.Errorf("members were %v", before)
		}
	}},
	{"readers get what they do not omit", func(d *directory) {
		alice := d.users("alice")[0]
		g := d.created(schema.Group, group("Admins"), alice)
		bare, err := d.Get(d.t.Context(), schema.Group, g.ID, scim.Omit{Members: true})
		d.must(err, "get without members")
		if bare.Members != nil {
			d.t.Error("members were not omitted")
		}
		d.holds(bare, group("Admins"))
		someone, err := d.Get(d.t.Context(), schema.User, alice, scim.Omit{Groups: true})
		d.must(err, "get without groups")
		if someone.Groups != nil {
			d.t.Error("groups were not omitted")
		}
		if d.got(schema.Group, g.ID).Members == nil || d.got(schema.User, alice).Groups == nil {
			d.t.Error("members and groups were omitted for a reader who wants them")
		}
	}},
}

// missing reports an error unless every method answers that there is no such resource.
func (d *directory) missing(rt *schema.ResourceType, id string) {
	d.t.Helper()
	_, err := d.Get(d.t.Context(), rt, id, scim.Omit{})
	d.refused(err, http.StatusNotFound)
	_, err = d.Update(d.t.Context(), rt, id, scim.Change{
		Precondition: func(*scim.Resource) error { d.t.Error("the precondition was asked"); return nil },
		Attributes:   func(o schema.Object) (schema.Object, error) { d.t.Error("the change was run"); return o, nil },
	})
	d.refused(err, http.StatusNotFound)
	d.refused(d.Delete(d.t.Context(), rt, id, nil), http.StatusNotFound)
}
