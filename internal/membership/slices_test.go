package membership_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

type lists = []*v1alpha1.CloudSSOMembershipSlice

func terminating(s *v1alpha1.CloudSSOMembershipSlice) *v1alpha1.CloudSSOMembershipSlice {
	s.DeletionTimestamp = new(metav1.NewTime(time.Unix(1, 0)))
	return s
}

func TestSlicesFollowTheChanges(t *testing.T) {
	for _, test := range []struct {
		name   string
		change membership.Change
		own    []string
		slices lists
		writes []string
	}{
		{"nothing to do", add("a"), nil, lists{slice("s1", "a")}, nil},
		{"a removal", remove("a"), nil, lists{slice("s1", "a", "b"), slice("s2", "c")}, []string{"s1: b"}},
		{"removals from several slices", remove("a", "c"), nil, lists{slice("s1", "a", "b"), slice("s2", "c")}, []string{"s1: b", "s2: "}},
		{"a removal of another user", remove("x"), nil, lists{slice("s1", "a")}, nil},
		{"a removal by filter", removeMatching("old"), nil, lists{slice("s1", "a", "old-1"), slice("s2", "old-2"), slice("s3", "b")}, []string{"s1: a", "s2: "}},
		{"a replacement keeps what it names", replace("b", "c"), nil, lists{slice("s1", "a", "b"), slice("s2", "c", "d")}, []string{"s1: b", "s2: c"}},
		{"a replacement keeps protected members", replace(), nil, lists{slice("s1", "a", "hidden-1"), slice("s2", "hidden-2")}, []string{"s1: hidden-1"}},
		{"a removal keeps protected members", remove("hidden", "a"), nil, lists{slice("s1", "a", "hidden")}, []string{"s1: hidden"}},
		{"an addition goes into a slice", add("c"), nil, lists{slice("s1", "a", "b")}, []string{"s1: a b c"}},
		{"an addition of a member of the own list", add("a"), []string{"a"}, lists{slice("s1", "b")}, nil},
		{"an addition without a slice", add("a"), nil, nil, []string{"new: a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := delta(test.change)
			equal(t, "writes", planned(planSlices(d, members(test.own...), viewsOf(d, 0, test.slices...))), test.writes)
		})
	}
}

func TestFirstListKeepsMember(t *testing.T) {
	for _, test := range []struct {
		name   string
		change membership.Change
		own    []string
		slices lists
		writes []string
	}{
		{"the own list before a slice", add("a"), []string{"a"}, lists{slice("s1", "a", "b")}, []string{"s1: b"}},
		{"the first slice before others", add("a"), nil, lists{slice("s1", "a", "b"), slice("s2", "a"), slice("s3", "c", "a")}, []string{"s2: ", "s3: c"}},
		{"a removal removes every copy", remove("a"), nil, lists{slice("s1", "a", "b"), slice("s2", "a")}, []string{"s1: b", "s2: "}},
		{"a copy beside a member that is named goes", add("a"), []string{"b"}, lists{slice("s1", "a", "b")}, []string{"s1: a"}},
		{"a copy in a slice that is not named stays", add("a"), []string{"b"}, lists{slice("s1", "a"), slice("s2", "b")}, nil},
		{"a replacement looks at every slice", replace("a", "b"), []string{"b"}, lists{slice("s1", "a"), slice("s2", "b")}, []string{"s2: "}},
		{"a filter looks at every slice", removeMatching("old"), []string{"b"}, lists{slice("s1", "a"), slice("s2", "b")}, []string{"s2: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := delta(test.change)
			equal(t, "writes", planned(planSlices(d, members(test.own...), viewsOf(d, 0, test.slices...))), test.writes)
		})
	}
}

