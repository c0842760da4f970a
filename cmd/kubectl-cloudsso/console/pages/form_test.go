package pages

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fields "k8s.io/apimachinery/pkg/util/validation/field"
)

func TestFaultsAreAtTheirInputs(t *testing.T) {
	refused := faultsOf(apierrors.NewInvalid(schema.GroupKind{Kind: "CloudSSODirectory"}, "default", fields.ErrorList{
		fields.Invalid(fields.NewPath("spec", "rateLimit", "burst"), 0, "should be greater than or equal to 1"),
		fields.Invalid(fields.NewPath("spec", "disablementBudget"), "", "set exactly one of count and percent"),
		fields.Invalid(fields.NewPath("spec", "disablementBudget", "count"), 0, "should be greater than or equal to 1"),
	}), settingInputs)
	if refused["burst"] != "Invalid value: 0: should be greater than or equal to 1" {
		t.Error(refused["burst"])
	}
	if want := `Invalid value: "": set exactly one of count and percent Invalid value: 0: should be greater than or equal to 1`; refused["amount"] != want {
		t.Error(refused["amount"])
	}
	if len(refused) != 2 {
		t.Error(refused)
	}
}

func TestFaultWithoutInputIsAboutTheForm(t *testing.T) {
	for name, err := range map[string]error{
		"another field": apierrors.NewInvalid(schema.GroupKind{Kind: "CloudSSODirectory"}, "default", fields.ErrorList{fields.Forbidden(fields.NewPath("metadata"), "no")}),
		"a policy":      apierrors.NewForbidden(schema.GroupResource{Resource: "cloudssodirectories"}, "default", errors.New("denied")),
		"no status":     errors.New("connection refused"),
	} {
		if refused := faultsOf(err, settingInputs); refused[""] != err.Error() || len(refused) != 1 {
			t.Errorf("%s: %v", name, refused)
		}
	}
}

// A form has no input for each field that the API server may refuse.
func TestFaultWithoutInputIsShownBesideThoseOfInputs(t *testing.T) {
	refused := faultsOf(apierrors.NewInvalid(schema.GroupKind{Kind: "CloudSSODirectory"}, "default", fields.ErrorList{
		fields.Invalid(fields.NewPath("spec", "rateLimit", "burst"), 0, "should be greater than or equal to 1"),
		fields.Forbidden(fields.NewPath("metadata", "labels"), "the first reason"),
		fields.Forbidden(fields.NewPath("spec", "resumeAt"), "the second reason"),
	}), settingInputs)
	if refused["burst"] != "Invalid value: 0: should be greater than or equal to 1" {
		t.Error(refused["burst"])
	}
	if want := "metadata.labels: Forbidden: the first reason spec.resumeAt: Forbidden: the second reason"; refused[""] != want {
		t.Error(refused[""])
	}
}

// The page of a credential has an input for its expiry alone.
func TestFaultOfAnotherFieldIsShownWithTheExpiry(t *testing.T) {
	err := apierrors.NewInvalid(schema.GroupKind{Kind: "SCIMCredential"}, "okta", fields.ErrorList{
		fields.Forbidden(fields.NewPath("spec", "expiresAt"), "no"), fields.Forbidden(fields.NewPath("spec", "allowedNetworks"), "neither"),
	})
	if refused := faultsOf(err, expiryInput); refused[expiryField] != "Forbidden: no" || refused[""] != "spec.allowedNetworks: Forbidden: neither" {
		t.Error(refused)
	}
}

func TestFaultOfAListIsAtItsInput(t *testing.T) {
	if input := inputOf("spec.allowedNetworks[1]", credentialInputs); input != "allowedNetworks" {
		t.Error(input)
	}
}
