package store_test

import (
	"errors"
	"net/http"
	"runtime"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const (
	createSlice = "create *v1alpha1.CloudSSOMembershipSlice"
	createGroup = "create *v1alpha1.CloudSSOGroup"
)

// crew is a directory of a replica of its own, with the users of a large group that is about to be created.
type crew struct {
	*directory
	users []string
}

func newCrew(t *testing.T) *crew {
	t.Helper()
	s := newSliced(t, 300, 0)
	return &crew{directoryOf(t, newReplica(t, &informer.Sources{}), s.namespace), s.users}
}

// createBy creates the group through a Store.
func (c *crew) createBy(s scim.Store) (*scim.Resource, error) {
	return s.Create(c.t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "Crew"), c.users)
}

// groups returns how many groups are called Crew, at the API server.
func (c *crew) groups() (n int) {
	c.t.Helper()
	var all v1alpha1.CloudSSOGroupList
	if err := admin.List(c.t.Context(), &all, client.InNamespace(c.namespace)); err != nil {
		c.t.Fatal(err)
	}
	for i := range all.Items {
		if all.Items[i].Spec.DisplayName == "Crew" {
			n++
		}
	}
	return n
}

// sliced returns how many members are in slices, at the API server.
func (c *crew) sliced() (n int) {
	c.t.Helper()
	var all v1alpha1.CloudSSOMembershipSliceList
	if err := admin.List(c.t.Context(), &all, client.InNamespace(c.namespace)); err != nil {
		c.t.Fatal(err)
	}
	for i := range all.Items {
		n += len(all.Items[i].Spec.Members)
	}
	return n
}

func (c *crew) isClaimed() bool {
	c.t.Helper()
	name := nameclaim.Name{Namespace: c.namespace, Kind: v1alpha1.ClaimedByGroup, Folded: "crew"}
	err := admin.Get(c.t.Context(), name.Key(), &v1alpha1.CloudSSONameClaim{})
	if client.IgnoreNotFound(err) != nil {
		c.t.Fatal(err)
	}
	return err == nil
}

// expectNothingLeft checks that a create has left nothing, and that its repetition creates the group.
func (c *crew) expectNothingLeft() {
	c.t.Helper()
	if c.groups() > 0 || c.sliced() > 0 || c.isClaimed() {
		c.t.Errorf("%d groups and %d members in slices are left; the name is claimed: %v", c.groups(), c.sliced(), c.isClaimed())
	}
	watchCalls(c.t, c.directory)
	if _, err := c.createBy(c); err != nil || c.groups() != 1 || c.sliced() != 300-v1alpha1.SliceSize {
		c.t.Errorf("the repetition: %d groups, %d members in slices, %v", c.groups(), c.sliced(), err)
	}
}

func TestALargeGroupIsStoredAfterItsSlices(t *testing.T) {
	c := newCrew(t)
	watchCalls(t, c.directory).fail = once(createGroup, func() {
		if n := c.sliced(); n != 300-v1alpha1.SliceSize {
			t.Errorf("%d members are in slices before the group is created", n)
		}
	})
	if _, err := c.createBy(c); err != nil || c.groups() != 1 {
		t.Errorf("%d groups: %v", c.groups(), err)
	}
}

// Of a create that is refused nothing stays, wherever it is refused: no client has seen the group, and its displayName is free.
func TestALargeGroupThatIsRefusedLeavesNothing(t *testing.T) {
	for _, refused := range []string{createSlice, createGroup} {
		t.Run(refused, func(t *testing.T) {
			c := newCrew(t)
			watchCalls(t, c.directory).fail = func(call string) error {
				if call != refused {
					return nil
				}
				return apierrors.NewForbidden(k8sschema.GroupResource{}, "crew", errors.New("exceeded quota: objects"))
			}
			_, err := c.createBy(c)
			var answer *scim.Error
			if !errors.As(err, &answer) || answer.Status != http.StatusInsufficientStorage {
				t.Errorf("answered %v", err)
			}
			c.expectNothingLeft()
		})
	}
}

// A slice whose outcome is unknown ends the request before its group is created, so the name is free at once.
func TestALargeGroupWithoutAnAnswerToASliceLeavesNothing(t *testing.T) {
	c := newCrew(t)
	watchCalls(t, c.directory).fail = func(call string) error {
		if call != createSlice {
			return nil
		}
		return apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0)
	}
	_, err := c.createBy(c)
	var answer *scim.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable {
		t.Errorf("answered %v", err)
	}
	c.expectNothingLeft()
}

// A group whose outcome is unknown may still come, and its slices must be there then.
func TestALargeGroupThatMayStillComeKeepsItsSlices(t *testing.T) {
	c := newCrew(t)
	watchCalls(t, c.directory).fail = func(call string) error {
		if call != createGroup {
			return nil
		}
		return apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0)
	}
	if _, err := c.createBy(c); err == nil || c.sliced() != 300-v1alpha1.SliceSize || !c.isClaimed() {
		t.Errorf("%d members in slices, the name is claimed: %v; answered %v", c.sliced(), c.isClaimed(), err)
	}
}

// A replica that dies between the slices and the group leaves slices that no client sees, and no group that answers 409.
func TestALargeGroupWhoseReplicaDiesIsNotSeen(t *testing.T) {
	c := newCrew(t)
	watchCalls(t, c.directory).fail = once(createGroup, runtime.Goexit)
	died := make(chan struct{})
	go func() {
		defer close(died)
		_, err := c.createBy(c)
		t.Errorf("answered %v", err)
	}()
	<-died
	if c.groups() > 0 || c.sliced() != 300-v1alpha1.SliceSize {
		t.Fatalf("%d groups, %d members in slices", c.groups(), c.sliced())
	}
	other := c.atOtherReplica()
	member, err := other.Get(t.Context(), schema.User, c.users[299], scim.Omit{})
	if err != nil || len(slices.Collect(member.Groups)) > 0 {
		t.Errorf("the groups of a member: %v, %v", member, err)
	}
	_, err = c.createBy(other)
	var answer *scim.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable || answer.RetryAfter == 0 {
		t.Errorf("the repetition is answered %v", err)
	}
}

// Slices that a crash has left do not become those of another group.
func TestALargeGroupDoesNotGetTheIDOfSlicesThatAreLeft(t *testing.T) {
	c := newCrew(t)
	writer, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	createAll(t, writer, &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "crew-taken-1"},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: "crew-taken", Members: []v1alpha1.Member{{Name: "stranger"}}},
	})
	eventually(t, func() bool { return c.replica.MemberListsOf(c.namespace, "stranger") != nil })
	draw, drawn := c.replica.NewSuffix, 0
	c.replica.NewSuffix = func() string {
		if drawn++; drawn == 1 {
			return "taken"
		}
		return draw()
	}
	if g, err := c.createBy(c); err != nil || g.ID == "crew-taken" {
		t.Errorf("%v, %v", g, err)
	}
	if n := c.sliced(); n != 300-v1alpha1.SliceSize+1 {
		t.Errorf("%d members are in slices: those of the other id must stay", n)
	}
}
