package directory

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/test/reference"
)

func TestReferenceShowsTheConditionsThatAreWritten(t *testing.T) {
	directories, err := reference.WithStatus[v1alpha1.CloudSSODirectory]("../../docs/reference/cloudssodirectory.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range directories {
		d.Namespace = "acme"
		position, now := policy.SwitchOf(&d), d.Status.SwitchedAt.Time
		for i, c := range []metav1.Condition{ready(&d), activated(&d), resync(&d, position, now)} {
			shown := d.Status.Conditions[i]
			c.LastTransitionTime, c.ObservedGeneration = shown.LastTransitionTime, d.Status.ObservedGeneration
			if c != shown {
				t.Errorf("the condition is\n%+v\nand the reference shows\n%+v", c, shown)
			}
		}
		if c := d.Status.Groups; c.Total != c.SCIM+c.Manual {
			t.Errorf("%+v", c)
		}
	}
}
