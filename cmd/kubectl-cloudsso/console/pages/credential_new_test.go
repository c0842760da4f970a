package pages

import (
	"net/url"
	"slices"
	"testing"
)

func TestSpecOfAForm(t *testing.T) {
	r := &request{now: noon}
	spec, refused := r.specOf(url.Values{"description": {" Okta "}, "expiresAt": {"2027-02-01T08:30"}, "allowedNetworks": {"192.0.2.0/24,\r\n198.51.100.0/24"}})
	if refused != nil {
		t.Fatal(refused)
	}
	if spec.Description != "Okta" || timeValue(spec.ExpiresAt) != "2027-02-01T08:30" {
		t.Errorf("%q, %s", spec.Description, spec.ExpiresAt)
	}
	if want := []string{"192.0.2.0/24", "198.51.100.0/24"}; !slices.Equal(spec.AllowedNetworks, want) {
		t.Error(spec.AllowedNetworks)
	}
	if spec, refused = r.specOf(url.Values{}); refused != nil || spec.ExpiresAt != nil || len(spec.AllowedNetworks) > 0 {
		t.Error(spec, refused)
	}
	for _, typed := range []string{"tomorrow", "2027-01-31T12:00"} {
		if _, refused = r.specOf(url.Values{"expiresAt": {typed}}); refused["expiresAt"] == "" {
			t.Errorf("%s is accepted", typed)
		}
	}
}
