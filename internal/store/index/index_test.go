package index

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/client-go/tools/cache"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

func TestObjectIsFoundByEachKey(t *testing.T) {
	x := newIndex(0)
	x.addAll(
		newGroup("a", 1, named("staff"), identified("e1"), listing("u1", "u2")),
		newGroup("b", 2, named("staff"), identified("e1"), listing("u2")),
		newGroup("c", 3, named("crew"), hidden),
		newGroup("d", 4, named("crew"), former, identified("e2"), listing("u3")),
		newGroup("a", 5, inNamespace("other"), named("staff"), listing("u1")),
	)
	if e := x.Get("acme", "a"); e == nil || e.Object.ResourceVersion != "1" || e.Name != "staff" || !e.Listed {
		t.Errorf("a is %+v", e)
	}
	if x.Get("acme", "x") != nil || x.Get("absent", "a") != nil {
		t.Error("an id is found that no object has")
	}
	equal(t, "staff", ids(x.Named("acme", "staff")), "a", "b")
	equal(t, "crew", ids(x.Named("acme", "crew")), "c")
	equal(t, "staff of another namespace", ids(x.Named("other", "staff")), "a")
	equal(t, "no name", ids(x.Named("acme", "")))
	equal(t, "formerly crew", ids(x.FormerlyNamed("acme", "crew")), "d")
	equal(t, "formerly staff", ids(x.FormerlyNamed("acme", "staff")))
	equal(t, "e1", ids(x.Identified("acme", "e1")), "a", "b")
	equal(t, "e2", ids(x.Identified("acme", "e2")), "d")
	equal(t, "no externalId", ids(x.Identified("acme", "")))
	equal(t, "shared names", x.SharedNames("acme"), "staff")
	equal(t, "shared names of another namespace", x.SharedNames("other"))
	equal(t, "names", sorted(x.Names("acme")), "crew", "staff")
	equal(t, "former names", sorted(x.FormerNames("acme")), "crew")
	equal(t, "names of a namespace without objects", x.Names("absent"))
	equal(t, "groups of u1", sorted(x.Listing("acme", "u1")), "a")
	equal(t, "groups of u2", sorted(x.Listing("acme", "u2")), "a", "b")
	equal(t, "groups of another user", x.Listing("acme", "u9"))
	equal(t, "all", ids(x.all()), "a", "a", "b", "c", "d")
}

func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }

func TestUpdateReplacesKeys(t *testing.T) {
	x := newIndex(0)
	before := newGroup("a", 1, named("staff"), identified("e1"), listing("u1", "u2"))
	x.addAll(before, newGroup("b", 2, named("crew")))
	kept := x.Get("acme", "a")
	x.OnUpdate(before, newGroup("a", 3, named("crew"), identified("e2"), listing("u2", "u3")))
	equal(t, "the old name", ids(x.Named("acme", "staff")))
	equal(t, "the new name", ids(x.Named("acme", "crew")), "a", "b")
	equal(t, "shared names", x.SharedNames("acme"), "crew")
	equal(t, "the old externalId", ids(x.Identified("acme", "e1")))
	equal(t, "the new externalId", ids(x.Identified("acme", "e2")), "a")
	equal(t, "a member that was removed", x.Listing("acme", "u1"))
	equal(t, "a member that stays", x.Listing("acme", "u2"), "a")
	equal(t, "a member that was added", x.Listing("acme", "u3"), "a")
	if kept.Object != before || kept.Name != "staff" || !slices.Equal(kept.Members, []string{"u1", "u2"}) {
		t.Errorf("the entry that a reader holds was changed: %+v", kept)
	}
	x.OnUpdate(nil, newGroup("a", 4, named("crew"), former))
	equal(t, "the name of what is not live", ids(x.Named("acme", "crew")), "b")
	equal(t, "its former name", ids(x.FormerlyNamed("acme", "crew")), "a")
	equal(t, "its externalId", ids(x.Identified("acme", "e2")))
	equal(t, "a member of what lists none", x.Listing("acme", "u2"))
	x.OnUpdate(nil, newGroup("a", 5, named("crew")))
	equal(t, "the name of what is live again", ids(x.Named("acme", "crew")), "a", "b")
	equal(t, "its former name", ids(x.FormerlyNamed("acme", "crew")))
}

