package membership_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

func viewOf(listed ...string) membership.GroupView {
	return membership.GroupView{
		Members:   members(listed...),
		Size:      len(listed),
		IsInSlice: func(string) bool { return false },
		MaxSize:   unlimited,
	}
}

// slicedViewOf returns the view of a group that has the members of one list in slices.
func slicedViewOf(inSlices []string, listed ...string) membership.GroupView {
	g := viewOf(listed...)
	g.IsSliced = true
	g.Size += len(inSlices)
	g.IsInSlice = func(id string) bool { return slices.Contains(inSlices, id) }
	return g
}

func TestChangesApplyInOrder(t *testing.T) {
	for _, test := range []struct {
		name    string
		changes []membership.Change
		before  []string
		after   []string
		changed []string
	}{
		{"no change", nil, []string{"a"}, []string{"a"}, nil},
		{"an addition appends", []membership.Change{add("b")}, []string{"a"}, []string{"a", "b"}, []string{"b"}},
		{"an addition of a member changes nothing", []membership.Change{add("a")}, []string{"a"}, []string{"a"}, nil},
		{"an addition that names a user twice adds it once", []membership.Change{add("b", "b"), add("b")}, []string{"a"}, []string{"a", "b"}, []string{"b"}},
		{"a removal", []membership.Change{remove("a", "c")}, []string{"a", "b", "c"}, []string{"b"}, []string{"a", "c"}},
		{"a removal of another user changes nothing", []membership.Change{remove("x")}, []string{"a"}, []string{"a"}, nil},
		{"a replacement", []membership.Change{replace("b", "c")}, []string{"a", "b"}, []string{"b", "c"}, []string{"a", "c"}},
		{"a replacement with nothing", []membership.Change{replace()}, []string{"a", "b"}, []string{}, []string{"a", "b"}},
		{"a removal by filter", []membership.Change{removeMatching("old")}, []string{"a", "old-1", "old-2"}, []string{"a"}, []string{"old-1", "old-2"}},
		{"an addition, then a removal", []membership.Change{add("b"), remove("b")}, []string{"a"}, []string{"a"}, nil},
		{"a removal, then an addition", []membership.Change{remove("a"), add("a")}, []string{"a", "b"}, []string{"a", "b"}, nil},
		{"a replacement, then an addition", []membership.Change{replace("b"), add("a")}, []string{"a"}, []string{"a", "b"}, []string{"b"}},
		{"an addition, then a replacement", []membership.Change{add("b"), replace("c")}, []string{"a"}, []string{"c"}, []string{"a", "c"}},
		{"a replacement, then a removal", []membership.Change{replace("b", "c"), remove("b")}, []string{"a", "b"}, []string{"c"}, []string{"a", "b", "c"}},
		{"an addition, then a removal by filter", []membership.Change{add("old-1", "b"), removeMatching("old")}, []string{"a"}, []string{"a", "b"}, []string{"b"}},
		{"a removal by filter, then an addition", []membership.Change{removeMatching("old"), add("old-1")}, []string{"old-1", "old-2"}, []string{"old-1"}, []string{"old-2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, err := delta(test.changes...).PlanOwnList(viewOf(test.before...))
			if err != nil || own.IsSliced {
				t.Fatalf("%+v, %v", own, err)
			}
			equal(t, "members", names(own.Members), test.after)
			equal(t, "changed", own.Changed, test.changed)
		})
	}
}

func TestProtectedMembersStay(t *testing.T) {
	for name, change := range map[string]membership.Change{
		"replacement":         replace("a"),
		"removal":             remove("hidden", "b"),
		"removal by filter":   {Op: membership.Remove, Matches: func(id string) (bool, error) { return id != "a", nil }},
		"empty replacement":   replace(),
		"replacement by name": replace("hidden"),
	} {
		t.Run(name, func(t *testing.T) {
			own, err := delta(change).PlanOwnList(viewOf("b", "hidden"))
			if err != nil {
				t.Fatal(err)
			}
			listed := names(own.Members)
			if !slices.Contains(listed, "hidden") || slices.Contains(listed, "b") || slices.Contains(own.Changed, "hidden") {
				t.Errorf("members %q, changed %q", listed, own.Changed)
			}
		})
	}
}

// A protected user that is no member does not become one by being protected.
func TestProtectedUsersAreNotAdded(t *testing.T) {
	own, err := delta(replace("a"), remove("hidden")).PlanOwnList(viewOf())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "members", names(own.Members), []string{"a"})
}

