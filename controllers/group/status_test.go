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
)

// Nobody is sent to do what the lock or the guard refuses.
func TestAdviceCanBeFollowed(t *testing.T) {
	of := func(name string, source v1alpha1.Source) *v1alpha1.CloudSSOGroup {
		g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Staff"}}
		g.Name = name
		return g
	}
	const scim, manual = v1alpha1.SourceSCIM, v1alpha1.SourceManual
	const where = "in the identity provider, or after switching SCIM synchronization off"
	strangers := roll{unknown: []string{"nobody"}}
	for _, test := range []struct {
		name      string
		g, holder *v1alpha1.CloudSSOGroup
		called    roll
		want      string
	}{
		{"two synchronized", of("a", scim), of("b", scim), roll{}, "CloudSSOGroup b; rename or delete one of the two, " + where},
		{"a manual one", of("a", manual), of("b", scim), roll{}, "CloudSSOGroup b; rename or delete one of the two; the one of source SCIM " + where},
		{"two manual", of("a", manual), of("b", manual), roll{}, "CloudSSOGroup b; rename or delete one of the two"},
		{"strangers in a synchronized one", of("a", scim), nil, strangers, "nobody; create those users, or take them out of spec.members, " + where},
		{"strangers in a manual one", of("a", manual), nil, strangers, "nobody; create those users, or take them out of spec.members"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ready(test.g, test.holder, test.called).Message; !strings.HasSuffix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// The roll of a large group is not called at every change.
func TestTheRollOfALargeGroupIsCalledSeldom(t *testing.T) {
	large, larger, small := client.ObjectKey{Name: "everybody"}, client.ObjectKey{Name: "world"}, client.ObjectKey{Name: "staff"}
	var r rolls
	r.note(large, 300*time.Millisecond)
	r.note(larger, time.Minute)
	r.note(small, 300*time.Microsecond)
	for group, want := range map[client.ObjectKey]time.Duration{large: 6 * time.Second, larger: longestPause, small: 0} {
		if got := r.pause(group); got != want {
			t.Errorf("the roll of %s is called again after %s", group.Name, got)
		}
	}
	if r.note(large, 0); r.pause(large) != 0 {
		t.Error("a group that is gone is remembered")
	}
}

// waits records after which times something is enqueued.
type waits struct {
	queue
	after []time.Duration
}

func (w *waits) Add(ctrl.Request)                             { w.after = append(w.after, 0) }
func (w *waits) AddAfter(_ ctrl.Request, after time.Duration) { w.after = append(w.after, after) }

// A push changes a group again and again, which is looked at when it is time: a large one when its roll is called next.
// Whatever is of more than the members does not wait for that. Nothing is lost or looked at twice.
func TestAGroupIsNotLookedAtAtEveryChangeOfItsMembers(t *testing.T) {
	const pause = 6 * time.Second
	newGroup := func(name string) *v1alpha1.CloudSSOGroup {
		g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: name}}
		g.Namespace, g.Name, g.UID, g.Finalizers = "acme", name, "1", finalizersOf(g)
		return g
	}
	joins := func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = []v1alpha1.Member{{Name: "bob"}} }
	for _, test := range []struct {
		name, group string
		change      func(*v1alpha1.CloudSSOGroup)
		after       time.Duration
	}{
		{"a member of a large group", "everybody", joins, pause},
		{"the status of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.Status.Members = new(int32(1)) }, pause},
		{"the name of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "All" }, 0},
		{"the deletion of a large group, which is held", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.DeletionTimestamp = new(metav1.Now()) }, 0},
		{"the guard of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.Finalizers = nil }, 0},
		{"the source of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.Spec.Source = v1alpha1.SourceManual }, 0},
		{"another large group of its name", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.UID = "2" }, 0},
		{"a member of a small group", "staff", joins, membersInterval},
		{"the name of a small group", "staff", func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "All" }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r Reconciler
			r.rolls.note(client.ObjectKeyFromObject(newGroup("everybody")), pause/rollShare)
			var q waits
			was, is := newGroup(test.group), newGroup(test.group)
			test.change(is)
			e := event.UpdateEvent{ObjectOld: was, ObjectNew: is}
			if isUrgent(e) {
				q.Add(ctrl.Request{}) // as For does
			}
			r.enqueueChanged().Update(t.Context(), e, &q)
			if !slices.Equal(q.after, []time.Duration{test.after}) {
				t.Errorf("looked at after %v", q.after)
			}
		})
	}
}
