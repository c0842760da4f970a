package user

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

const scim, manual = v1alpha1.SourceSCIM, v1alpha1.SourceManual

func newUser(source v1alpha1.Source, userName string) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: source, UserName: userName}}
	u.Name, u.Generation = userName+"-"+strings.ToLower(string(source)), 1
	u.Finalizers = finalizersOf(u)
	u.Status.State = v1alpha1.UserActive // the default of the schema
	return u
}

// The lock or the guard may refuse what people can do about a synchronized user.
func TestMessageAdvisesWhatCanBeDone(t *testing.T) {
	const conflict, gone = v1alpha1.UserConflict, v1alpha1.UserDeprovisioned
	heldBy := func(source v1alpha1.Source) controllerutil.NameHolding {
		return controllerutil.NameHolding{Other: newUser(source, "bob")}
	}
	for _, test := range []struct {
		name    string
		source  v1alpha1.Source
		state   v1alpha1.UserState
		holding controllerutil.NameHolding
		want    string
	}{
		{"two synchronized", scim, conflict, heldBy(scim), `userName "bob" is already that of CloudSSOUser bob-scim; rename or delete one of the two, in the identity provider, or after switching SCIM synchronization off`},
		{"a manual one", manual, conflict, heldBy(scim), "rename or delete one of the two; the one of source SCIM in the identity provider, or after switching SCIM synchronization off"},
		{"two manual", manual, conflict, heldBy(manual), `userName "bob" is already that of CloudSSOUser bob-manual; rename or delete one of the two`},
		{"deprovisioned", scim, gone, controllerutil.NameHolding{}, "until you delete it with SCIM synchronization switched off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUser(test.source, "bob")
			u.Status.State = test.state
			if got := ready(u, test.holding).Message; !strings.HasSuffix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSuspendedMessageNamesTheUserItWasInheritedFrom(t *testing.T) {
	u := newUser(scim, "bob")
	u.Status.State = v1alpha1.UserSuspended
	if got := ready(u, controllerutil.NameHolding{}).Message; !strings.HasPrefix(got, "suspended by an administrator") {
		t.Errorf("without the annotation: %q", got)
	}
	u.Annotations = map[string]string{v1alpha1.AnnotationSuspendedLike: "bob-old"}
	if got := ready(u, controllerutil.NameHolding{}).Message; !strings.Contains(got, "CloudSSOUser bob-old") {
		t.Errorf("with the annotation: %q", got)
	}
}

// Only while claimedName is the present userName does a Manual user take part in access.
func TestClaimedName(t *testing.T) {
	deprovisioned := newUser(manual, "bob")
	deprovisioned.Spec.DeprovisionedAt = new(metav1.Now())
	for _, test := range []struct {
		name    string
		u       *v1alpha1.CloudSSOUser
		holding controllerutil.NameHolding
		want    string
	}{
		{"of a manual user that holds its name", newUser(manual, "bob"), controllerutil.NameHolding{}, "bob"},
		{"of a manual user whose name another holds", newUser(manual, "bob"), controllerutil.NameHolding{Other: newUser(scim, "bob")}, ""},
		{"of a manual user whose name is undecided", newUser(manual, "bob"), controllerutil.NameHolding{Undecided: true}, "robert"},
		{"of a manual user that is deprovisioned", deprovisioned, controllerutil.NameHolding{}, ""},
		{"of a synchronized user", newUser(scim, "bob"), controllerutil.NameHolding{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.u.Status.ClaimedName = "robert"
			computeStatus(test.u, test.holding)
			if got := test.u.Status.ClaimedName; got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestActiveSynchronizedUserNeedsNoStatus(t *testing.T) {
	u := newUser(scim, "bob")
	computeStatus(u, controllerutil.NameHolding{})
	if u.Status.ObservedGeneration != 0 || len(u.Status.Conditions) != 0 || u.Status.State != v1alpha1.UserActive {
		t.Errorf("%+v", u.Status)
	}
}

// An operator that starts reconciles a user for each of these, and for nothing that an identity provider writes into a
// profile.
func TestUserIsSettledUntilSomethingNeedsTheController(t *testing.T) {
	once := func(u *v1alpha1.CloudSSOUser) { // disabled and active again: it has a condition
		u.Spec.Active = new(false)
		computeStatus(u, controllerutil.NameHolding{})
		u.Spec.Active = new(true)
		computeStatus(u, controllerutil.NameHolding{})
	}
	for _, test := range []struct {
		name    string
		settled bool
		change  func(*v1alpha1.CloudSSOUser)
	}{
		{"new and active", true, func(*v1alpha1.CloudSSOUser) {}},
		{"a new profile", true, func(u *v1alpha1.CloudSSOUser) { u.Spec.DisplayName = "Bob"; u.Generation++ }},
		{"another userName", true, func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = "BOB"; u.Generation++ }},
		{"active again", true, once},
		{"active again, with a new profile", true, func(u *v1alpha1.CloudSSOUser) { once(u); u.Spec.DisplayName = "Bob"; u.Generation++ }},
		{"a new manual user", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.Source = manual }},
		{"a manual user", true, func(u *v1alpha1.CloudSSOUser) {
			u.Spec.Source = manual
			computeStatus(u, controllerutil.NameHolding{})
		}},
		{"another userName of a manual user", false, func(u *v1alpha1.CloudSSOUser) {
			u.Spec.Source = manual
			computeStatus(u, controllerutil.NameHolding{})
			u.Spec.UserName = "BOB"
			u.Generation++
		}},
		{"disabled", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }},
		{"suspended", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true }},
		{"deprovisioned", false, func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }},
		{"in conflict", false, func(u *v1alpha1.CloudSSOUser) {
			computeStatus(u, controllerutil.NameHolding{Other: newUser(manual, "bob")})
		}},
		{"a claim that is undecided", false, func(u *v1alpha1.CloudSSOUser) {
			u.Spec.Source = manual
			computeStatus(u, controllerutil.NameHolding{Undecided: true})
		}},
		{"being deleted", false, func(u *v1alpha1.CloudSSOUser) { u.DeletionTimestamp = new(metav1.Now()) }},
		{"without the guard", false, func(u *v1alpha1.CloudSSOUser) { u.Finalizers = u.Finalizers[:1] }},
		{"a status that another client wrote", false, func(u *v1alpha1.CloudSSOUser) { u.Status.State = v1alpha1.UserDisabled }},
		{"a message of an earlier operator", false, func(u *v1alpha1.CloudSSOUser) { once(u); u.Status.Conditions[0].Message = "fine" }},
		{"no status at all", false, func(u *v1alpha1.CloudSSOUser) { u.Status = v1alpha1.CloudSSOUserStatus{} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUser(scim, "bob")
			test.change(u)
			if got := isSettled(u); got != test.settled {
				t.Errorf("settled: %t, status %+v", got, u.Status)
			}
		})
	}
}
