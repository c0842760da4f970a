package pages

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the operator says of a former spec is not said of this one.
func TestAcceptanceIsThatOfTheSpec(t *testing.T) {
	c := accepting(credentialUsed("okta", 0, 0), metav1.ConditionTrue)
	if a := acceptanceOf(c); !a.IsKnown || !a.IsAccepted {
		t.Errorf("got %+v", a)
	}
	c.Generation = 2
	if a := acceptanceOf(c); a.IsKnown || a.IsAccepted || usableText(c) != text("credential.unknown") {
		t.Errorf("the operator has seen generation 0 of 2: %+v, %s", a, usableText(c))
	}
}
