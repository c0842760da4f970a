package store

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A refusal of the operator's own policies passes once they name its account. One of the administrators' does not.
func TestPoliciesOfTheOperatorAreToldFromOthers(t *testing.T) {
	for name, isOther := range map[string]bool{
		"cloudsso-lock":                false,
		"cloudsso-metadata":            false,
		"cloudsso-source":              false,
		"cloudsso-name-claims":         false,
		"cloudsso-deletion-guard":      false,
		"acme-cloudsso-lock":           false,
		"no-contractors":               true,
		"cloudsso-users-have-a-e-mail": true,
	} {
		refusal := errors.New("ValidatingAdmissionPolicy '" + name + "' with binding '" + name + "' denied request: no")
		err := apierrors.NewForbidden(schema.GroupResource{Group: "cloudsso.dev", Resource: "cloudssousers"}, "alice", refusal)
		if got := isRefusedByAdmission(err); got != isOther {
			t.Errorf("%s: %v", name, got)
		}
	}
}
