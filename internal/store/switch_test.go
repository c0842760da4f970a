package store_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	k8sschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store"
)

// once returns a hook of apiCalls that does something before the first call of a kind.
func once(call string, do func()) func(string) error {
	var first sync.Once
	return func(called string) error {
		if called == call {
			first.Do(do)
		}
		return nil
	}
}

// A deletion that the API server has begun is not undone when the switch is turned off, so 403 would be untrue.
func TestADeletionThatHasBegunIsAcknowledgedAfterTheSwitchIsTurnedOff(t *testing.T) {
	d := newOwnDirectory(t)
	g, err := d.Create(t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "Crew"), nil)
	if err != nil {
		t.Fatal(err)
	}
	watchCalls(t, d).fail = once("patch *v1alpha1.CloudSSOGroup", func() { // the guard is about to be taken off
		d.turnOff()
		stored := &v1alpha1.CloudSSOGroup{}
		if err := admin.Get(t.Context(), client.ObjectKey{Namespace: d.namespace, Name: g.ID}, stored); err != nil {
			t.Fatal(err)
		}
		stored.Finalizers = []string{v1alpha1.FinalizerGuard}
		if err := admin.Update(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := d.Delete(t.Context(), schema.Group, g.ID, nil); err != nil {
		t.Error(err)
	}
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: d.namespace, Name: g.ID}, &v1alpha1.CloudSSOGroup{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the group is still there: %v", err)
	}
}

// Of a group whose slices are stored in part, nothing stays: its displayName is free when the request is sent again.
func TestACreateThatTheSwitchInterruptsIsUndone(t *testing.T) {
	c := newCrew(t)
	calls := watchCalls(t, c.directory)
	calls.fail = func(call string) error {
		if call != createSlice {
			return nil
		}
		calls.fail = nil
		c.turnOff()
		return apierrors.NewAlreadyExists(k8sschema.GroupResource{}, "slice")
	}
	_, err := c.createBy(c)
	var answer *scim.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusForbidden || answer.Reason != store.ReasonSwitchedOff {
		t.Errorf("answered %v", err)
	}
	if c.groups() > 0 || c.sliced() > 0 || c.isClaimed() {
		t.Errorf("%d groups and %d members in slices are left; the name is claimed: %v", c.groups(), c.sliced(), c.isClaimed())
	}
}

// A change of a sliced group takes several writes. Of one that stops between them, an answer must not say that nothing was
// changed.
func TestAChangeOfMembersThatTheSwitchInterruptsIsNotRefusedAsAWhole(t *testing.T) {
	s := newSliced(t, 300, 300)
	d := directoryOf(t, newReplica(t, &informer.Sources{}), s.namespace)
	watchCalls(t, d).fail = once("patch *v1alpha1.CloudSSOMembershipSlice", func() {
		d.turnOff()
		var all v1alpha1.CloudSSOMembershipSliceList
		if err := admin.List(t.Context(), &all, client.InNamespace(s.namespace)); err != nil {
			t.Fatal(err)
		}
		for i := range all.Items { // an administrator edits the slice that the request is about to write
			all.Items[i].Spec.Members = all.Items[i].Spec.Members[1:]
			if err := admin.Update(t.Context(), &all.Items[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
	_, err := d.Update(t.Context(), schema.Group, s.group, scim.Change{Members: []scim.MemberChange{{Op: scim.RemoveMembers, IDs: s.users[298:]}}})
	var answer *scim.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable || strings.Contains(answer.Detail, "nothing was changed") {
		t.Errorf("answered %v", err)
	}
	if stored := s.stored(); stored[s.users[298]]+stored[s.users[299]] != 2 {
		t.Error("the request has overwritten what the administrator has edited")
	}
}