func TestAddedMembersGoToTheFullestSliceWithRoom(t *testing.T) {
	const full = v1alpha1.SliceSize
	for _, test := range []struct {
		name    string
		changes []membership.Change
		slices  lists
		writes  []string
	}{
		{
			"the fullest",
			[]membership.Change{add("x")},
			lists{slice("s1", "a"), slice("s2", "b", "c", "d"), slice("s3", "e", "f")},
			[]string{"s2: b c d x"},
		},
		{
			"a full one is passed over",
			[]membership.Change{add("x")},
			lists{slice("s1", numbered("a", full)...), slice("s2", "b")},
			[]string{"s2: b x"},
		},
		{
			"all of a part goes into one slice",
			[]membership.Change{add(numbered("x", 3)...)},
			lists{slice("s1", numbered("a", full-2)...), slice("s2", "b")},
			[]string{"s2: b x-0 x-1 x-2"},
		},
		{
			"one that is written anyway comes first",
			[]membership.Change{remove("a"), add("x")},
			lists{slice("s1", "a", "b"), slice("s2", "c", "d", "e")},
			[]string{"s1: b x"},
		},
		{
			"the fullest of those that are written anyway",
			[]membership.Change{remove("a", "c"), add("x")},
			lists{slice("s1", "a", "b"), slice("s2", "c", "d", "e"), slice("s3", "f", "g", "h")},
			[]string{"s1: b", "s2: d e x"},
		},
		{
			"one that is being deleted gets none",
			[]membership.Change{add("x")},
			lists{terminating(slice("s1", "a", "b")), slice("s2", "c")},
			[]string{"s2: c x"},
		},
		{
			"one that is written and being deleted gets none",
			[]membership.Change{remove("a"), add("x")},
			lists{terminating(slice("s1", "a", "b"))},
			[]string{"s1: b", "new: x"},
		},
		{
			"without room a new slice",
			[]membership.Change{add("x")},
			lists{slice("s1", numbered("a", full)...)},
			[]string{"new: x"},
		},
		{
			"as many new slices as it takes",
			[]membership.Change{add(numbered("x", 2*full+1)...)},
			nil,
			[]string{"new: 250 members", "new: 250 members", "new: x-500"},
		},
		{
			"the last part fills a slice that has room",
			[]membership.Change{add(numbered("x", full+2)...)},
			lists{slice("s1", "a")},
			[]string{"new: 250 members", "s1: a x-250 x-251"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := delta(test.changes...)
			equal(t, "writes", planned(planSlices(d, nil, viewsOf(d, 0, test.slices...))), test.writes)
		})
	}
}

// A large group is planned again until nothing is left to write. Another request may have done the opposite since, and
// been acknowledged: that stays. A copy that was listed when this request removed the member goes.
func TestSlicesChangeEachMemberOncePerRequest(t *testing.T) {
	const earlier, decided, later = 5, 6, 7
	for _, test := range []struct {
		name    string
		change  membership.Change
		addedAt uint64
		slices  lists
		writes  []string
	}{
		{"a removal, added again since", remove("a"), later, lists{slice("s1", "a", "b")}, nil},
		{"a removal, a second copy of before", remove("a"), earlier, lists{slice("s1", "a", "b")}, []string{"s1: b"}},
		{"a removal, a copy of an unknown time", remove("a"), 0, lists{slice("s1", "a", "b")}, []string{"s1: b"}},
		{"a removal, a copy of the same write", remove("a"), decided, lists{slice("s1", "a", "b")}, []string{"s1: b"}},
		{"a replacement, added again since", replace("b"), later, lists{slice("s1", "a", "b")}, nil},
		{"an addition, removed since", add("a"), earlier, lists{slice("s1", "b")}, nil},
		{"an addition, added twice since", add("a"), later, lists{slice("s1", "a"), slice("s2", "a")}, []string{"s2: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := delta(test.change)
			d.Record([]string{"a"}, decided)
			d.Record([]string{"a"}, earlier) // the newest counts
			equal(t, "writes", planned(planSlices(d, nil, viewsOf(d, test.addedAt, test.slices...))), test.writes)
		})
	}
}

