package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

func at(revision int, u *v1alpha1.CloudSSOUser) *v1alpha1.CloudSSOUser {
	u.ResourceVersion = strconv.Itoa(revision)
	return u
}

func (x *index[T]) sees(revision uint64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	return x.await(ctx, revision) == nil
}

// A list comes in the order of its keys: that a late item of it is there says nothing of the others.
func TestNothingIsCertainInTheMiddleOfAList(t *testing.T) {
	x := newIndex(describeUser, func() uint64 { return 10 })
	x.observe(at(9, existing("a", "a", "", false)))
	if x.sees(5) {
		t.Error("an item of the list at revision 9 passes for all that was written before")
	}
	x.observe(at(5, existing("b", "b", "", false)))
	x.observe(at(11, existing("c", "c", "", false)))
	if !x.sees(11) || !x.sees(9) {
		t.Error("what comes after the list does not say that all of it has come")
	}
}

// stalled is a replica that has heard of a sliced group and of a user who has left. It hears that the user is back, and of the
// slice that lists the user, when it touches the sentinels of each kind.
func stalled(t *testing.T) *tenant {
	t.Helper()
	d := New(Config{Relists: &Relists{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "crew", Sliced: true}}
	g.Namespace, g.Name, g.ResourceVersion = "acme", "crew", "2"
	s := &v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{
		Source: v1alpha1.SourceSCIM, Group: "crew", Members: []v1alpha1.Member{{Name: "bob"}},
	}}
	s.Namespace, s.Name, s.ResourceVersion = "acme", "crew-1", "3"
	d.users.index.observe(at(1, existing("bob", "bob", "e", true)))
	d.groups.index.observe(g)
	d.users.fence.touch = func(context.Context) (uint64, error) {
		d.users.index.observe(at(4, existing("bob", "bob", "e", false)))
		return 4, nil
	}
	d.groups.fence.touch = func(context.Context) (uint64, error) { return 2, nil }
	d.slices.fence.touch = func(context.Context) (uint64, error) { d.slices.index.observe(s); return 3, nil }
	return &tenant{Directories: d, namespace: "acme"}
}

// Nobody is said not to be a member by a replica that has yet to hear of the slice.
func TestNoMemberIsDeniedByAReplicaThatIsBehind(t *testing.T) {
	for _, c := range []struct {
		rt     *schema.ResourceType
		filter string
	}{
		{schema.Group, `id eq "crew" and members.value eq "bob"`},
		{schema.Group, `members[value eq "bob"]`},
		{schema.User, `userName eq "bob" and groups.value eq "crew"`},
	} {
		f, err := filter.Parse(c.rt, c.filter)
		if err != nil {
			t.Fatal(err)
		}
		page, err := stalled(t).List(t.Context(), c.rt, scim.Query{Filter: f, StartIndex: 1, Count: 10})
		if err != nil || page.Total != 1 {
			t.Errorf("%s: %+v, %v", c.filter, page, err)
		}
	}
}

// Whom a replica that is behind takes for hidden is looked for before the group is written: afterwards it would have to be
// written again, over what others have done meanwhile.
func TestNobodyIsSparedByAReplicaThatIsBehind(t *testing.T) {
	for _, sliced := range []bool{false, true} {
		crew := stalled(t)
		o := crew.outcome([]scim.MemberChange{{Op: scim.ReplaceMembers}})
		g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, Sliced: sliced, Members: []v1alpha1.Member{{Name: "bob"}}}}
		if err := o.in(t.Context(), g); err != nil || len(g.Spec.Members) > 0 || g.Spec.Sliced != sliced {
			t.Errorf("sliced %t: %v, %+v", sliced, err, g.Spec)
		}
	}
	crew := stalled(t)
	crew.slices.index.observe(slice("crew-1", 3, "bob"))
	g, _ := crew.groups.index.get("acme", "crew")
	o := crew.outcome([]scim.MemberChange{{Op: scim.ReplaceMembers}})
	writes, _, err := certainPlan(t.Context(), g, crew.snapshot(g, o), o)
	if err != nil || len(writes) != 1 || len(writes[0].members) > 0 {
		t.Errorf("slices to write: %+v, %v", writes, err)
	}
}

