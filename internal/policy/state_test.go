package policy_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

var (
	long  = metav1.Date(2027, time.January, 31, 12, 0, 0, 0, time.UTC)
	later = metav1.NewTime(long.Add(time.Hour))
)

func newUser(changes ...func(*v1alpha1.CloudSSOUser)) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{UserName: "alice", Source: v1alpha1.SourceSCIM}}
	for _, change := range changes {
		change(u)
	}
	return u
}

func inactive(u *v1alpha1.CloudSSOUser)      { u.Spec.Active = new(bool) }
func suspended(u *v1alpha1.CloudSSOUser)     { u.Spec.Suspended = true }
func deprovisioned(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = &long }
func terminating(u *v1alpha1.CloudSSOUser)   { u.DeletionTimestamp = &long }
func manual(u *v1alpha1.CloudSSOUser)        { u.Spec.Source = v1alpha1.SourceManual }
func guarded(u *v1alpha1.CloudSSOUser) {
	u.Finalizers = []string{v1alpha1.FinalizerMemberships, v1alpha1.FinalizerGuard}
}

func TestUserState(t *testing.T) {
	active := func(u *v1alpha1.CloudSSOUser) { yes := true; u.Spec.Active = &yes }
	for _, test := range []struct {
		name     string
		user     *v1alpha1.CloudSSOUser
		conflict bool
		want     v1alpha1.UserState
	}{
		{"active absent", newUser(), false, v1alpha1.UserActive},
		{"active: true", newUser(active), false, v1alpha1.UserActive},
		{"active: false", newUser(inactive), false, v1alpha1.UserDisabled},
		{"suspended", newUser(suspended), false, v1alpha1.UserSuspended},
		{"disabled before suspended", newUser(inactive, suspended), false, v1alpha1.UserDisabled},
		{"conflict before disabled", newUser(inactive, suspended), true, v1alpha1.UserConflict},
		{"deprovisioned before all", newUser(deprovisioned, inactive, suspended), true, v1alpha1.UserDeprovisioned},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := policy.UserState(test.user, test.conflict); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestUserIsLiveAndEffective(t *testing.T) {
	for _, test := range []struct {
		name            string
		user            *v1alpha1.CloudSSOUser
		conflict        bool
		live, effective bool
	}{
		{"active", newUser(guarded), false, true, true},
		{"in conflict", newUser(), true, true, false},
		{"disabled", newUser(inactive), false, true, false},
		{"suspended", newUser(suspended), false, true, false},
		{"deprovisioned", newUser(deprovisioned), false, false, false},
		{"being deleted", newUser(terminating), false, false, false},
		{"being deleted, held by the guard", newUser(terminating, guarded), false, true, true},
		{"deprovisioned, being deleted, held by the guard", newUser(deprovisioned, terminating, guarded), false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := policy.IsLive(test.user); got != test.live {
				t.Errorf("live: %t", got)
			}
			if got := policy.IsEffective(test.user, test.conflict); got != test.effective {
				t.Errorf("effective: %t", got)
			}
		})
	}
}

func TestGroupIsLiveUntilItTerminates(t *testing.T) {
	g := &v1alpha1.CloudSSOGroup{}
	if !policy.IsLive(g) {
		t.Error("a group is not live")
	}
	g.DeletionTimestamp = &long
	if policy.IsLive(g) {
		t.Error("a terminating group is live")
	}
	g.Finalizers = []string{v1alpha1.FinalizerGuard}
	if !policy.IsLive(g) {
		t.Error("a group held by the guard is not live")
	}
}

func TestDeletionThatIsHeld(t *testing.T) {
	const on, off = policy.SwitchEnabled, policy.SwitchDisabled
	for _, test := range []struct {
		name     string
		user     *v1alpha1.CloudSSOUser
		position policy.Switch
		want     bool
	}{
		{"synchronized, switch on", newUser(terminating, guarded), on, true},
		{"synchronized, not activated", newUser(terminating, guarded), policy.SwitchAwaitingActivation, true},
		{"synchronized, no directory", newUser(terminating, guarded), policy.SwitchAbsent, false},
		{"synchronized, switch off", newUser(terminating, guarded), off, false},
		{"guard lifted", newUser(terminating), on, false},
		{"manual", newUser(terminating, guarded, manual), on, false},
		{"not deleted", newUser(guarded), on, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := policy.ProtectsDeletion(test.user, test.position); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestSourceOfEveryKind(t *testing.T) {
	const manual = v1alpha1.SourceManual
	for want, objects := range map[v1alpha1.Source][]metav1.Object{
		manual: {
			&v1alpha1.CloudSSOUser{Spec: v1alpha1.CloudSSOUserSpec{Source: manual}},
			&v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: manual}},
			&v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Source: manual}},
		},
		"": {&v1alpha1.CloudSSODirectory{}},
	} {
		for _, o := range objects {
			if got := policy.SourceOf(o); got != want {
				t.Errorf("%T: %q", o, got)
			}
		}
	}
}

func TestLastModifiedIsTheCreationTimeUntilItIsSet(t *testing.T) {
	u := newUser()
	u.CreationTimestamp = long
	if at := policy.LastModified(u); !at.Equal(long.Time) {
		t.Errorf("of a new user: %s", at)
	}
	former := map[string]string{"note": "a"}
	u.Annotations = former
	policy.SetLastModified(u, later.Add(time.Nanosecond))
	if at := policy.LastModified(u); !at.Equal(later.Add(time.Nanosecond)) || u.Annotations["note"] != "a" {
		t.Errorf("set: %s, %v", at, u.Annotations)
	}
	if len(former) != 1 {
		t.Errorf("the former annotations are %v", former)
	}
}
