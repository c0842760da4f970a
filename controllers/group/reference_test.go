package group

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/test/reference"
)

// In the example, the member with the name of a Manual user is one.
func TestReferenceShowsTheStatusThatIsWritten(t *testing.T) {
	groups, err := reference.WithStatus[v1alpha1.CloudSSOGroup]("../../docs/reference/cloudssogroup.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		var scan memberScan
		for _, m := range g.Spec.Members {
			u := &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: scim}}
			if m.Name == "ada-lovelace" {
				u.Spec.Source = manual
			}
			scan.addToSynchronized(m.Name, memberLive, u, true)
		}
		want := g.Status
		g.Generation, g.Status = 1, v1alpha1.CloudSSOGroupStatus{}
		computeStatus(&g, controllerutil.NameHolding{}, scan)
		g.Status.Conditions, want.Conditions = reference.WithoutTimes(g.Status.Conditions), reference.WithoutTimes(want.Conditions)
		if !equality.Semantic.DeepEqual(g.Status, want) {
			t.Errorf("%s has\n%+v\nand the reference shows\n%+v", g.Name, g.Status, want)
		}
	}
}
