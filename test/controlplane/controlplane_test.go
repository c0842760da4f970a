package controlplane_test

import (
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

func TestOperatorHasOnlyItsRights(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := cp.AwaitPolicies(t.Context()); err != nil {
		t.Fatal(err)
	}
	config, err := cp.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	operator, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		verb, group, resource string
		allowed               bool
	}{
		{"create", "cloudsso.dev", "cloudssousers", true},
		{"delete", "", "namespaces", false},
		{"list", "", "pods", false},
		{"update", "cloudsso.dev", "cloudssodirectories", false},
	} {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "acme", Verb: tt.verb, Group: tt.group, Resource: tt.resource},
		}}
		if err := operator.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != tt.allowed {
			t.Errorf("%s %s: allowed %v, want %v", tt.verb, tt.resource, review.Status.Allowed, tt.allowed)
		}
	}
}

// The role of a binding cannot be changed, and kept data may have a binding to a role of another name.
func TestKeptDataGetThePresentRoles(t *testing.T) {
	options := controlplane.Options{DataDir: t.TempDir()}
	named := metav1.ObjectMeta{Name: controlplane.OperatorServiceAccount}
	for _, last := range []bool{false, true} {
		cp, err := controlplane.Start(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		admin, err := client.New(cp.Admin(), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		binding := &rbacv1.ClusterRoleBinding{}
		if err := admin.Get(t.Context(), client.ObjectKey{Name: named.Name}, binding); err != nil {
			t.Error(err)
		}
		if role := binding.RoleRef.Name; role != controlplane.OperatorServiceAccount {
			t.Errorf("the operator is bound to %s", role)
		}
		if !last {
			old := &rbacv1.ClusterRoleBinding{ObjectMeta: named, RoleRef: binding.RoleRef, Subjects: binding.Subjects}
			old.RoleRef.Name = "manager-role"
			if err := admin.Delete(t.Context(), binding); err != nil {
				t.Error(err)
			}
			if err := admin.Create(t.Context(), old); err != nil {
				t.Error(err)
			}
		}
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// After a crash of the API server, clients still authenticate, and all objects exist.
func TestKilledAPIServerStartsAgain(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	}()
	config, err := cp.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	operator, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	review := func() error {
		return operator.Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "create", Group: "cloudsso.dev", Resource: "cloudssousers"},
		}})
	}
	if err := cp.KillAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := review(); err == nil {
		t.Error("a killed API server has answered")
	}
	if err := cp.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := review(); err != nil {
		t.Error(err)
	}
}