// Several writes of one plan, of which some are not stored. Each member is then found in the state that the opposite
// change of another request leaves, which says whether this request has changed it.
func TestStoredWritesDecide(t *testing.T) {
	d := delta(remove("a", "b"), add("c"))
	first := slice("s1", "a", "x")
	second := slice("s2", "b", "y")
	plan := planSlices(d, nil, viewsOf(d, 1, first, second))
	equal(t, "writes", planned(plan), []string{"s1: x c", "s2: y"})
	d.RecordSlices(plan, []uint64{6, 0})
	// a is listed again at 7, b still, and c is not any more.
	views := viewsOf(d, 7, slice("s1", "a", "x"), slice("s2", "b", "y"))
	equal(t, "the next plan", planned(planSlices(d, nil, views)), []string{"s2: y"})
}

func TestMemberThatAnotherWriteWasToMoveIsUndecided(t *testing.T) {
	d := delta(remove("a"))
	views := viewsOf(d, 1, slice("s1", "a", "x"), slice("s2", "a", "y"))
	d.RecordSlices(planSlices(d, nil, views), []uint64{6, 0})
	// The write of s2 was not stored, so the request has yet to remove the member: whenever its copy was added, it goes.
	left := viewsOf(d, 7, slice("s2", "a", "y"))
	equal(t, "the next plan", planned(planSlices(d, nil, left)), []string{"s2: y"})
}

func TestRemovalOfSecondCopyDecidesNothing(t *testing.T) {
	d := delta(remove("a"))
	d.Record([]string{"a"}, 6)
	kept, second := slice("s1", "a"), slice("s2", "a", "b")
	addedAt := map[string]uint64{"s1": 9, "s2": 8}
	views := viewsOf(d, 0, kept, second)
	for i := range views {
		views[i].AddedAt = func(string) uint64 { return addedAt[views[i].Slice.Name] }
	}
	plan := planSlices(d, nil, views)
	equal(t, "writes", planned(plan), []string{"s2: b"})
	d.RecordSlices(plan, []uint64{10})
	// The first copy was added after the removal at 6, though before the write at 10.
	views[1].Slice, views[1].IsAffected = slice("s2", "b"), false
	equal(t, "the next plan", planned(planSlices(d, nil, views)), nil)
}

func TestNewSliceDecides(t *testing.T) {
	d := delta(add("a"))
	plan := planSlices(d, nil, nil)
	d.RecordSlices(plan, []uint64{6})
	equal(t, "the plan after another request removed it", planned(planSlices(d, nil, nil)), nil)
	failed := delta(add("a"))
	failed.RecordSlices(planSlices(failed, nil, nil), []uint64{0})
	equal(t, "the plan after a write that failed", planned(planSlices(failed, nil, nil)), []string{"new: a"})
}

func TestPlanOfSlicesChangesNothing(t *testing.T) {
	full := numbered("full", v1alpha1.SliceSize)
	d := delta(remove("full-1"), replace(append(slices.Clone(full[5:]), numbered("new", 600)...)...), removeMatching("full-2"))
	d.Record([]string{"full-7", "new-3"}, 6)
	all := lists{slice("s1", full...), slice("s2", "full-7", "hidden", "b"), slice("s3")}
	before := make([][]string, len(all))
	for i, s := range all {
		before[i] = names(s.Spec.Members)
	}
	views := viewsOf(d, 7, all...)
	added, named := slices.Clone(d.Added), maps.Clone(d.Named)
	first, second := planSlices(d, nil, views), planSlices(d, nil, views)
	if len(first.Writes) == 0 || len(first.Writes) != len(second.Writes) {
		t.Fatalf("%d and %d writes", len(first.Writes), len(second.Writes))
	}
	for i, w := range second.Writes {
		if w.Current != first.Writes[i].Current {
			t.Errorf("write %d is of another slice", i)
		}
		equal(t, "members of a write", names(w.Members), names(first.Writes[i].Members))
	}
	for i, s := range all {
		equal(t, "slice "+s.Name, names(s.Spec.Members), before[i])
	}
	equal(t, "added", d.Added, added)
	if !maps.Equal(d.Named, named) {
		t.Errorf("the delta names %v, and named %v", d.Named, named)
	}
}
