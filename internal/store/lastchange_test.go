package store_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// request returns the context of a request by the credential "okta" of a namespace.
func request(t *testing.T, namespace, id, operation string) context.Context {
	t.Helper()
	return scim.WithRequest(t.Context(), scim.Request{ID: id, Subject: namespace + "/okta", Operation: operation})
}

// wasChangedBy compares the annotation of the last change.
func wasChangedBy(t *testing.T, o client.Object, requestID, cause string) {
	t.Helper()
	var got map[string]string
	text := o.GetAnnotations()[v1alpha1.AnnotationLastChange]
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%s: %q: %v", o.GetName(), text, err)
	}
	at, err := time.Parse(time.RFC3339, got["time"])
	if err != nil || time.Since(at) > time.Minute || got["requestID"] != requestID || got["cause"] != cause || got["credential"] != "okta" {
		t.Errorf("%s was changed by %v (%v), want request %s, %s", o.GetName(), got, err, requestID, cause)
	}
}

func setActive(active bool) scim.Change {
	return scim.Change{Attributes: func(current schema.Object) (schema.Object, error) { return current.With(schema.Active, active), nil }}
}

func TestUserSaysWhichRequestWroteItLast(t *testing.T) {
	d := newDirectory(t)
	r, err := d.Create(request(t, d.namespace, "r1", "Create"), schema.User, schema.Object{}.With(schema.UserName, "alice").With(schema.Active, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	wasChangedBy(t, d.stored(r.ID), "r1", "Create")
	if _, err := d.Update(request(t, d.namespace, "r2", "Modify"), schema.User, r.ID, setActive(false)); err != nil {
		t.Fatal(err)
	}
	disabled := d.stored(r.ID)
	wasChangedBy(t, disabled, "r2", "Modify")
	if _, err := d.Update(request(t, d.namespace, "r3", "Modify"), schema.User, r.ID, setActive(false)); err != nil {
		t.Fatal(err)
	}
	if same := d.stored(r.ID); same.Annotations[v1alpha1.AnnotationLastChange] != disabled.Annotations[v1alpha1.AnnotationLastChange] || same.Generation != disabled.Generation {
		t.Errorf("a change that changes nothing was written: %v", same.Annotations)
	}
	if _, err := d.Delete(request(t, d.namespace, "r4", "Delete"), schema.User, r.ID, nil); err != nil {
		t.Fatal(err)
	}
	wasChangedBy(t, d.stored(r.ID), "r4", "Delete")
}

func TestWithheldDeactivationIsNotTheLastChange(t *testing.T) {
	d := newDirectory(t)
	setBudget(usersIn(1, time.Hour), d)
	if err := d.deactivate("within", d.mustCreate("ann")); err != nil {
		t.Fatal(err)
	}
	r, err := d.Create(request(t, d.namespace, "r1", "Create"), schema.User, schema.Object{}.With(schema.UserName, "ben").With(schema.Active, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	isWithheld := func(err error, what v1alpha1.Deactivation) {
		t.Helper()
		if u := d.stored(r.ID); status(err) != http.StatusTooManyRequests || u.Spec.Withheld == nil || u.Spec.Withheld.What != what {
			t.Fatalf("%v: %+v", err, u.Spec)
		}
		wasChangedBy(t, d.stored(r.ID), "r1", "Create")
	}
	isWithheld(d.deactivate("r2", r.ID), v1alpha1.DeactivationDisable)
	_, err = d.Delete(request(t, d.namespace, "r3", "Delete"), schema.User, r.ID, nil)
	isWithheld(err, v1alpha1.DeactivationDelete)
	if _, err := d.Update(request(t, d.namespace, "r4", "Modify"), schema.User, r.ID, setActive(true)); err != nil {
		t.Fatal(err)
	}
	wasChangedBy(t, d.stored(r.ID), "r4", "Modify") // which has released what was withheld
}

func TestCreatedUserIsUnmodified(t *testing.T) {
	d := newDirectory(t)
	r, err := d.Create(request(t, d.namespace, "r1", "Create"), schema.User, schema.Object{}.With(schema.UserName, "alice").With(schema.Active, true), nil)
	if err != nil || !r.LastModified.Equal(r.Created) {
		t.Errorf("created %v, modified %v: %v", r.Created, r.LastModified, err)
	}
}

func TestChangeOutsideARequestKeepsTheLastOne(t *testing.T) {
	d := newDirectory(t)
	r, err := d.Create(request(t, d.namespace, "r1", "Create"), schema.User, schema.Object{}.With(schema.UserName, "alice").With(schema.Active, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	d.asOperator(r.ID, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })
	wasChangedBy(t, d.stored(r.ID), "r1", "Create")
}

func TestGroupAndItsSlicesSayWhichRequestWroteThemLast(t *testing.T) {
	s := newSliced(t, v1alpha1.SliceSize+2, v1alpha1.SliceSize+1)
	added := scim.Change{Members: []scim.MemberChange{{Op: scim.AddMembers, IDs: s.users[len(s.users)-1:]}}}
	r, err := s.replicas[0].Update(request(t, s.namespace, "r2", "Modify"), schema.Group, s.group, added)
	if err != nil {
		t.Fatal(err)
	}
	if r.Effect.Added.Count != 1 || r.Effect.Added.IDs[0] != added.Members[0].IDs[0] {
		t.Errorf("the effect is %+v", r.Effect)
	}
	var written v1alpha1.CloudSSOMembershipSliceList
	if err := admin.List(t.Context(), &written, client.InNamespace(s.namespace)); err != nil || len(written.Items) != 1 {
		t.Fatalf("%d slices, %v", len(written.Items), err)
	}
	wasChangedBy(t, &written.Items[0], "r2", "Modify")
	rename := scim.Change{Attributes: func(current schema.Object) (schema.Object, error) {
		return current.With(schema.GroupDisplayName, "Renamed"), nil
	}}
	if _, err := s.replicas[0].Update(request(t, s.namespace, "r3", "Replace"), schema.Group, s.group, rename); err != nil {
		t.Fatal(err)
	}
	g := &v1alpha1.CloudSSOGroup{}
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: s.group}, g); err != nil {
		t.Fatal(err)
	}
	wasChangedBy(t, g, "r3", "Replace")
}

func TestAdoptionSaysSo(t *testing.T) {
	d := newDirectory(t)
	settings := &v1alpha1.CloudSSODirectory{}
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: d.namespace, Name: v1alpha1.DirectoryName}, settings); err != nil {
		t.Fatal(err)
	}
	settings.Spec.ExistingUsers = v1alpha1.ExistingUsersAdopt
	if err := admin.Update(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	manual := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: "alice"},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: "alice", DisplayName: "By hand"},
	}
	if err := admin.Create(t.Context(), manual); err != nil {
		t.Fatal(err)
	}
	adopter := newReplica(t, &informer.Sources{}).In(d.namespace) // its cache has both
	r, err := adopter.Create(request(t, d.namespace, "r1", "Create"), schema.User, schema.Object{}.With(schema.UserName, "alice").With(schema.Active, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != "alice" || r.Effect.Origin != scim.OriginAdopted || r.Effect.Before.String(schema.UserDisplayName) != "By hand" {
		t.Errorf("%s, effect %+v", r.ID, r.Effect)
	}
	wasChangedBy(t, d.stored("alice"), "r1", "Create")
}
