package group

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

const scim, manual = v1alpha1.SourceSCIM, v1alpha1.SourceManual

func newGroup(name string, source v1alpha1.Source) *v1alpha1.CloudSSOGroup {
	g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Staff"}}
	g.Namespace, g.Name, g.UID, g.Finalizers = "acme", name, "1", finalizersOf(g)
	return g
}

// The lock or the guard may refuse what people can do about a synchronized group.
func TestMessageAdvisesWhatCanBeDone(t *testing.T) {
	const hidden = "; the identity provider does not see this one, which can be renamed or deleted after switching SCIM synchronization off"
	unknown := memberScan{unknown: []string{"bob"}}
	heldBy := func(source v1alpha1.Source) controllerutil.NameHolding {
		return controllerutil.NameHolding{Other: newGroup("b", source)}
	}
	for _, test := range []struct {
		name    string
		source  v1alpha1.Source
		holding controllerutil.NameHolding
		scan    memberScan
		want    string
	}{
		{"two synchronized", scim, heldBy(scim), memberScan{}, "rename or delete CloudSSOGroup b in the identity provider" + hidden},
		{"a manual one", manual, heldBy(scim), memberScan{}, "rename or delete this one, or CloudSSOGroup b in the identity provider"},
		{"two manual", manual, heldBy(manual), memberScan{}, "CloudSSOGroup b; rename or delete one of the two"},
		{"unknown members of a synchronized one", scim, controllerutil.NameHolding{}, unknown, "bob; create those users, or take them out of spec.members; when SCIM synchronization is switched on, the operator takes them out"},
		{"unknown members of a manual one", manual, controllerutil.NameHolding{}, unknown, "bob; create those users, or take them out of spec.members"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ready(newGroup("a", test.source), test.holding, test.scan).Message; !strings.HasSuffix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestClaimedName(t *testing.T) {
	for _, test := range []struct {
		name    string
		source  v1alpha1.Source
		holding controllerutil.NameHolding
		want    string
	}{
		{"of a manual group that holds its name", manual, controllerutil.NameHolding{}, "Staff"},
		{"of a manual group whose name another holds", manual, controllerutil.NameHolding{Other: newGroup("b", scim)}, ""},
		{"of a manual group whose name is undecided", manual, controllerutil.NameHolding{Undecided: true}, "Crew"},
		{"of a synchronized group", scim, controllerutil.NameHolding{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGroup("a", test.source)
			g.Status.ClaimedName = "Crew"
			computeStatus(g, test.holding, memberScan{})
			if got := g.Status.ClaimedName; got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestMembersOfALargeGroupAreScannedSeldom(t *testing.T) {
	large, larger, small := client.ObjectKey{Name: "everybody"}, client.ObjectKey{Name: "world"}, client.ObjectKey{Name: "staff"}
	var scans scanTimes
	scans.record(large, 300*time.Millisecond)
	scans.record(larger, time.Minute)
	scans.record(small, 300*time.Microsecond)
	for group, want := range map[client.ObjectKey]time.Duration{large: 6 * time.Second, larger: maxPause, small: 0} {
		if got := scans.pause(group); got != want {
			t.Errorf("the members of %s are scanned again after %s", group.Name, got)
		}
	}
	if scans.record(large, 0); scans.pause(large) != 0 {
		t.Error("a group that is gone is remembered")
	}
}

// delays records after which times something is enqueued.
type delays struct {
	queue
	after []time.Duration
}

func (d *delays) Add(ctrl.Request)                             { d.after = append(d.after, 0) }
func (d *delays) AddAfter(_ ctrl.Request, after time.Duration) { d.after = append(d.after, after) }

// A push changes a group many times a second. A change of more than its members does not wait for the next scan. Each
// change enqueues the group once.
func TestGroupIsNotReconciledAtEveryChangeOfItsMembers(t *testing.T) {
	const pause = 6 * time.Second
	joins := func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = []v1alpha1.Member{{Name: "bob"}} }
	for _, test := range []struct {
		name, group string
		change      func(*v1alpha1.CloudSSOGroup)
		after       time.Duration
	}{
		{"a member of a large group", "large", joins, pause},
		{"the member count of a large group", "large", func(g *v1alpha1.CloudSSOGroup) { g.Status.Members = new(int32(1)) }, pause},
		{"the name of a large group", "large", func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "All" }, 0},
		{"the claimed name of a large group", "large", func(g *v1alpha1.CloudSSOGroup) { g.Status.ClaimedName = "Staff" }, 0},
		{"the deletion of a large group, which is held", "large", func(g *v1alpha1.CloudSSOGroup) { g.DeletionTimestamp = new(metav1.Now()) }, 0},
		{"the guard of a large group", "large", func(g *v1alpha1.CloudSSOGroup) { g.Finalizers = nil }, 0},
		{"the source of a large group", "large", func(g *v1alpha1.CloudSSOGroup) { g.Spec.Source = manual }, 0},
		{"another large group of its name", "large", func(g *v1alpha1.CloudSSOGroup) { g.UID = "2" }, 0},
		{"a member of a small group", "small", joins, membersInterval},
		{"the name of a small group", "small", func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "All" }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r Reconciler
			r.scans.record(client.ObjectKey{Namespace: "acme", Name: "large"}, pause/scanShare)
			var q delays
			before, after := newGroup(test.group, scim), newGroup(test.group, scim)
			test.change(after)
			e := event.UpdateEvent{ObjectOld: before, ObjectNew: after}
			if isUrgent(e) {
				q.Add(ctrl.Request{}) // as For does
			}
			r.enqueueChanged().Update(t.Context(), e, &q)
			if !slices.Equal(q.after, []time.Duration{test.after}) {
				t.Errorf("enqueued after %v", q.after)
			}
		})
	}
}

// memberLists are the groups and slices that list a user, whichever it is.
type memberLists []client.Object

func (l memberLists) MemberListsOf(string, string) []client.Object { return l }

func (l memberLists) GroupsOf(string, string) (names []string) {
	for _, list := range l {
		names = append(names, list.GetName())
	}
	return names
}

// A deactivation must not cost a look at the members of each synchronized group of a user.
func TestChangeOfAUserReconcilesTheGroupsThatCountIt(t *testing.T) {
	const pause = 6 * time.Second
	r := Reconciler{Memberships: memberLists{newGroup("synced", scim), newGroup("declared", manual), newGroup("large", manual)}}
	r.scans.record(client.ObjectKey{Namespace: "acme", Name: "large"}, pause/scanShare)
	claimed := func(u *v1alpha1.CloudSSOUser) { u.Status.ClaimedName = u.Spec.UserName }
	for _, test := range []struct {
		name          string
		before, after func(*v1alpha1.CloudSSOUser)
		all, manual   []time.Duration
	}{
		{"disabled", claimed, func(u *v1alpha1.CloudSSOUser) { claimed(u); u.Spec.Active = new(false) }, nil, []time.Duration{membersInterval, pause}},
		{"got its name", func(*v1alpha1.CloudSSOUser) {}, claimed, nil, []time.Duration{membersInterval, pause}},
		{"a new profile", claimed, func(u *v1alpha1.CloudSSOUser) { claimed(u); u.Spec.DisplayName = "Bob" }, nil, nil},
		{"adopted", claimed, func(u *v1alpha1.CloudSSOUser) { u.Spec.Source = scim }, []time.Duration{0, 0, pause}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after := &v1alpha1.CloudSSOUser{}, &v1alpha1.CloudSSOUser{}
			for u, change := range map[*v1alpha1.CloudSSOUser]func(*v1alpha1.CloudSSOUser){before: test.before, after: test.after} {
				u.Namespace, u.Name, u.Spec.UserName, u.Spec.Source = "acme", "bob", "bob", manual
				change(u)
			}
			e := event.UpdateEvent{ObjectOld: before, ObjectNew: after}
			var all, some delays
			if memberChanges.Update(e) {
				r.enqueueGroupsOf().Update(t.Context(), e, &all)
			}
			r.enqueueManualGroupsOf().Update(t.Context(), e, &some)
			if !slices.Equal(all.after, test.all) || !slices.Equal(some.after, test.manual) {
				t.Errorf("all groups after %v, those of source Manual after %v", all.after, some.after)
			}
		})
	}
}
