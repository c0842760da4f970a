package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store"
)

// directory is one namespace, seen through a replica.
type directory struct {
	scim.Store
	t         *testing.T
	namespace string
	replica   *store.Store
}

func newDirectory(t *testing.T) *directory {
	t.Helper()
	return directoryOf(t, replicas[0], newNamespace(t))
}

func directoryOf(t *testing.T, s *store.Store, namespace string) *directory {
	t.Helper()
	return &directory{s.In(namespace), t, namespace, s}
}

// atOtherReplica returns the directory as a second replica shows it.
func (d *directory) atOtherReplica() *directory {
	return directoryOf(d.t, replicas[1], d.namespace)
}

func (d *directory) create(userName string) (*scim.Resource, error) {
	return d.Create(d.t.Context(), schema.User, schema.Object{}.With(schema.UserName, userName).With(schema.Active, true), nil)
}

func (d *directory) mustCreate(userName string) string {
	d.t.Helper()
	r, err := d.create(userName)
	if err != nil {
		d.t.Fatal(err)
	}
	return r.ID
}

// stored returns the user as the API server has it.
func (d *directory) stored(id string) *v1alpha1.CloudSSOUser {
	d.t.Helper()
	u := &v1alpha1.CloudSSOUser{}
	if err := admin.Get(d.t.Context(), client.ObjectKey{Namespace: d.namespace, Name: id}, u); err != nil {
		d.t.Fatal(err)
	}
	return u
}

// asOperator changes the user behind the back of the store, with the right to.
func (d *directory) asOperator(id string, change func(*v1alpha1.CloudSSOUser)) {
	d.t.Helper()
	writer, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		d.t.Fatal(err)
	}
	u := d.stored(id)
	before := u.DeepCopy()
	change(u)
	if err := writer.Patch(d.t.Context(), u, client.MergeFrom(before)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *directory) claim(userName string) *v1alpha1.CloudSSONameClaim {
	d.t.Helper()
	claim := &v1alpha1.CloudSSONameClaim{}
	if err := admin.Get(d.t.Context(), nameclaim.UserName(d.namespace, userName).Key(), claim); err != nil {
		d.t.Fatal(err)
	}
	return claim
}

func (d *directory) find(query string) []string {
	d.t.Helper()
	f, err := filter.Parse(schema.User, query)
	if err != nil {
		d.t.Fatal(err)
	}
	page, err := d.List(d.t.Context(), schema.User, scim.Query{Filter: f, StartIndex: 1, Count: 10})
	if err != nil {
		d.t.Fatal(err)
	}
	var ids []string
	for _, r := range page.Resources {
		ids = append(ids, r.ID)
	}
	return ids
}

func status(err error) int {
	var answer *scim.Error
	if errors.As(err, &answer) {
		return answer.Status
	}
	return 0
}

func TestANewActiveUserHasAClaimAndTheDefaultStatus(t *testing.T) {
	d := newDirectory(t)
	id := d.mustCreate("Alice@Example.com")
	u := d.stored(id)
	if u.Status.State != v1alpha1.UserActive || len(u.Status.Conditions) > 0 {
		t.Errorf("status is %+v", u.Status)
	}
	claim := d.claim("alice@example.com")
	if claim.Spec.Holder != id || claim.Labels[v1alpha1.LabelExcludeFromBackup] != "true" {
		t.Errorf("claim is %+v with labels %v", claim.Spec, claim.Labels)
	}
}

func TestARenameMovesTheClaim(t *testing.T) {
	d := newDirectory(t)
	id := d.mustCreate("alice")
	_, err := d.Update(t.Context(), schema.User, id, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
		return o.With(schema.UserName, "bob"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if holder := d.claim("bob").Spec.Holder; holder != id {
		t.Errorf("bob is claimed for %s", holder)
	}
	key := nameclaim.UserName(d.namespace, "alice").Key()
	if err := admin.Get(t.Context(), key, &v1alpha1.CloudSSONameClaim{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the claim on alice: %v", err)
	}
	d.mustCreate("alice")
}

func TestADeletedUsersNameIsTakenOverAtOnceWithItsSuspension(t *testing.T) {
	d := newDirectory(t)
	old := d.mustCreate("alice")
	d.asOperator(old, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })
	if _, err := d.Delete(t.Context(), schema.User, old, nil); err != nil {
		t.Fatal(err)
	}
	if holder := d.claim("alice").Spec.Holder; holder != old {
		t.Errorf("a deprovisioned user's claim is %s's", holder)
	}
	id := d.mustCreate("ALICE")
	u := d.stored(id)
	if id == old || !u.Spec.Suspended || u.Annotations[v1alpha1.AnnotationSuspendedLike] != old {
		t.Errorf("%s is suspended: %t, like %q", id, u.Spec.Suspended, u.Annotations[v1alpha1.AnnotationSuspendedLike])
	}
	if holder := d.claim("alice").Spec.Holder; holder != id {
		t.Errorf("the claim is %s's, not %s's", holder, id)
	}
	if _, err := d.Get(t.Context(), schema.User, old, scim.Omit{}); status(err) != http.StatusNotFound {
		t.Errorf("the deleted user: %v", err)
	}
	// The administrator lifts it; the user after that is not suspended any more.
	d.asOperator(id, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = false })
	if _, err := d.Delete(t.Context(), schema.User, id, nil); err != nil {
		t.Fatal(err)
	}
	if next := d.stored(d.mustCreate("alice")); next.Spec.Suspended {
		t.Error("a suspension that was lifted came back")
	}
}

func TestWhatAnotherReplicaHasCreatedIsFoundAtOnce(t *testing.T) {
	writer := newDirectory(t)
	reader := writer.atOtherReplica()
	for i := range 50 {
		name := fmt.Sprintf("user-%d", i)
		id := writer.mustCreate(name)
		if found := reader.find(fmt.Sprintf("userName eq %q", name)); len(found) != 1 || found[0] != id {
			t.Fatalf("%s: found %v, want %s", name, found, id)
		}
		if _, err := reader.Get(t.Context(), schema.User, id, scim.Omit{}); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		g, err := reader.Create(t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, name), []string{id})
		if err != nil {
			t.Fatal(err)
		}
		members := 0
		for range g.Members {
			members++
		}
		if members != 1 {
			t.Fatalf("%s was skipped as a member", id)
		}
	}
}

