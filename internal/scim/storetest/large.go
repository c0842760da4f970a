package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// large is more than what a directory puts into one object, several times over.
const large = 700

// crowded makes so many users, a few at a time: they are what takes the time.
func (d *directory) crowded(n int) []string {
	d.t.Helper()
	ids := make([]string, n)
	var all sync.WaitGroup
	for part := range slices.Chunk(positions(n), n/8) {
		all.Go(func() {
			for _, i := range part {
				r, err := d.Create(d.t.Context(), schema.User, user(fmt.Sprintf("member-%d", i)), nil)
				if err != nil {
					d.t.Error(err)
					return
				}
				ids[i] = r.ID
			}
		})
	}
	all.Wait()
	if d.t.Failed() {
		d.t.FailNow()
	}
	return ids
}

func positions(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func largeGroup(d *directory) {
	users := d.crowded(large)
	d.t.Log("created with many, and grown by hundreds, some of them twice")
	g := d.created(schema.Group, group("Large"), users[:300]...)
	d.equal(memberIDs(g), sorted(users[:300]...), "created")
	for from := 250; from < large; from += 100 {
		to := min(from+150, large)
		g = d.updated(schema.Group, g.ID, changing(add(users[from:to]...)))
		d.equal(memberIDs(g), sorted(users[:to]...), "added")
	}
	d.same(d.got(schema.Group, g.ID), g)
	d.t.Log("what changes nothing changes nothing")
	d.same(d.updated(schema.Group, g.ID, changing(add(users[3], users[400], users[699]))), g)
	d.same(d.updated(schema.Group, g.ID, changing(remove("nobody"))), g)
	d.same(d.updated(schema.Group, g.ID, changing(replace(users...))), g)
	d.t.Log("a member knows its group, and the group what its members are called")
	d.equal(groupIDs(d.got(schema.User, users[650])), []string{g.ID}, "groups")
	d.shown(g.ID, calledNames(users))
	d.t.Log("removed from anywhere, by id and by match, and added again")
	g2 := d.updated(schema.Group, g.ID, changing(remove(users[1], users[260], users[600]), add(users[600])))
	d.equal(memberIDs(g2), sorted(slices.Concat(users[:1], users[2:260], users[261:])...), "removed")
	if !g2.LastModified.After(g.LastModified) {
		d.t.Errorf("last modified %v, before %v", g2.LastModified, g.LastModified)
	}
	d.equal(groupIDs(d.got(schema.User, users[260])), nil, "groups")
	g = d.updated(schema.Group, g.ID, changing(match(func(r scim.Reference) bool { return r.Display == "member-5" || r.Display == "member-500" })))
	d.equal(memberIDs(g), sorted(slices.Concat(users[:1], users[2:5], users[6:260], users[261:500], users[501:])...), "matched")
	d.t.Log("a member that is deleted leaves")
	d.deleted(d.got(schema.User, users[550]))
	d.equal(memberIDs(d.got(schema.Group, g.ID)), sorted(slices.Concat(users[:1], users[2:5], users[6:260], users[261:500], users[501:550], users[551:])...), "left")
	d.t.Log("replaced by some, by none, and filled again")
	g = d.updated(schema.Group, g.ID, changing(replace(users[200:520]...)))
	d.equal(memberIDs(g), sorted(users[200:520]...), "replaced")
	g = d.updated(schema.Group, g.ID, changing(replace()))
	d.equal(memberIDs(g), nil, "emptied")
	g = d.updated(schema.Group, g.ID, changing(add(users[:500]...)))
	d.equal(memberIDs(g), sorted(users[:500]...), "filled")
	d.t.Log("attributes change with members, and alone")
	g = d.updated(schema.Group, g.ID, scim.Change{Attributes: with(schema.GroupDisplayName, "Larger").Attributes, Members: []scim.MemberChange{remove(users[499])}})
	d.equal(memberIDs(g), sorted(users[:499]...), "changed")
	d.equal(memberIDs(d.set(g, schema.ExternalID, "e")), sorted(users[:499]...), "renamed")
	d.deleted(g)
	d.equal(groupIDs(d.got(schema.User, users[0])), nil, "groups")
}

func calledNames(users []string) map[string]string {
	called := map[string]string{}
	for i, id := range users {
		called[id] = fmt.Sprintf("member-%d", i)
	}
	return called
}

// crowd has many clients change disjoint members of one group: in the end it is what all of them said.
func crowd(d *directory) {
	const clients, each = 8, 40
	users := d.crowded(400 + clients*each)
	g := d.created(schema.Group, group("Crowd"), users[:400]...)
	var all sync.WaitGroup
	for c := range clients {
		own := users[400+c*each : 400+(c+1)*each]
		all.Go(func() {
			for part := range slices.Chunk(own, 10) {
				if _, err := d.Update(d.t.Context(), schema.Group, g.ID, changing(add(part...), remove(users[c]))); err != nil {
					d.t.Error(err)
				}
				if _, err := d.Update(d.t.Context(), schema.Group, g.ID, changing(remove(part[0]), add(part[1]))); err != nil {
					d.t.Error(err)
				}
			}
		})
	}
	all.Wait()
	want := users[clients:400:400]
	for c := range clients {
		for part := range slices.Chunk(users[400+c*each:400+(c+1)*each], 10) {
			want = append(want, part[1:]...)
		}
	}
	d.equal(d.members(g.ID), sorted(want...), "members")
}
