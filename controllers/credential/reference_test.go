package credential

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/reference"
)

func TestReferenceShowsTheStatusThatIsWritten(t *testing.T) {
	credentials, err := reference.WithStatus[v1alpha1.SCIMCredential]("../../docs/reference/scimcredential.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range credentials {
		want := *c.Status.DeepCopy()
		c.Generation, c.Status.Conditions = c.Status.ObservedGeneration, nil
		found := findings{now: c.Status.SlotHeldSince.Time, stored: c.Status}
		found.writeStatus(&c)
		c.Status.Conditions, want.Conditions = reference.WithoutTimes(c.Status.Conditions), reference.WithoutTimes(want.Conditions)
		if !equality.Semantic.DeepEqual(c.Status, want) {
			t.Errorf("%s has\n%+v\nand the reference shows\n%+v", c.Name, c.Status, want)
		}
	}
}