func TestOneOfManyReplicasCreatesAName(t *testing.T) {
	first := newDirectory(t)
	second := first.atOtherReplica()
	for i := range 20 {
		var all sync.WaitGroup
		statuses := make([]int, 8)
		for n := range statuses {
			all.Go(func() {
				d := []*directory{first, second}[n%2]
				if _, err := d.create(fmt.Sprintf("user-%d", i)); err != nil {
					statuses[n] = status(err)
				} else {
					statuses[n] = http.StatusCreated
				}
			})
		}
		all.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		if count[http.StatusCreated] != 1 || count[http.StatusConflict] != len(statuses)-1 {
			t.Fatalf("answers: %v", count)
		}
	}
}

// A write that the API server carries out after its request had given up leaves a second live object of a name.
func TestASecondHolderOfANameIsNotShown(t *testing.T) {
	d := newDirectory(t)
	id := d.mustCreate("alice")
	writer, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	late := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: "alice-late"},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "Alice"},
	}
	if err := writer.Create(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err := d.Get(t.Context(), schema.User, late.Name, scim.Omit{})
		return status(err) == http.StatusNotFound
	})
	if found := d.find(`userName eq "alice"`); len(found) != 1 || found[0] != id {
		t.Errorf("found %v by name", found)
	}
	page, err := d.List(t.Context(), schema.User, scim.Query{StartIndex: 1, Count: 10})
	if err != nil || page.Total != 1 || page.Resources[0].ID != id {
		t.Errorf("listed %+v, %v", page, err)
	}
	if _, err := d.Update(t.Context(), schema.User, late.Name, scim.Change{}); status(err) != http.StatusNotFound {
		t.Errorf("changed: %v", err)
	}
}

func TestARequestUnderWayDoesNotOutliveTheSwitch(t *testing.T) {
	d := newDirectory(t)
	id := d.mustCreate("alice")
	attempts := 0
	_, err := d.Update(t.Context(), schema.User, id, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
		if attempts++; attempts == 1 { // the switch is turned off, and an administrator edits the user
			d.turnOff()
			u := d.stored(id)
			u.Spec.DisplayName = "by hand"
			if err := admin.Update(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}
		return o.With(schema.UserDisplayName, "by the provider"), nil
	}})
	if status(err) != http.StatusForbidden {
		t.Errorf("after %d attempts: %v", attempts, err)
	}
	if name := d.stored(id).Spec.DisplayName; name != "by hand" {
		t.Errorf("displayName is %q", name)
	}
}

// A rename that fails leaves the claim on the new name with its object, which never had that name.
func TestASuspensionIsInheritedFromAFormerHolderOnly(t *testing.T) {
	d := newDirectory(t)
	bob := d.mustCreate("bob")
	operatorClient, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	claims := nameclaim.New(operatorClient, noIndex{}, time.Now)
	if _, err := claims.Acquire(t.Context(), nameclaim.UserName(d.namespace, "alice"), bob); err != nil {
		t.Fatal(err)
	}
	d.asOperator(bob, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })
	if _, err := d.Delete(t.Context(), schema.User, bob, nil); err != nil {
		t.Fatal(err)
	}
	if alice := d.stored(d.mustCreate("alice")); alice.Spec.Suspended {
		t.Errorf("alice is suspended like %q, who was bob", alice.Annotations[v1alpha1.AnnotationSuspendedLike])
	}
}

// noIndex is the index of a process that has seen no object.
type noIndex struct{}

func (noIndex) Named(nameclaim.Name) []string { return nil }

func TestACreateWhoseIDIsTakenDrawsAnotherOne(t *testing.T) {
	s := newReplica(t, &informer.Sources{})
	suffixes := []string{"aaaaa", "aaaaa", "bbbbb"}
	s.NewSuffix = func() string {
		next := suffixes[0]
		suffixes = suffixes[1:]
		return next
	}
	namespace := newNamespace(t)
	d := directoryOf(t, s, namespace)
	// No letter of either name goes into an id.
	first, second := d.mustCreate("李"), d.mustCreate("王")
	if first != "user-aaaaa" || second != "user-bbbbb" {
		t.Errorf("ids are %s and %s", first, second)
	}
	if holder := d.claim("王").Spec.Holder; holder != second {
		t.Errorf("the claim is %s's, not %s's", holder, second)
	}
}

// turnOff turns the switch off, and waits until the admission policies permit a person to write synchronized objects.
func (d *directory) turnOff() {
	d.t.Helper()
	settings := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: v1alpha1.DirectoryName}}
	off := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"scimSynchronization":"Disabled"}}`))
	if err := admin.Patch(d.t.Context(), settings, off); err != nil {
		d.t.Fatal(err)
	}
	probe := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: probeName},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: probeName},
	}
	eventually(d.t, func() bool { return admin.Create(d.t.Context(), probe.DeepCopy(), client.DryRunAll) == nil })
}

// eventually waits until something holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, time.Minute, true, func(context.Context) (bool, error) { return holds(), nil })
	if err != nil {
		t.Fatal("it does not come to hold")
	}
}

// pollInterval leaves the processor to what the test waits for.
const pollInterval = 5 * time.Millisecond
