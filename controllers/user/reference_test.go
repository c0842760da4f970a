package user

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/test/reference"
)

func TestReferenceShowsTheStatusThatIsWritten(t *testing.T) {
	users, err := reference.WithStatus[v1alpha1.CloudSSOUser]("../../docs/reference/cloudssouser.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		want := u.Status
		if u.Spec.Source == "" { // the schema's default
			u.Spec.Source = manual
		}
		u.Generation, u.Status = 1, v1alpha1.CloudSSOUserStatus{}
		computeStatus(&u, controllerutil.NameHolding{})
		u.Status.Conditions, want.Conditions = reference.WithoutTimes(u.Status.Conditions), reference.WithoutTimes(want.Conditions)
		if !equality.Semantic.DeepEqual(u.Status, want) {
			t.Errorf("%s has\n%+v\nand the reference shows\n%+v", u.Name, u.Status, want)
		}
	}
}
