package storetest

import (
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var lists = []behaviour{
	{"an empty directory has empty lists", func(d *directory) {
		for _, rt := range []*schema.ResourceType{schema.User, schema.Group} {
			if page := d.listed(rt, all); page.Total != 0 || len(page.Resources) != 0 {
				d.t.Errorf("%s: %d of %d", rt.Name, len(page.Resources), page.Total)
			}
		}
	}},
	{"lists are by age, then id", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		page := d.listed(rt, d.some(rt, named))
		if len(page.Resources) != 5 || page.Total != 5 || !slices.IsSortedFunc(page.Resources, byAge) {
			d.t.Errorf("%d of %d: %q", len(page.Resources), page.Total, ids(page.Resources))
		}
	})},
	{"the order is that of creation, whatever changes", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		query := d.some(rt, named)
		before := d.listed(rt, query).Resources
		d.set(before[0], unique[rt], "zoe")
		d.set(before[3], unique[rt], "aaron")
		d.equal(ids(d.listed(rt, query).Resources), ids(before), "order")
	})},
	{"what is listed is what is read", func(d *directory) {
		users := d.users("alice", "bob")
		d.created(schema.Group, group("Admins"), users...)
		for _, rt := range []*schema.ResourceType{schema.User, schema.Group} {
			for _, r := range d.listed(rt, all).Resources {
				d.same(r, d.got(rt, r.ID))
			}
		}
	}},
	{"pages are parts of the whole, each with the total", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		whole := ids(d.listed(rt, d.some(rt, named)).Resources)
		for _, p := range []struct {
			startIndex, count int
			want              []string
		}{
			{1, 5, whole},
			{1, 2, whole[:2]},
			{3, 2, whole[2:4]},
			{5, 2, whole[4:]},
			{5, 1, whole[4:]},
			{6, 2, nil},
			{1 << 40, 100, nil},
			{1, 0, nil},
			{4, 0, nil},
		} {
			page := d.listed(rt, scim.Query{StartIndex: p.startIndex, Count: p.count})
			d.equal(ids(page.Resources), p.want, "page")
			if page.Total != 5 {
				d.t.Errorf("startIndex %d, count %d: total is %d, want 5", p.startIndex, p.count, page.Total)
			}
		}
	})},
	{"pages of what matches a filter, each with the total that matches", func(d *directory) {
		d.some(schema.User, user)
		whole := d.found(schema.User, `userName co "a"`) // alice, carol, dave
		for i, want := range [][]string{whole[0:2], whole[1:3], whole[2:3], nil} {
			page := d.listed(schema.User, scim.Query{Filter: d.filter(schema.User, `userName co "a"`), StartIndex: i + 1, Count: 2})
			d.equal(ids(page.Resources), want, "page")
			if page.Total != 3 {
				d.t.Errorf("total is %d, want 3", page.Total)
			}
		}
		page := d.listed(schema.User, scim.Query{Filter: d.filter(schema.User, `userName co "a"`), StartIndex: 1})
		if page.Total != 3 || len(page.Resources) != 0 {
			d.t.Errorf("with count 0: %d of %d", len(page.Resources), page.Total)
		}
	}},
	{"lists are in the order that is asked for, on every page", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		query := d.some(rt, named)
		query.Order.By = schema.Path{unique[rt]}
		rising := ids(d.listed(rt, query).Resources)
		for i, name := range []string{"alice", "bob", "carol", "dave", "eve"} {
			if got := d.got(rt, rising[i]).Attributes.String(unique[rt]); got != name {
				d.t.Errorf("number %d is %s, want %s", i, got, name)
			}
		}
		d.equal(ids(d.listed(rt, scim.Query{Order: query.Order, StartIndex: 2, Count: 3}).Resources), rising[1:4], "a page in between")
		query.Order.Descending = true
		falling := ids(d.listed(rt, query).Resources)
		slices.Reverse(falling)
		d.equal(falling, rising, "in descending order, from behind")
	})},
	{"a page begins behind a position, though nothing stands there any more", forBoth(func(d *directory, rt *schema.ResourceType, named func(string) schema.Object) {
		for _, order := range []scim.Order{{}, {By: schema.Path{unique[rt]}}, {By: schema.Path{schema.ID}, Descending: true}} {
			query := d.some(rt, named)
			query.Order = order
			whole := d.listed(rt, query).Resources
			at := order.Position(whole[2])
			query.After = &at
			d.equal(ids(d.listed(rt, query).Resources), ids(whole[3:]), "behind the third")
			d.deleted(whole[2])
			page := d.listed(rt, query)
			d.equal(ids(page.Resources), ids(whole[3:]), "behind the third, which is gone")
			if page.Total != 4 {
				d.t.Errorf("total is %d, want 4", page.Total)
			}
			query.Count = 1
			d.equal(ids(d.listed(rt, query).Resources), ids(whole[3:4]), "one behind the third")
			last := order.Position(whole[4])
			query.After = &last
			d.equal(ids(d.listed(rt, query).Resources), nil, "behind the last")
			for _, r := range slices.Delete(whole, 2, 3) {
				d.deleted(r)
			}
		}
	})},
	{"who left is not listed, who is inactive is", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		d.deleted(d.got(schema.User, users[0]))
		d.updated(schema.User, users[1], with(schema.Active, false))
		d.equal(sorted(ids(d.listed(schema.User, all).Resources)...), sorted(users[1:]...), "listed")
	}},
	{"lists leave out what is to be omitted", func(d *directory) {
		users := d.users("alice")
		d.created(schema.Group, group("Admins"), users...)
		query := scim.Query{StartIndex: 1, Count: 10, Omit: scim.Omit{Members: true, Groups: true}}
		if r := d.listed(schema.Group, query).Resources[0]; r.Members != nil {
			d.t.Error("the group has members")
		}
		if r := d.listed(schema.User, query).Resources[0]; r.Groups != nil {
			d.t.Error("the user has groups")
		}
	}},
}

// some creates five resources and returns a query for all of them.
func (d *directory) some(rt *schema.ResourceType, named func(string) schema.Object) scim.Query {
	d.t.Helper()
	for _, name := range []string{"bob", "alice", "eve", "carol", "dave"} {
		d.created(rt, named(name))
	}
	return all
}