func TestDeletedObjectIsNotFound(t *testing.T) {
	object := func() *group {
		return newGroup("a", 1, named("staff"), identified("e1"), listing("u1"))
	}
	for name, deletion := range map[string]any{
		"watched": newGroup("a", 2),
		"missed":  cache.DeletedFinalStateUnknown{Key: "acme/a", Obj: object()},
	} {
		t.Run(name, func(t *testing.T) {
			x := newIndex(0)
			x.addAll(object(), newGroup("b", 1, named("staff")))
			x.OnDelete(deletion)
			if x.Get("acme", "a") != nil {
				t.Error("found by its id")
			}
			equal(t, "by its name", ids(x.Named("acme", "staff")), "b")
			equal(t, "shared names", x.SharedNames("acme"))
			equal(t, "by its externalId", ids(x.Identified("acme", "e1")))
			equal(t, "by its member", x.Listing("acme", "u1"))
			equal(t, "in a list", page(x.Page("acme", nil, 1, 9, nil)), "b")
			x.OnDelete(deletion) // a second time
			x.OnDelete(newGroup("b", 2))
			x.OnDelete(newGroup("b", 2))
			if len(x.all()) > 0 || len(x.namespaces) > 0 {
				t.Error("a namespace without objects is kept")
			}
		})
	}
}

func TestOtherObjectsAreIgnored(t *testing.T) {
	x := newIndex(0)
	x.OnAdd("a", false)
	x.OnUpdate(nil, nil)
	x.OnDelete("a")
	x.OnDelete(cache.DeletedFinalStateUnknown{Key: "acme/a"})
	if len(x.all()) > 0 {
		t.Error("something is indexed")
	}
}

func TestNameAndMembersAreReadTogether(t *testing.T) {
	x := newIndex(0)
	x.addAll(
		newGroup("a", 1, named("crew"), listing("u1")),
		newGroup("b", 2, named("crew"), listing("u2")),
		newGroup("c", 3, named("staff"), listing("u1", "u3")),
	)
	entries, lists := x.NamedAndListing("acme", "crew", map[string]bool{"u1": true, "u3": true, "u9": true})
	equal(t, "named", ids(entries), "a", "b")
	if len(lists) != 2 || !lists["a"] || !lists["c"] {
		t.Errorf("listing: %v", lists)
	}
	if entries, lists = x.NamedAndListing("acme", "crew", nil); len(entries) != 2 || len(lists) != 0 {
		t.Errorf("without members: %v, %v", ids(entries), lists)
	}
	if entries, lists = x.NamedAndListing("absent", "crew", map[string]bool{"u1": true}); entries != nil || lists == nil {
		t.Errorf("of a namespace without objects: %v, %v", entries, lists)
	}
}

func TestReadsReturnSlicesOfTheCaller(t *testing.T) {
	x := newIndex(0)
	x.addAll(newGroup("a", 1, named("n"), listing("u")), newGroup("b", 2, named("n"), listing("u")))
	clear(x.Named("acme", "n"))
	clear(x.Listing("acme", "u"))
	objects, _ := x.Page("acme", nil, 1, 9, nil)
	clear(objects)
	equal(t, "named", ids(x.Named("acme", "n")), "a", "b")
	equal(t, "listing", sorted(x.Listing("acme", "u")), "a", "b")
	equal(t, "page", page(x.Page("acme", nil, 1, 9, nil)), "a", "b")
}

func TestPageIsByAgeThenID(t *testing.T) {
	for name, order := range map[string][]int{
		"as created":   {0, 1, 2, 3, 4, 5},
		"the newest":   {5, 4, 3, 2, 1, 0},
		"in any order": {3, 0, 5, 1, 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			all := []*group{
				newGroup("z", 1, createdAt(1)), newGroup("a", 2, createdAt(5)), newGroup("m", 3, createdAt(5)),
				newGroup("n", 4, createdAt(5)), newGroup("b", 5, createdAt(9)), newGroup("c", 6, createdAt(9)),
			}
			x := newIndex(0)
			for _, i := range order {
				x.addAll(all[i])
			}
			equal(t, "page", page(x.Page("acme", nil, 1, 9, nil)), "z", "a", "m", "n", "b", "c")
		})
	}
}

