package user

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
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

// The lock or the guard may refuse what people can do about a synchronized user, and SCIM does not show one whose userName
// another user holds.
func TestMessageAdvisesWhatCanBeDone(t *testing.T) {
	heldBy := func(source v1alpha1.Source) controllerutil.NameHolding {
		return controllerutil.NameHolding{Other: newUser(source, "bob")}
	}
	const hidden = "; the identity provider does not see this one, which can be renamed or deleted after switching SCIM synchronization off"
	unchanged := func(*v1alpha1.CloudSSOUser) {}
	gone := func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }
	for _, test := range []struct {
		name    string
		source  v1alpha1.Source
		change  func(*v1alpha1.CloudSSOUser)
		holding controllerutil.NameHolding
		want    string
	}{
		{"two synchronized", scim, unchanged, heldBy(scim), `userName "bob" is already that of CloudSSOUser bob-scim; rename or delete CloudSSOUser bob-scim in the identity provider` + hidden},
		{"a synchronized one, held by a manual one", scim, unchanged, heldBy(manual), "rename or delete CloudSSOUser bob-manual" + hidden},
		{"a manual one, held by a synchronized one", manual, unchanged, heldBy(scim), "rename or delete this one, or CloudSSOUser bob-scim in the identity provider"},
		{"two manual", manual, unchanged, heldBy(manual), `userName "bob" is already that of CloudSSOUser bob-manual; rename or delete one of the two`},
		{"deprovisioned", scim, gone, controllerutil.NameHolding{}, "until you delete it with SCIM synchronization switched off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUser(test.source, "bob")
			test.change(u)
			for _, c := range []metav1.Condition{ready(u, test.holding), effective(u, test.holding)} {
				if !strings.HasSuffix(c.Message, test.want) {
					t.Errorf("%s: got %q, want %q", c.Type, c.Message, test.want)
				}
			}
		})
	}
}

func TestConditionsOfEachState(t *testing.T) {
	const isTrue, isFalse = metav1.ConditionTrue, metav1.ConditionFalse
	conflict, pending := controllerutil.NameHolding{Other: newUser(scim, "bob")}, controllerutil.NameHolding{Undecided: true}
	for _, test := range []struct {
		name             string
		source           v1alpha1.Source
		change           func(*v1alpha1.CloudSSOUser)
		holding          controllerutil.NameHolding
		ready, effective metav1.ConditionStatus
		reasons          [2]string
	}{
		{"active", manual, func(*v1alpha1.CloudSSOUser) {}, controllerutil.NameHolding{}, isTrue, isTrue, [2]string{v1alpha1.ReasonReady, v1alpha1.ReasonEffective}},
		{"disabled", scim, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }, controllerutil.NameHolding{}, isTrue, isFalse, [2]string{v1alpha1.ReasonDisabled, v1alpha1.ReasonDisabled}},
		{"suspended", scim, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true }, controllerutil.NameHolding{}, isTrue, isFalse, [2]string{v1alpha1.ReasonSuspended, v1alpha1.ReasonSuspended}},
		{"disabled, another user holds the name", manual, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }, conflict, isFalse, isFalse, [2]string{v1alpha1.ReasonUserNameConflict, v1alpha1.ReasonUserNameConflict}},
		{"disabled, the name is undecided", manual, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }, pending, isFalse, isFalse, [2]string{v1alpha1.ReasonUserNamePending, v1alpha1.ReasonDisabled}},
		{"the name is undecided", manual, func(*v1alpha1.CloudSSOUser) {}, pending, isFalse, isFalse, [2]string{v1alpha1.ReasonUserNamePending, v1alpha1.ReasonUserNamePending}},
		{"the name is undecided again", manual, func(u *v1alpha1.CloudSSOUser) { u.Status.ClaimedName = "bob" }, pending, isFalse, isTrue, [2]string{v1alpha1.ReasonUserNamePending, v1alpha1.ReasonEffective}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUser(test.source, "bob")
			test.change(u)
			computeStatus(u, test.holding)
			r, e := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionEffective)
			if r.Status != test.ready || e.Status != test.effective || r.Reason != test.reasons[0] || e.Reason != test.reasons[1] {
				t.Errorf("%+v", u.Status.Conditions)
			}
			generation := int64(0) // a synchronized user's status does not follow its profile
			if test.source == manual {
				generation = u.Generation
			}
			if u.Status.ObservedGeneration != generation || r.ObservedGeneration != generation || e.ObservedGeneration != generation {
				t.Errorf("generations: %+v", u.Status)
			}
		})
	}
}

// There is no access yet that a user could have or lose.
func TestMessagesPromiseNoAccess(t *testing.T) {
	for _, change := range []func(*v1alpha1.CloudSSOUser){
		func(*v1alpha1.CloudSSOUser) {},
		func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) },
		func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true },
		func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) },
	} {
		u := newUser(scim, "bob")
		change(u)
		for _, c := range []metav1.Condition{ready(u, controllerutil.NameHolding{}), effective(u, controllerutil.NameHolding{})} {
			if strings.Contains(c.Message, "access") {
				t.Errorf("%s: %q", c.Type, c.Message)
			}
		}
	}
}

func TestSuspendedMessageNamesTheUserItWasInheritedFrom(t *testing.T) {
	u := newUser(scim, "bob")
	u.Spec.Suspended = true
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
		{"with an owner", false, func(u *v1alpha1.CloudSSOUser) { u.OwnerReferences = []metav1.OwnerReference{{Name: "a"}} }},
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
