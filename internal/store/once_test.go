package store

import (
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// Revisions: of the informer's list, and of the request's own write.
const listed, taken = 3, 6

func slice(name string, revision int, members ...string) *v1alpha1.CloudSSOMembershipSlice {
	s := &v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: "crew"}}
	s.Namespace, s.Name, s.ResourceVersion = "acme", name, strconv.Itoa(revision)
	for _, m := range members {
		s.Spec.Members = append(s.Spec.Members, v1alpha1.Member{Name: m})
	}
	return s
}

// crewOf is a sliced group, and a replica that has heard of what became of its slices.
func crewOf(events ...*v1alpha1.CloudSSOMembershipSlice) (*tenant, *v1alpha1.CloudSSOGroup) {
	d := New(Config{Relists: &Relists{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	d.slices.index.gap = func() uint64 { return listed }
	for _, s := range events {
		d.slices.index.observe(s)
	}
	g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "crew", Sliced: true}}
	g.Namespace, g.Name = "acme", "crew"
	return &tenant{Directories: d, namespace: "acme"}, g
}

// A request about a large group looks again until nothing is left to do. Whom it has put in or taken out before, somebody
// else may have taken out or put in again meanwhile, and been acknowledged: that stays. A copy that was there when it took
// somebody out goes all the same.
func TestARequestChangesEachMemberOnce(t *testing.T) {
	type slices = []*v1alpha1.CloudSSOMembershipSlice
	removal := scim.MemberChange{Op: scim.RemoveMembers, IDs: []string{"bob"}}
	replacement := scim.MemberChange{Op: scim.ReplaceMembers, IDs: []string{"ada"}}
	addition := scim.MemberChange{Op: scim.AddMembers, IDs: []string{"bob"}}
	for _, test := range []struct {
		name    string
		change  scim.MemberChange
		decided bool
		events  slices
		writes  int
	}{
		{"a removal, of who was there", removal, false, slices{slice("a", 5, "ada", "bob")}, 1},
		{"a removal, of who came again to the same slice", removal, true, slices{slice("a", 5, "ada", "bob"), slice("a", 6, "ada"), slice("a", 7, "ada", "bob")}, 0},
		{"a removal, of who came again to another", removal, true, slices{slice("a", 5, "ada", "bob"), slice("a", 6, "ada"), slice("b", 7, "bob")}, 0},
		{"a removal, of a second copy that was there too", removal, true, slices{slice("b", 5, "bob"), slice("a", 6, "ada")}, 1},
		{"a removal, of such a copy in a slice that has changed since", removal, true, slices{slice("b", 5, "bob"), slice("a", 6, "ada"), slice("b", 7, "bob", "eve")}, 1},
		{"a removal, of a copy that may have been there", removal, true, slices{slice("b", 2, "bob"), slice("a", 6, "ada")}, 1},
		{"a replacement, of who was there", replacement, false, slices{slice("a", 5, "ada", "bob")}, 1},
		{"a replacement, of who came again", replacement, true, slices{slice("a", 6, "ada"), slice("b", 7, "bob")}, 0},
		{"an addition, of who is missing", addition, false, slices{slice("a", 5, "ada")}, 1},
		{"an addition, of who was taken out again", addition, true, slices{slice("a", 6, "ada", "bob"), slice("a", 7, "ada")}, 0},
		{"an addition, of who is listed twice", addition, true, slices{slice("a", 6, "ada", "bob"), slice("b", 7, "bob")}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			crew, g := crewOf(test.events...)
			o := crew.outcome([]scim.MemberChange{test.change})
			if test.decided {
				o.decided["bob"] = taken
			}
			if writes, _ := plan(g, crew.snapshot(g, o), o); len(writes) != test.writes {
				t.Errorf("%d writes: %+v", len(writes), writes)
			}
		})
	}
}

// Whoever tidies up a second copy has not decided about the first.
func TestASecondCopyDecidesNothing(t *testing.T) {
	crew, g := crewOf(slice("a", 6, "ada"), slice("z", 8, "bob"), slice("y", 9, "bob"))
	o := crew.outcome([]scim.MemberChange{{Op: scim.RemoveMembers, IDs: []string{"bob"}}})
	o.decided["bob"] = taken
	writes, kept := plan(g, crew.snapshot(g, o), o)
	if len(writes) != 1 || writes[0].current.Name != "z" {
		t.Fatalf("writes: %+v", writes)
	}
	o.decide(writes, []uint64{10}, kept)
	crew.slices.index.observe(slice("z", 10))
	if writes, _ := plan(g, crew.snapshot(g, o), o); len(writes) != 0 {
		t.Errorf("who was put in twice, and acknowledged, is taken out: %+v", writes)
	}
}

// A push that makes a group sliced is two writes at least: whom somebody takes out of the group's own list between them is
// not put into a slice, and who had no room is.
func TestAGroupBecomesSlicedBesideARemoval(t *testing.T) {
	crew, g := crewOf()
	g.Spec.Sliced = false
	var all []string
	for i := range v1alpha1.SliceSize + 2 {
		all = append(all, fmt.Sprintf("member-%d", i))
	}
	o := crew.outcome([]scim.MemberChange{{Op: scim.AddMembers, IDs: all}})
	if err := o.in(t.Context(), g); err != nil || !g.Spec.Sliced || len(g.Spec.Members) != v1alpha1.SliceSize {
		t.Fatalf("%v: sliced %t, with %d members of its own", err, g.Spec.Sliced, len(g.Spec.Members))
	}
	g.ResourceVersion = strconv.Itoa(taken)
	o.stored(g)
	g.Spec.Members = g.Spec.Members[1:] // somebody else's removal
	writes, _ := plan(g, crew.snapshot(g, o), o)
	if len(writes) != 1 || len(writes[0].members) != 2 || writes[0].members[0].Name != all[v1alpha1.SliceSize] {
		t.Errorf("slices to write: %+v", writes)
	}
}

// What was not stored decides nothing, and neither does what was stored for somebody whom it left elsewhere.
func TestWhatIsStoredDecides(t *testing.T) {
	members := func(names ...string) (all []v1alpha1.Member) {
		for _, name := range names {
			all = append(all, v1alpha1.Member{Name: name})
		}
		return all
	}
	current := func(names ...string) *v1alpha1.CloudSSOMembershipSlice {
		return &v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Members: members(names...)}}
	}
	o := &outcome{decided: map[string]uint64{}}
	o.decide([]sliceWrite{
		{current("ada", "bob", "cid"), members("cid", "dan")},
		{current("bob", "eve"), nil},
		{nil, members("fay")},
		{current("gus"), nil},
	}, []uint64{7, 0, 9, 11}, map[string]bool{"gus": true})
	if len(o.decided) != 3 || o.decided["ada"] != 7 || o.decided["dan"] != 7 || o.decided["fay"] != 9 {
		t.Errorf("decided: %v", o.decided)
	}
}