func TestPageSelects(t *testing.T) {
	x := newIndex(0)
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		x.addAll(newGroup(id, i+1, createdAt(int64(10*i))))
	}
	x.addAll(newGroup("m", 9, hidden), newGroup("o", 10, inNamespace("other")))
	position := func(second int64, id string) *scim.Position { return &scim.Position{Created: atSecond(second), ID: id} }
	for _, test := range []struct {
		name       string
		after      *scim.Position
		startIndex int
		count      int
		hidden     map[string]bool
		want       []string
		total      int
	}{
		{"all", nil, 1, 9, nil, []string{"a", "b", "c", "d", "e"}, 5},
		{"the first", nil, 1, 2, nil, []string{"a", "b"}, 5},
		{"from the third", nil, 3, 2, nil, []string{"c", "d"}, 5},
		{"the last", nil, 5, 2, nil, []string{"e"}, 5},
		{"beyond the end", nil, 6, 2, nil, nil, 5},
		{"far beyond the end", nil, 1 << 62, 2, nil, nil, 5},
		{"a startIndex below one", nil, -3, 1, nil, []string{"a"}, 5},
		{"the total alone", nil, 1, 0, nil, nil, 5},
		{"a negative count", nil, 1, -1, nil, nil, 5},
		{"the largest count", nil, 1, 1<<63 - 1, nil, []string{"a", "b", "c", "d", "e"}, 5},
		{"after an object", position(10, "b"), 1, 2, nil, []string{"c", "d"}, 5},
		{"after an object that is gone", position(15, "x"), 1, 2, nil, []string{"c", "d"}, 5},
		{"after an id of the same second", position(10, "a"), 1, 2, nil, []string{"b", "c"}, 5},
		{"after the last", position(40, "e"), 1, 2, nil, nil, 5},
		{"after a position and from an index", position(10, "b"), 2, 9, nil, []string{"d", "e"}, 5},
		{"without hidden ones", nil, 2, 2, map[string]bool{"a": true, "c": true, "x": true}, []string{"d", "e"}, 3},
		{"the first of those that are left", nil, 1, 1, map[string]bool{"a": true, "b": true, "c": true}, []string{"d"}, 2},
		{"from an index beyond hidden ones", nil, 3, 9, map[string]bool{"a": true, "d": true}, []string{"e"}, 3},
		{"without hidden ones before a position", position(10, "b"), 2, 9, map[string]bool{"a": true, "c": true}, []string{"e"}, 3},
		{"beyond what is left", nil, 4, 9, map[string]bool{"a": true, "d": true}, nil, 3},
		{"all hidden", nil, 1, 9, map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "m": true}, nil, 0},
		{"after a hidden one", position(20, "c"), 1, 9, map[string]bool{"c": true, "e": true}, []string{"d"}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			objects, total := x.Page("acme", test.after, test.startIndex, test.count, test.hidden)
			equal(t, "page", page(objects, total), test.want...)
			if total != test.total {
				t.Errorf("%d in total, want %d", total, test.total)
			}
		})
	}
	if objects, total := x.Page("absent", nil, 1, 9, nil); objects != nil || total != 0 {
		t.Errorf("of a namespace without objects: %v of %d", page(objects, 0), total)
	}
}

// A chunk of a large directory must not cost as much as the directory because one object is hidden.
func TestPageWithoutAHiddenObjectCopiesThePageAlone(t *testing.T) {
	const n = 20_000
	x := newIndex(0)
	for i := range n {
		x.addAll(newGroup(fmt.Sprintf("g%05d", i), i+1, createdAt(int64(i))))
	}
	hidden := map[string]bool{"g00007": true}
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			x.Page("acme", nil, 1, 10, hidden)
		}
	})
	if bytes := result.AllocedBytesPerOp(); bytes > 1024 {
		t.Errorf("a page of ten objects allocates %d bytes", bytes)
	}
}

func TestPageFollowsWhatIsShown(t *testing.T) {
	x := newIndex(0)
	x.addAll(newGroup("a", 1, createdAt(1)), newGroup("b", 2, createdAt(2)), newGroup("c", 3, createdAt(3), hidden))
	x.OnUpdate(nil, newGroup("a", 4, createdAt(1), hidden))
	x.OnUpdate(nil, newGroup("c", 5, createdAt(3)))
	equal(t, "page", page(x.Page("acme", nil, 1, 9, nil)), "b", "c")
	x.OnUpdate(nil, newGroup("a", 6, createdAt(1)))
	equal(t, "page", page(x.Page("acme", nil, 1, 9, nil)), "a", "b", "c")
	x.OnUpdate(nil, newGroup("a", 7, createdAt(8))) // deleted and created again, of which the index saw the end
	equal(t, "page", page(x.Page("acme", nil, 1, 9, nil)), "b", "c", "a")
	renamed := newGroup("b", 8, createdAt(2), named("new"))
	x.OnUpdate(nil, renamed)
	if objects, _ := x.Page("acme", nil, 1, 1, nil); objects[0] != renamed {
		t.Error("the page shows an object as it was")
	}
}

