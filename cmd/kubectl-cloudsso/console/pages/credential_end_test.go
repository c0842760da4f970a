package pages

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// usable returns a credential that the operator accepts, and that was used or not.
func usable(name string, isUsed bool) v1alpha1.SCIMCredential {
	used := time.Duration(-1)
	if isUsed {
		used = 0
	}
	c := accepting(credentialUsed(name, 0, used), metav1.ConditionTrue)
	c.Spec.ExpiresAt = new(metav1.NewTime(noon.Add(time.Hour)))
	c.Status.SlotHeldSince = new(metav1.NewTime(noon))
	return *c
}

func TestEndOfTheOnlyCredentialInUseIsADanger(t *testing.T) {
	disabled := usable("okta", true)
	disabled.Spec.Disabled = true
	for name, c := range map[string]struct {
		all  []v1alpha1.SCIMCredential // the first one ends
		want string
	}{
		"alone":                    {[]v1alpha1.SCIMCredential{usable("okta", true)}, text("credential.last")},
		"other one disabled":       {[]v1alpha1.SCIMCredential{usable("entra", true), disabled}, text("credential.last")},
		"other one never used":     {[]v1alpha1.SCIMCredential{usable("okta", true), usable("entra", false)}, text("credential.onlyUnused", "okta", "entra")},
		"other one in use":         {[]v1alpha1.SCIMCredential{usable("okta", true), usable("entra", true)}, ""},
		"never used, as the other": {[]v1alpha1.SCIMCredential{usable("okta", false), usable("entra", false)}, ""},
		"not usable, and alone":    {[]v1alpha1.SCIMCredential{disabled}, ""},
	} {
		if got := endDanger(&c.all[0], c.all, noon); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// What the operator says of a former spec is not said of this one.
func TestAcceptanceIsThatOfTheSpec(t *testing.T) {
	c := usable("okta", true)
	if a := acceptanceOf(&c); !a.IsKnown || !a.IsAccepted {
		t.Errorf("got %+v", a)
	}
	c.Generation = 2
	if a := acceptanceOf(&c); a.IsKnown || a.IsAccepted || usableText(&c) != text("credential.unknown") {
		t.Errorf("the operator has seen generation 0 of 2: %+v, %s", a, usableText(&c))
	}
}
