package user

import (
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Nobody is sent to do what the lock or the guard refuses.
func TestAdviceCanBeFollowed(t *testing.T) {
	of := func(source v1alpha1.Source, state v1alpha1.UserState) *v1alpha1.CloudSSOUser {
		u := &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: source, UserName: "bob"}}
		u.Name, u.Status.State = "bob-"+strings.ToLower(string(source)), state
		return u
	}
	const conflict, gone = v1alpha1.UserConflict, v1alpha1.UserDeprovisioned
	const scim, manual = v1alpha1.SourceSCIM, v1alpha1.SourceManual
	for _, test := range []struct {
		name      string
		u, holder *v1alpha1.CloudSSOUser
		want      string
	}{
		{"two synchronized", of(scim, conflict), of(scim, ""), `userName "bob" is already that of CloudSSOUser bob-scim; rename or delete one of the two, in the identity provider, or after switching SCIM synchronization off`},
		{"a manual one", of(manual, conflict), of(scim, ""), "rename or delete one of the two; the one of source SCIM in the identity provider, or after switching SCIM synchronization off"},
		{"two manual", of(manual, conflict), of(manual, ""), `userName "bob" is already that of CloudSSOUser bob-manual; rename or delete one of the two`},
		{"deprovisioned", of(scim, gone), nil, "or, with SCIM synchronization switched off, you delete it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ready(test.u, test.holder).Message; !strings.HasSuffix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
