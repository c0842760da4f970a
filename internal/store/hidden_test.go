package store_test

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// A Manual member, put into a synchronized group while the switch was off, stays whatever the provider says; and
// the precondition of a request that looks twice who is hidden is held against what it found.
func TestAManualMemberStays(t *testing.T) {
	namespace := newNamespace(t)
	d := replica(t).In(namespace)
	u, err := d.Create(t.Context(), schema.User, schema.Object{}.With(schema.UserName, "alice").With(schema.Active, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := d.Create(t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "Before"), []string{u.ID})
	if err != nil {
		t.Fatal(err)
	}
	manual := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "by-hand"},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: "by-hand"},
	}
	if err := admin.Create(t.Context(), manual); err != nil {
		t.Fatal(err)
	}
	var stored v1alpha1.CloudSSOGroup
	key := client.ObjectKey{Namespace: namespace, Name: g.ID}
	if err := admin.Get(t.Context(), key, &stored); err != nil {
		t.Fatal(err)
	}
	stored.Spec.Members = append(stored.Spec.Members, v1alpha1.Member{Name: manual.Name})
	turn(t, namespace, v1alpha1.SynchronizationDisabled)
	for apierrors.IsForbidden(admin.Update(t.Context(), stored.DeepCopy())) { // until the API server goes by the switch
		if t.Context().Err() != nil {
			t.Fatal("the lock is not lifted")
		}
	}
	turn(t, namespace, v1alpha1.SynchronizationEnabled)
	change := scim.Change{
		Precondition: func(current *scim.Resource) error {
			if current.Attributes.String(schema.GroupDisplayName) != "Before" {
				return errors.New("it is another version by now")
			}
			return nil
		},
		Attributes: func(o schema.Object) (schema.Object, error) { return o.With(schema.GroupDisplayName, "After"), nil },
		Members:    []scim.MemberChange{{Op: scim.ReplaceMembers}},
	}
	after, err := d.Update(t.Context(), schema.Group, g.ID, change)
	if err != nil {
		t.Fatal(err)
	}
	for r := range after.Members {
		t.Errorf("%s is shown", r.Value)
	}
	if err := admin.Get(t.Context(), key, &stored); err != nil {
		t.Fatal(err)
	}
	if len(stored.Spec.Members) != 1 || stored.Spec.Members[0].Name != manual.Name || stored.Spec.DisplayName != "After" {
		t.Errorf("%q has the members %v", stored.Spec.DisplayName, stored.Spec.Members)
	}
}

func turn(t *testing.T, namespace string, position v1alpha1.Synchronization) {
	t.Helper()
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}}
	patch := fmt.Appendf(nil, `{"spec":{"scimSynchronization":%q}}`, position)
	if err := admin.Patch(t.Context(), d, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
}
