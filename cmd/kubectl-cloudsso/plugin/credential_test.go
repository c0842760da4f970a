package plugin

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// usable returns a credential that the operator accepts, and that was used at the start or never.
func usable(name string, isUsed bool) v1alpha1.SCIMCredential {
	c := v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Name: name}}
	c.Spec.ExpiresAt = new(metav1.NewTime(start.Add(time.Hour)))
	c.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionUsable, Status: metav1.ConditionTrue}}
	c.Status.SlotHeldSince = new(metav1.NewTime(start))
	if isUsed {
		c.Status.LastUsedTime = new(metav1.NewTime(start))
	}
	return c
}

func TestEndOfTheOnlyCredentialInUseIsADanger(t *testing.T) {
	const last, unused = "No other credential is usable", "that of entra, has never been used"
	disabled := usable("okta", true)
	disabled.Spec.Disabled = true
	for name, c := range map[string]struct {
		all  []v1alpha1.SCIMCredential // the first one ends
		want string                    // what is said; "" for nothing
	}{
		"alone":                    {[]v1alpha1.SCIMCredential{usable("okta", true)}, last},
		"never used, and alone":    {[]v1alpha1.SCIMCredential{usable("okta", false)}, last},
		"other one disabled":       {[]v1alpha1.SCIMCredential{usable("entra", true), disabled}, last},
		"other one never used":     {[]v1alpha1.SCIMCredential{usable("okta", true), usable("entra", false)}, unused},
		"other one in use":         {[]v1alpha1.SCIMCredential{usable("okta", true), usable("entra", true)}, ""},
		"never used, as the other": {[]v1alpha1.SCIMCredential{usable("okta", false), usable("entra", false)}, ""},
		"not usable, and alone":    {[]v1alpha1.SCIMCredential{disabled}, ""},
	} {
		if got := EndDanger(&c.all[0], c.all, start); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