func TestDeltaSaysWhatChangesName(t *testing.T) {
	for _, test := range []struct {
		name             string
		changes          []membership.Change
		added            []string
		named            []string
		mayRemoveUnnamed bool
	}{
		{"nothing", nil, nil, nil, false},
		{"additions and removals", []membership.Change{add("b", "a"), remove("c"), add("a", "d")}, []string{"b", "a", "d"}, []string{"a", "b", "c", "d"}, false},
		{"a replacement sweeps", []membership.Change{replace("a")}, []string{"a"}, []string{"a"}, true},
		{"a removal by filter sweeps", []membership.Change{add("a"), removeMatching("old")}, []string{"a"}, []string{"a"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := delta(test.changes...)
			equal(t, "added", d.Added, test.added)
			named := []string{}
			for id := range d.Named {
				named = append(named, id)
			}
			slices.Sort(named)
			equal(t, "named", named, test.named)
			if d.MayRemoveUnnamed != test.mayRemoveUnnamed || d.IsEmpty() != (len(test.changes) == 0) {
				t.Errorf("may remove others %t, empty %t", d.MayRemoveUnnamed, d.IsEmpty())
			}
		})
	}
}

func TestGroupBeyondSliceSizeIsSliced(t *testing.T) {
	full := numbered("full", v1alpha1.SliceSize)
	large := numbered("large", v1alpha1.SliceSize+50) // a group made by hand may list more
	more := numbered("more", v1alpha1.SliceSize+2)
	for _, test := range []struct {
		name     string
		before   []string
		change   membership.Change
		size     int
		isSliced bool
	}{
		{"the last one that fits", full[1:], add("b"), v1alpha1.SliceSize, false},
		{"one too many", full, add("b"), v1alpha1.SliceSize, true},
		{"some fit", full[2:], add("b", "c", "d"), v1alpha1.SliceSize, true},
		{"a new group", nil, add(more...), v1alpha1.SliceSize, true},
		{"no room in a list made by hand", large, add("b"), len(large), true},
		{"nothing is added to a list made by hand", large, remove("large-0"), len(large) - 1, false},
		{"a replacement makes room", full, replace(more[:v1alpha1.SliceSize]...), v1alpha1.SliceSize, false},
		{"a replacement with too many", full, replace(more...), v1alpha1.SliceSize, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, err := delta(test.change).PlanOwnList(viewOf(test.before...))
			if err != nil || own.IsSliced != test.isSliced || len(own.Members) != test.size {
				t.Errorf("sliced %t with %d members of its own, %v", own.IsSliced, len(own.Members), err)
			}
		})
	}
}

// The plan of the slices takes up what the group's own list has no room for, and nothing else: a member that another
// request removes from the own list between the two writes stays removed.
func TestSlicesListWhatTheGroupHasNoRoomFor(t *testing.T) {
	all := numbered("member", v1alpha1.SliceSize+2)
	d := delta(add(all...))
	own, err := d.PlanOwnList(viewOf())
	if err != nil {
		t.Fatal(err)
	}
	d.Record(own.Changed, 6)
	plan := planSlices(d, own.Members[1:], nil)
	equal(t, "writes", planned(plan), []string{"new: member-250 member-251"})
}

func TestOwnListOfSlicedGroupOnlyShrinks(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  membership.Change
		after   []string
		changed []string
	}{
		{"additions go to slices", add("c"), []string{"a", "b"}, nil},
		{"removals", remove("a"), []string{"b"}, []string{"a"}},
		{"a replacement keeps what it names", replace("b", "c"), []string{"b"}, []string{"a"}},
		{"everything goes", replace(), []string{}, []string{"a", "b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, err := delta(test.change).PlanOwnList(slicedViewOf(nil, "a", "b"))
			if err != nil || !own.IsSliced {
				t.Fatalf("%+v, %v", own, err)
			}
			equal(t, "members", names(own.Members), test.after)
			equal(t, "changed", own.Changed, test.changed)
		})
	}
}

