package storetest

import (
	"fmt"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var members = []behaviour{
	{"a group is created with its members", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		g := d.created(schema.Group, group("Admins"), users[0], users[2])
		d.equal(memberIDs(g), sorted(users[0], users[2]), "members")
		d.same(d.got(schema.Group, g.ID), g)
	}},
	{"a group without members has an empty sequence, a user none", func(d *directory) {
		g := d.created(schema.Group, group("Admins"))
		if g.Members == nil || slices.Collect(g.Members) != nil {
			d.t.Error("the group's members are not an empty sequence")
		}
		if r := d.createdUser(user("alice")); r.Members != nil || len(groupIDs(r)) > 0 {
			d.t.Errorf("the user has members or groups: %v", groupIDs(r))
		}
	}},
	{"members are added", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		d.changes(users[:1], changing(add(users[1]), add(users[2])), users)
	}},
	{"to add a member again changes nothing", func(d *directory) {
		users := d.users("alice", "bob")
		d.unchanged(users, changing(add(users[0], users[1], users[0])))
	}},
	{"members are removed", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		d.changes(users, changing(remove(users[0], users[2])), users[1:2])
	}},
	{"to remove who is no member changes nothing", func(d *directory) {
		users := d.users("alice", "bob")
		d.unchanged(users[:1], changing(remove(users[1], "nobody")))
		d.t.Log("nor does a removal that names nobody")
		d.unchanged(users[:1], changing(remove()))
	}},
	{"all members are removed", func(d *directory) {
		users := d.users("alice", "bob")
		d.changes(users, changing(match(func(scim.Reference) bool { return true })), nil)
	}},
	{"members that match are removed", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		d.changes(users, changing(match(func(r scim.Reference) bool { return r.Value == users[0] || r.Display == "bob" })), users[2:])
	}},
	{"a match of nobody changes nothing", func(d *directory) {
		d.unchanged(d.users("alice"), changing(match(func(scim.Reference) bool { return false })))
	}},
	{"members are replaced", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		d.changes(users[:2], changing(replace(users[1], users[2], users[2])), users[1:])
		d.t.Log("by nobody")
		d.changes(users[:2], changing(replace()), nil)
	}},
	{"a replacement by the same members changes nothing", func(d *directory) {
		users := d.users("alice", "bob")
		d.unchanged(users, changing(replace(users[1], users[0])))
	}},
	{"changes are applied in order", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		d.changes(users[2:], changing(remove(users[0]), add(users[1]), replace(users[2]), add(users[0]), remove(users[2])), users[:1])
	}},
	{"changes that cancel out change nothing", func(d *directory) {
		users := d.users("alice", "bob")
		d.unchanged(users[:1], changing(add(users[1]), remove(users[1])))
	}},
	{"a group may be larger than what one object holds", largeGroup},
	{"many add to and remove from a large group at once", crowd},
	{"attributes and members change together", func(d *directory) {
		users := d.users("alice", "bob")
		g := d.created(schema.Group, group("Admins"), users[0])
		updated := d.updated(schema.Group, g.ID, scim.Change{
			Attributes: with(schema.GroupDisplayName, "Others").Attributes,
			Members:    []scim.MemberChange{add(users[1])},
		})
		d.holds(updated, group("Others"))
		d.equal(memberIDs(updated), sorted(users...), "members")
		d.same(d.got(schema.Group, g.ID), updated)
	}},
	{"who is no user is skipped", func(d *directory) {
		users := d.users("alice", "bob", "carol")
		gone := d.createdUser(user("gone"))
		d.deleted(gone)
		other := d.created(schema.Group, group("Others"))
		strangers := []string{"nobody", gone.ID, other.ID, "", "No/body"}
		g := d.created(schema.Group, group("Admins"), append(strangers, users[0])...)
		d.equal(memberIDs(g), users[:1], "created")
		g = d.updated(schema.Group, g.ID, changing(add(append(strangers, users[1])...)))
		d.equal(memberIDs(g), sorted(users[:2]...), "added")
		g = d.updated(schema.Group, g.ID, changing(replace(append(strangers, users[2])...)))
		d.equal(memberIDs(g), users[2:], "replaced")
		d.equal(d.members(g.ID), users[2:], "read")
	}},
	{"who is inactive may join", func(d *directory) {
		r := d.createdUser(left(user("alice")))
		g := d.created(schema.Group, group("Admins"), r.ID)
		d.equal(d.members(g.ID), []string{r.ID}, "members")
	}},
	{"who becomes inactive stays a member", func(d *directory) {
		users := d.users("alice", "bob")
		g := d.created(schema.Group, group("Admins"), users...)
		inactive := d.updated(schema.User, users[0], with(schema.Active, false))
		d.equal(groupIDs(inactive), []string{g.ID}, "groups")
		d.equal(d.members(g.ID), sorted(users...), "members")
	}},
	{"who is deleted is no longer a member", func(d *directory) {
		users := d.users("alice", "bob")
		g, h := d.created(schema.Group, group("Admins"), users...), d.created(schema.Group, group("Others"), users[0])
		d.deleted(d.got(schema.User, users[0]))
		d.equal(d.members(g.ID), users[1:], "members")
		d.equal(d.members(h.ID), nil, "members")
		d.equal(d.found(schema.Group, fmt.Sprintf("members.value eq %q", users[0])), nil, "found")
		d.t.Log("and the group can be changed as before")
		d.equal(memberIDs(d.updated(schema.Group, g.ID, changing(remove(users[0])))), users[1:], "members")
	}},
	{"a user's groups follow from members", func(d *directory) {
		alice := d.users("alice")[0]
		g, h := d.created(schema.Group, group("Admins"), alice), d.created(schema.Group, group("Others"))
		d.updated(schema.Group, h.ID, changing(add(alice)))
		d.equal(groupIDs(d.got(schema.User, alice)), sorted(g.ID, h.ID), "after an addition")
		d.updated(schema.Group, g.ID, changing(remove(alice)))
		d.equal(groupIDs(d.got(schema.User, alice)), []string{h.ID}, "after a removal")
		d.set(h, schema.GroupDisplayName, "Everyone")
		if groups := slices.Collect(d.got(schema.User, alice).Groups); len(groups) != 1 || groups[0].Display != "Everyone" {
			d.t.Errorf("after a rename: %v", groups)
		}
		d.deleted(h)
		d.equal(groupIDs(d.got(schema.User, alice)), nil, "after the group was deleted")
	}},
	{"membership does not modify the user", func(d *directory) {
		r := d.createdUser(user("alice"))
		d.created(schema.Group, group("Admins"), r.ID)
		if got := d.got(schema.User, r.ID); !got.LastModified.Equal(r.LastModified) {
			d.t.Errorf("last modified %v, before %v", got.LastModified, r.LastModified)
		}
	}},
	{"a member is shown by displayName, else userName", func(d *directory) {
		alice := d.createdUser(user("alice").With(schema.UserDisplayName, "Alice"))
		bob := d.createdUser(user("bob"))
		g := d.created(schema.Group, group("Admins"), alice.ID, bob.ID)
		d.shown(g.ID, map[string]string{alice.ID: "Alice", bob.ID: "bob"})
		d.set(alice, schema.UserDisplayName, "Alice Smith")
		d.shown(g.ID, map[string]string{alice.ID: "Alice Smith", bob.ID: "bob"})
	}},
	{"members can be read more than once, and in part", func(d *directory) {
		g := d.created(schema.Group, group("Admins"), d.users("alice", "bob", "carol")...)
		for range g.Members {
			break
		}
		first, second := slices.Collect(g.Members), slices.Collect(g.Members)
		if len(first) != 3 || !slices.Equal(first, second) {
			d.t.Errorf("first %v, then %v", first, second)
		}
	}},
	{"a group can have some dozens of members", func(d *directory) {
		var names []string
		for i := range 40 {
			names = append(names, fmt.Sprintf("user%02d@example.com", i))
		}
		users := d.users(names...)
		d.changes(nil, changing(add(users...)), users)
	}},
}

// changes reports an error unless the change of a group with some members leaves others.
func (d *directory) changes(before []string, change scim.Change, after []string) {
	d.t.Helper()
	g := d.created(schema.Group, group("Group of a test"), before...)
	updated := d.updated(schema.Group, g.ID, change)
	d.equal(memberIDs(updated), sorted(after...), "members")
	if !updated.LastModified.After(g.LastModified) {
		d.t.Errorf("last modified %v, before %v", updated.LastModified, g.LastModified)
	}
	d.same(d.got(schema.Group, g.ID), updated)
	d.deleted(g)
}

// unchanged reports an error unless the change of a group with some members leaves it as it is.
func (d *directory) unchanged(before []string, change scim.Change) {
	d.t.Helper()
	g := d.created(schema.Group, group("Group of a test"), before...)
	d.same(d.updated(schema.Group, g.ID, change), g)
	d.same(d.got(schema.Group, g.ID), g)
	d.deleted(g)
}

func (d *directory) shown(groupID string, want map[string]string) {
	d.t.Helper()
	for r := range d.got(schema.Group, groupID).Members {
		if r.Display != want[r.Value] {
			d.t.Errorf("member %s is shown as %q, want %q", r.Value, r.Display, want[r.Value])
		}
	}
}