// Who is listed while a fence is passed, and may yet be undone, is not shown before that is known.
func TestWhoIsListedBehindAFenceIsNotShownInDoubt(t *testing.T) {
	revision := uint64(0)
	d := New(Config{Relists: &Relists{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	d.users.index.gap = func() uint64 { return revision }
	newest := existing("b", "x", "e", false)
	newest.CreationTimestamp, newest.Status = metav1.Now(), v1alpha1.CloudSSOUserStatus{}
	d.users.fence.touch = func(context.Context) (uint64, error) {
		revision = 5
		d.users.index.observe(at(4, newest))
		d.users.index.observe(at(6, existing("c", "c", "", false)))
		return 6, nil
	}
	f, err := filter.Parse(schema.User, `externalId eq "e"`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	page, err := (&tenant{Directories: d, namespace: "acme"}).List(ctx, schema.User, scim.Query{Filter: f, StartIndex: 1, Count: 10})
	if status := new(scim.Error); !errors.As(err, &status) || status.Status != http.StatusServiceUnavailable {
		t.Errorf("shown: %+v, %v", page, err)
	}
}

// What is created too late is shown to nobody, by no replica that saw it come.
func TestWhoIsCreatedTooLateIsShownToNobody(t *testing.T) {
	for label, c := range map[string]struct {
		before, late *v1alpha1.CloudSSOUser
		doomed       bool
	}{
		"the name is taken":          {existing("a", "x", "", false), existing("b", "X", "", false), true},
		"the name was left":          {existing("a", "x", "", true), existing("b", "x", "", false), false},
		"a leaver has the id":        {existing("a", "y", "e", true), existing("b", "x", "e", false), true},
		"an active user has the id":  {existing("a", "y", "e", false), existing("b", "x", "e", false), false},
		"neither name nor id is had": {existing("a", "y", "e", false), existing("b", "x", "f", false), false},
	} {
		x := newIndex(describeUser, func() uint64 { return 0 })
		x.observe(at(1, c.before))
		x.observe(at(2, c.late))
		if got := x.record("acme", "b").isDoomed(); got != c.doomed {
			t.Errorf("%s: %t", label, got)
		}
		_, total := x.page("acme", nil, 1, 10)
		if _, shown := x.page("acme", nil, 1, 10); shown != total {
			t.Errorf("%s: %d are shown, %d counted", label, shown, total)
		}
		status := c.late.DeepCopy()
		status.Finalizers = append(status.Finalizers, "more")
		x.observe(at(3, status))
		if got := x.record("acme", "b").isDoomed(); got != c.doomed {
			t.Errorf("%s, after a status: %t", label, got)
		}
		undone := c.late.DeepCopy()
		undone.Generation++ // as the beginning of a deletion does
		undone.DeletionTimestamp = new(metav1.Now())
		undone.Finalizers = []string{v1alpha1.FinalizerGuard}
		x.observe(at(4, undone))
		if got := x.record("acme", "b").isDoomed(); got != c.doomed {
			t.Errorf("%s, being undone: %t", label, got)
		}
		changed := c.late.DeepCopy()
		changed.Generation++
		changed.Generation++
		changed.Spec.UserName = "somebody-else"
		x.observe(at(5, changed))
		if x.record("acme", "b").isDoomed() {
			t.Errorf("%s: once somebody has changed it, it is somebody", label)
		}
	}
}

// New objects are kept in order though names say nothing of age, and a first list is sorted.
func TestListsAreInOrderOfAge(t *testing.T) {
	x := newIndex(describeUser, func() uint64 { return 0 })
	second := func(n int64) metav1.Time { return metav1.NewTime(time.Unix(n, 0)) }
	for i, c := range []struct {
		id string
		at int64
	}{{"m", 5}, {"b", 9}, {"z", 1}, {"a", 9}, {"q", 9}, {"c", 9}, {"d", 10}} {
		u := existing(c.id, c.id, "", false)
		u.CreationTimestamp = second(c.at)
		x.observe(at(i+1, u))
	}
	all, _ := x.page("acme", nil, 1, 10)
	var order string
	for _, u := range all {
		order += u.Name
	}
	if order != "zmabcqd" {
		t.Errorf("in the order %s", order)
	}
}

// Who is found in a list soon after it was created may be undone yet, unless a controller has accepted it.
func TestWhoIsListedSoonAfterItsCreationIsInDoubt(t *testing.T) {
	young := func(u *v1alpha1.CloudSSOUser) *v1alpha1.CloudSSOUser {
		u.CreationTimestamp = metav1.Now()
		return u
	}
	accepted := func(u *v1alpha1.CloudSSOUser) *v1alpha1.CloudSSOUser {
		u.Status.UserName = u.Spec.UserName
		return u
	}
	anybody := func(*record[*v1alpha1.CloudSSOUser]) bool { return true }
	x := newIndex(describeUser, func() uint64 { return 10 })
	x.observe(at(2, existing("old", "old", "", false)))
	x.observe(at(3, accepted(young(existing("vouched-for", "v", "", false)))))
	if x.isUnsure("acme", anybody) {
		t.Fatal("nobody can be undone any more")
	}
	x.observe(at(4, young(existing("new", "n", "", false))))
	x.observe(at(5, accepted(young(existing("seen-coming", "s", "", false)))))
	if !x.isUnsure("acme", anybody) || !x.record("acme", "new").isUnsure() {
		t.Fatal("nobody knows whether it stands, and it passes for sure")
	}
	decided := make(chan error)
	go func() { decided <- x.until(t.Context(), func() bool { return !x.isUnsure("acme", anybody) }) }()
	x.observe(at(11, accepted(young(existing("new", "n", "", false)))))
	if err := <-decided; err != nil || x.record("acme", "new").doubt != nil {
		t.Error("a controller has accepted it, and it is in doubt")
	}
	x.observe(at(12, young(existing("seen", "q", "", false))))
	if x.isUnsure("acme", anybody) {
		t.Error("its creation was seen, and it is in doubt")
	}
}

// Who has been found to have the name of another is shown to nobody while its maker may undo it, and nothing waits for
// that. A maker that was killed never will.
func TestWhoIsInConflictIsNotInDoubt(t *testing.T) {
	x := newIndex(describeUser, func() uint64 { return 10 })
	second := func(generation, judged int64, reason string) *v1alpha1.CloudSSOUser {
		u := existing("second", "n", "", false)
		u.CreationTimestamp, u.Generation = metav1.Now(), generation
		u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: reason, ObservedGeneration: judged}}
		return u
	}
	anybody := func(*record[*v1alpha1.CloudSSOUser]) bool { return true }
	shown := func() int {
		_, total := x.page("acme", nil, 1, 10)
		return total
	}
	x.observe(at(2, second(1, 1, v1alpha1.ReasonUserNameConflict)))
	if x.isUnsure("acme", anybody) || shown() != 0 {
		t.Error("found in conflict in a list: in doubt, or shown")
	}
	x.observe(at(11, second(1, 1, "")))
	if !x.isUnsure("acme", anybody) {
		t.Error("no verdict, and it passes for sure")
	}
	x.observe(at(12, second(1, 1, v1alpha1.ReasonUserNameConflict)))
	if x.isUnsure("acme", anybody) || shown() != 0 {
		t.Error("in conflict: in doubt, or shown")
	}
	undone := second(2, 1, v1alpha1.ReasonUserNameConflict)
	undone.DeletionTimestamp, undone.Finalizers = new(metav1.Now()), []string{v1alpha1.FinalizerGuard}
	y := newIndex(describeUser, func() uint64 { return 10 })
	y.observe(at(2, second(1, 1, v1alpha1.ReasonUserNameConflict)))
	y.observe(at(11, undone))
	if y.isUnsure("acme", anybody) || !y.record("acme", "second").isHidden() {
		t.Error("being undone: in doubt, or shown")
	}
	f, err := filter.Parse(schema.User, `id eq "second"`)
	if err != nil {
		t.Fatal(err)
	}
	c := &collection[*v1alpha1.CloudSSOUser]{index: x, kind: userKind}
	for u := range c.candidates("acme", f) {
		t.Errorf("%s is found by its id", u.Name)
	}
	if _, _, err := c.find(t.Context(), "acme", "second"); !isNotFound(err) {
		t.Errorf("found, to be changed: %v", err)
	}
	accepted := second(1, 1, v1alpha1.ReasonReady)
	accepted.Status.UserName = accepted.Spec.UserName
	x.observe(at(13, accepted))
	if x.isUnsure("acme", anybody) || shown() != 1 {
		t.Error("accepted after all: in doubt, or not shown")
	}
	x.observe(at(14, second(2, 1, v1alpha1.ReasonUserNameConflict)))
	if shown() != 1 {
		t.Error("in conflict once it was known to stand: hidden")
	}
	z := newIndex(describeUser, func() uint64 { return 20 })
	z.observe(at(15, second(2, 1, "")))
	if z.isUnsure("acme", anybody) {
		t.Error("who has been changed was shown to somebody, and is in doubt")
	}
}

// Of two who were created in the same second and found in a list nobody knows who was told that the name is theirs. No
// controller says so before the other would have been undone.
func TestNobodyIsInConflictWithWhoMayBeUndone(t *testing.T) {
	created := metav1.NewTime(time.Now().Truncate(time.Second))
	user := func(name string, source v1alpha1.Source, before time.Duration) *v1alpha1.CloudSSOUser {
		u := existing(name, "alice", "", false)
		u.Spec.Source, u.CreationTimestamp = source, metav1.NewTime(created.Add(-before))
		return u
	}
	accepted := user("a", v1alpha1.SourceSCIM, 0)
	accepted.Status.UserName = accepted.Spec.UserName
	for _, test := range []struct {
		name    string
		a       *v1alpha1.CloudSSOUser
		settled bool
	}{
		{"of the same second", user("a", v1alpha1.SourceSCIM, 0), false},
		{"of the same second, made by hand", user("a", v1alpha1.SourceManual, 0), false},
		{"of the second before", user("a", v1alpha1.SourceSCIM, time.Second), true},
		{"accepted before", accepted, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := at(9, user("b", v1alpha1.SourceSCIM, 0))
			x := newIndex(describeUser, func() uint64 { return 10 })
			for _, u := range []*v1alpha1.CloudSSOUser{at(8, test.a), b, at(11, existing("later", "later", "", false))} {
				x.observe(u)
			}
			all, err := namesakes(t.Context(), &collection[*v1alpha1.CloudSSOUser]{index: x}, b, "alice")
			if err != nil || slices.Contains(all, b) != test.settled || !slices.Contains(all, test.a) {
				t.Errorf("of the name are %v, %v", all, err)
			}
		})
	}
}

// Who takes a name does not wait for one that may be undone where another has it for certain, and wins against one that may
// be undone once a controller has accepted it.
func TestWhoIsWaitedForByWhoTakesAName(t *testing.T) {
	young := func(u *v1alpha1.CloudSSOUser, reason string) *v1alpha1.CloudSSOUser {
		u.CreationTimestamp = metav1.Now()
		u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: reason, ObservedGeneration: u.Generation}}
		return u
	}
	holder := existing("holder", "alice", "", false)
	leftover := young(existing("leftover", "alice", "", false), v1alpha1.ReasonUserNameConflict)
	mine := young(existing("mine", "alice", "", false), "")
	mine.Status.UserName = mine.Spec.UserName
	for _, test := range []struct {
		name string
		seen []*v1alpha1.CloudSSOUser
		want func(error) bool
	}{
		{"a certain holder", []*v1alpha1.CloudSSOUser{holder, leftover}, isConflict},
		{"one that may be undone", []*v1alpha1.CloudSSOUser{leftover}, func(err error) bool { return err != nil && !isConflict(err) }},
		{"one that may be undone, and the own is accepted", []*v1alpha1.CloudSSOUser{leftover, mine}, func(err error) bool { return err == nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newIndex(describeUser, func() uint64 { return 10 })
			for i, u := range test.seen {
				x.observe(at(i+2, u))
			}
			x.observe(at(11, existing("later", "later", "", false)))
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			c := &collection[*v1alpha1.CloudSSOUser]{index: x, kind: userKind}
			if err := c.verify(ctx, at(11, mine.DeepCopy()), "alice"); !test.want(err) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Of two that take a name in one second, the one stands, for the controllers too, that took it at the earlier
// revision, as the one did that was told so.
func TestNamesakesComeInTheOrderInWhichTheyTookTheName(t *testing.T) {
	x := newIndex(describeUser, func() uint64 { return 10 })
	created := metav1.Now()
	user := func(revision int, name string) *v1alpha1.CloudSSOUser {
		u := existing(name, "alice", "", false)
		u.CreationTimestamp = created
		return at(revision, u)
	}
	for _, u := range []*v1alpha1.CloudSSOUser{user(12, "z"), user(13, "a"), user(9, "y"), user(8, "x")} {
		x.observe(u)
	}
	all, err := namesakes(t.Context(), &collection[*v1alpha1.CloudSSOUser]{index: x}, user(13, "a"), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	var order string
	for _, u := range all {
		order += u.Name
	}
	if order != "xyza" { // of two that were listed nobody knows when they took it
		t.Errorf("in the order %s", order)
	}
}

// A controller must not vouch for somebody who will be undone: a replica that has just listed would show it.
func TestWhoWillBeUndoneIsNotItsOwnNamesake(t *testing.T) {
	x := newIndex(describeUser, func() uint64 { return 0 })
	left := existing("left", "before", "e1", true)
	x.observe(at(1, left))
	again := existing("again", "alice", "e1", false)
	again.CreationTimestamp = metav1.Now()
	x.observe(at(2, again))
	if all, err := namesakes(t.Context(), &collection[*v1alpha1.CloudSSOUser]{index: x}, again, "alice"); err != nil || len(all) > 0 {
		t.Errorf("of the name are %v, %v", all, err)
	}
	relisted := newIndex(describeUser, func() uint64 { return 10 })
	relisted.observe(at(1, left))
	relisted.observe(at(2, again))
	relisted.observe(at(11, existing("later", "later", "", false)))
	if all, err := namesakes(t.Context(), &collection[*v1alpha1.CloudSSOUser]{index: relisted}, again, "alice"); err != nil || len(all) > 0 {
		t.Errorf("after a list, of the name are %v, %v", all, err)
	}
	rival := existing("rival", "alice", "", false)
	rival.Spec.Source = v1alpha1.SourceManual
	x.observe(at(3, rival))
	if all, err := namesakes(t.Context(), &collection[*v1alpha1.CloudSSOUser]{index: x}, rival, "alice"); err != nil || len(all) != 2 {
		t.Errorf("beside it are %v, %v", all, err)
	}
}

// A filter over a whole directory takes it in chunks, and sees each object once.
func TestAllAreSeenOnceInTheirOrder(t *testing.T) {
	for _, count := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2*chunk + 100} {
		c := &collection[*v1alpha1.CloudSSOUser]{kind: userKind, index: newIndex(describeUser, func() uint64 { return 0 })}
		for i := range count {
			u := existing(fmt.Sprintf("u%06d", i), fmt.Sprintf("u%d", i), "", false)
			u.CreationTimestamp = metav1.Unix(int64(i/100), 0) // some of one second
			c.index.observe(at(i+1, u))
		}
		n := 0
		for u := range c.all("acme") {
			if want := fmt.Sprintf("u%06d", n); u.Name != want {
				t.Fatalf("of %d users %s is number %d", count, u.Name, n)
			}
			n++
		}
		if n != count {
			t.Errorf("%d of %d users", n, count)
		}
	}
}
