package controlplane_test

import (
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/controlplane"
)

func TestTheOperatorHasItsRightsAndNoMore(t *testing.T) {
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