// An informer's first list comes in the order of a map. It is larger than what a new object is sorted into at once.
func TestUnsortedFirstListIsSortedOnce(t *testing.T) {
	const n = 2*sortedTail + 500
	x := newIndex(n)
	for i := range n {
		i = i * 7919 % n // each once: 7919 is a prime that does not divide n
		x.addAll(newGroup(fmt.Sprintf("g%06d", i), i+1, createdAt(int64(i/10))))
	}
	if !x.namespaces["acme"].listed.unsorted {
		t.Error("the list was sorted while it came")
	}
	x.OnDelete(newGroup("g000003", n+1))
	x.addAll(newGroup("late", n+2, createdAt(n)), newGroup("first", n+3, createdAt(-1)))
	objects, total := x.Page("acme", nil, 1, n+9, nil)
	if total != n+1 || len(objects) != total || !slices.IsSortedFunc(objects, CompareAge[*group]) {
		t.Fatalf("%d of %d objects, sorted %t", len(objects), total, slices.IsSortedFunc(objects, CompareAge[*group]))
	}
	if objects[0].Name != "first" || objects[n].Name != "late" {
		t.Errorf("from %s to %s", objects[0].Name, objects[n].Name)
	}
	x.addAll(newGroup("new", n+4, createdAt(n)), newGroup("newer", n+5, createdAt(n-1)))
	if x.namespaces["acme"].listed.unsorted {
		t.Error("new objects leave the list unsorted")
	}
	equal(t, "the end", page(x.Page("acme", nil, n+1, 9, nil)), "newer", "late", "new")
}

func TestAdditionsAreRecordedByTheRevisionOfTheirEvent(t *testing.T) {
	const listed = 10
	x := newIndex(listed)
	check := func(what string, want map[string]uint64) {
		t.Helper()
		e := x.Get("acme", "a")
		for member, revision := range want {
			if got := e.AddedAt(member); got != revision {
				t.Errorf("%s: %s was added at %d, want %d", what, member, got, revision)
			}
		}
	}
	x.addAll(newGroup("a", 7, listing("u1")))
	check("of a list nothing is known", map[string]uint64{"u1": 0, "u9": 0})
	x.OnUpdate(nil, newGroup("a", 11, listing("u2", "u1")))
	check("an addition that was watched", map[string]uint64{"u1": 0, "u2": 11})
	x.OnUpdate(nil, newGroup("a", 12, listing("u2", "u1"), named("new")))
	check("another change", map[string]uint64{"u1": 0, "u2": 11})
	x.OnUpdate(nil, newGroup("a", 13, listing("u2", "u3")))
	check("a removal and an addition", map[string]uint64{"u1": 0, "u2": 11, "u3": 13})
	x.OnUpdate(nil, newGroup("a", 14, listing("u1", "u2", "u3")))
	check("added again", map[string]uint64{"u1": 14, "u2": 11, "u3": 13})
	x.OnUpdate(nil, newGroup("a", 15))
	x.OnUpdate(nil, newGroup("a", 16, listing("u1")))
	check("all removed, one added", map[string]uint64{"u1": 16, "u2": 0})
	x.OnDelete(newGroup("a", 17))
	x.addAll(newGroup("a", 18, listing("u1")))
	check("another object of that id", map[string]uint64{"u1": 18})
}

// After a list the revision of an object is older than the list, and says nothing of the order of events.
func TestAdditionsThatALaterListShowsAreOfAnUnknownTime(t *testing.T) {
	listed := uint64(10)
	x := New(keysOf, func(string) uint64 { return listed })
	x.addAll(newGroup("a", 11, listing("u1")))
	listed = 20
	x.OnUpdate(nil, newGroup("a", 15, listing("u1", "u2")))
	e := x.Get("acme", "a")
	if e.AddedAt("u1") != 11 || e.AddedAt("u2") != 0 {
		t.Errorf("added at %d and %d", e.AddedAt("u1"), e.AddedAt("u2"))
	}
}

func TestRevisionOfObjectIsItsResourceVersion(t *testing.T) {
	for version, want := range map[string]uint64{"": 0, "7": 7, "18446744073709551615": 1<<64 - 1, "x": 0, "-1": 0} {
		g := &group{}
		g.ResourceVersion = version
		if got := RevisionOf(g); got != want {
			t.Errorf("%q is %d, want %d", version, got, want)
		}
	}
}