func TestGroupTooLargeIsRefused(t *testing.T) {
	limited := func(g membership.GroupView, maxSize int) membership.GroupView {
		g.MaxSize = maxSize
		return g
	}
	for _, test := range []struct {
		name    string
		changes []membership.Change
		group   membership.GroupView
		size    int // in the error; 0 for none
	}{
		{"exactly the limit", []membership.Change{add("c")}, limited(viewOf("a", "b"), 3), 0},
		{"one above the limit", []membership.Change{add("c")}, limited(viewOf("a", "b"), 2), 3},
		{"members in slices count", []membership.Change{add("c")}, limited(slicedViewOf([]string{"b"}, "a"), 2), 3},
		{"an addition of a member of a slice adds nothing", []membership.Change{add("b")}, limited(slicedViewOf([]string{"b"}, "a"), 2), 0},
		{"a removal from the own list makes room", []membership.Change{remove("a"), add("c")}, limited(viewOf("a", "b"), 2), 0},
		{"a removal from a slice makes room", []membership.Change{remove("b"), add("c")}, limited(slicedViewOf([]string{"b"}, "a"), 2), 0},
		{"a removal of another user makes no room", []membership.Change{remove("x"), add("c")}, limited(viewOf("a", "b"), 2), 3},
		{"a removal of a protected member makes no room", []membership.Change{remove("hidden"), add("c")}, limited(viewOf("a", "hidden"), 2), 3},
		{"a group above the limit may shrink", []membership.Change{remove("a")}, limited(viewOf("a", "b", "c"), 1), 0},
		{"a group above the limit may stay", []membership.Change{add("a")}, limited(viewOf("a", "b", "c"), 1), 0},
		{"the limit of a request bounds a replacement", []membership.Change{replace("c", "d")}, limited(viewOf("a", "b"), 2), 0},
		{"a filter that matches nothing makes no room", []membership.Change{removeMatching("x"), add("c")}, limited(viewOf("a", "b"), 2), 3},
		{"a filter that matches makes room", []membership.Change{removeMatching("a"), add("c")}, limited(viewOf("a", "b"), 2), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, err := delta(test.changes...).PlanOwnList(test.group)
			var tooLarge *membership.TooLargeError
			switch {
			case test.size == 0 && err != nil:
				t.Error(err)
			case test.size == 0:
			case !errors.As(err, &tooLarge) || tooLarge.Size != test.size || tooLarge.MaxSize != test.group.MaxSize:
				t.Errorf("%+v, error %v", own, err)
			case own.Members != nil || own.Changed != nil:
				t.Errorf("there is a plan beside the error: %+v", own)
			}
		})
	}
}

func TestOwnListChangesEachMemberOncePerRequest(t *testing.T) {
	d := delta(add("a"), remove("b"))
	first, err := d.PlanOwnList(viewOf("b"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "changed", first.Changed, []string{"b", "a"})
	d.Record(first.Changed, 6)
	// Another request has done the opposite since.
	second, err := d.PlanOwnList(viewOf("b", "c"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "members", names(second.Members), []string{"b", "c"})
	equal(t, "changed", second.Changed, nil)
}

func TestPlanOfOwnListChangesNothing(t *testing.T) {
	d := delta(replace(numbered("member", v1alpha1.SliceSize+1)...), remove("member-3"), removeMatching("member-1"))
	before := members("a", "hidden", "member-2")
	g := viewOf(names(before)...)
	first, err := d.PlanOwnList(g)
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.PlanOwnList(g)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the second plan", names(second.Members), names(first.Members))
	equal(t, "changed by the second plan", second.Changed, first.Changed)
	equal(t, "the group", names(g.Members), names(before))
}

// A filter may read a text for each of its conditions, and a request is planned several times.
func TestFiltersAreAskedOnceAboutEachMember(t *testing.T) {
	asked := map[string]int{}
	selectsOld := func(id string) (bool, error) {
		asked[id]++
		return strings.HasPrefix(id, "old"), nil
	}
	d := delta(remove("a"), membership.Change{Op: membership.Remove, Matches: selectsOld}, add("b"))
	if err := d.Evaluate(slices.Values([]string{"a", "b", "old-1", "old-2"})); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		own, err := d.PlanOwnList(viewOf("a", "b", "old-1"))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "members", names(own.Members), []string{"b"})
		equal(t, "writes", planned(planSlices(d, nil, viewsOf(d, 0, slice("s1", "b", "c", "old-2")))), []string{"s1: b c"})
	}
	if want := map[string]int{"b": 1, "c": 1, "old-1": 1, "old-2": 1}; !maps.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}

// A filter that fails is asked again: a plan that is repeated does not take the failure for an answer.
func TestAFilterThatFailsEndsEachPlan(t *testing.T) {
	failed := errors.New("too many comparisons")
	d := delta(membership.Change{Op: membership.Remove, Matches: func(id string) (bool, error) {
		if id == "c" {
			return false, failed
		}
		return true, nil
	}})
	for range 2 {
		if own, err := d.PlanOwnList(viewOf("a", "c")); !errors.Is(err, failed) || own.Members != nil {
			t.Errorf("%+v, %v", own, err)
		}
		if plan, err := d.PlanSlices(nil, viewsOf(d, 0, slice("s1", "b", "c"))); !errors.Is(err, failed) || plan.Writes != nil {
			t.Errorf("%+v, %v", plan, err)
		}
	}
}
