package group

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
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

// The roll of a large group is not called once a second, and that of any other is.
func TestTheRollOfALargeGroupIsCalledSeldom(t *testing.T) {
	large, small := client.ObjectKey{Namespace: "acme", Name: "everybody"}, client.ObjectKey{Namespace: "acme", Name: "staff"}
	var r rolls
	r.note(large, 300*time.Millisecond)
	r.note(small, 300*time.Microsecond)
	if got := r.pause(large); got != 6*time.Second {
		t.Errorf("a roll that takes 300 ms is called again after %s", got)
	}
	if got := r.pause(small); got != sliceInterval {
		t.Errorf("a roll that takes no time is called again after %s", got)
	}
	if r.note(large, 0); r.pause(large) != sliceInterval {
		t.Error("a group that is gone is remembered")
	}
}

// A push changes a large group again and again, which is looked at when its roll is called next. A rename or a deletion
// does not wait for that, and no small group does.
func TestALargeGroupWaitsForItsRoll(t *testing.T) {
	newGroup := func(name string) *v1alpha1.CloudSSOGroup {
		g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{DisplayName: name}}
		g.Namespace, g.Name = "acme", name
		return g
	}
	for _, test := range []struct {
		name, group string
		change      func(*v1alpha1.CloudSSOGroup)
		now         int
	}{
		{"a member of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = []v1alpha1.Member{{Name: "bob"}} }, 0},
		{"the status of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.Status.Members = new(int32(1)) }, 0},
		{"the name of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "All" }, 1},
		{"the deletion of a large group", "everybody", func(g *v1alpha1.CloudSSOGroup) { g.DeletionTimestamp = new(metav1.Now()) }, 1},
		{"a member of a small group", "staff", func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = []v1alpha1.Member{{Name: "bob"}} }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r Reconciler
			r.rolls.note(client.ObjectKeyFromObject(newGroup("everybody")), time.Second)
			q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
			defer q.ShutDown()
			was, is := newGroup(test.group), newGroup(test.group)
			test.change(is)
			r.enqueueItself().Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: is}, q)
			if got := q.Len(); got != test.now {
				t.Errorf("%d are looked at now", got)
			}
		})
	}
}
