package user

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// An operator looks at a user again for each of these, and for nothing that a provider writes into a profile.
func TestWhoIsSettled(t *testing.T) {
	for _, test := range []struct {
		name    string
		settled bool
		change  func(*v1alpha1.CloudSSOUser)
	}{
		{"as it was left", true, func(*v1alpha1.CloudSSOUser) {}},
		{"a new profile", true, func(u *v1alpha1.CloudSSOUser) { u.Spec.DisplayName = "Bob"; u.Generation++ }},
		{"a new profile of a manual user", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.Source = v1alpha1.SourceManual; u.Generation++ }},
		{"a leaver", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }},
		{"suspended", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true }},
		{"deprovisioned", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }},
		{"another name", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = "BOB" }},
		{"a name that was reserved", false, func(u *v1alpha1.CloudSSOUser) {
			u.Annotations = map[string]string{v1alpha1.AnnotationReservation: "n"}
		}},
		{"being deleted", false, func(u *v1alpha1.CloudSSOUser) { u.DeletionTimestamp = new(metav1.Now()) }},
		{"without the guard", false, func(u *v1alpha1.CloudSSOUser) { u.Finalizers = u.Finalizers[:1] }},
		{"a status that somebody else wrote", false, func(u *v1alpha1.CloudSSOUser) { u.Status.State = v1alpha1.UserDisabled }},
		{"a message of an earlier operator", false, func(u *v1alpha1.CloudSSOUser) { u.Status.Conditions[0].Message = "fine" }},
		{"never looked at", false, func(u *v1alpha1.CloudSSOUser) { u.Status = v1alpha1.CloudSSOUserStatus{} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "bob"}}
			u.Generation, u.Finalizers = 1, finalizersOf(u)
			record(u, u)
			test.change(u)
			if got := isSettled(u); got != test.settled {
				t.Errorf("settled: %t", got)
			}
		})
	}
}
