package chaos

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// sampleUser returns an active user of source SCIM.
func sampleUser(name, userName string) (u v1alpha1.CloudSSOUser) {
	u.Name = name
	u.Spec = v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: userName}
	u.Status.State = v1alpha1.UserActive
	return u
}

func sampleClaim(name, holder string) (c v1alpha1.CloudSSONameClaim) {
	c.Name = "claim-" + name + "-" + holder
	c.Spec = v1alpha1.CloudSSONameClaimSpec{Kind: v1alpha1.ClaimedByUser, Name: name, Holder: holder}
	return c
}

// namesakes returns two live users of the name a. The first holds it.
func namesakes() Objects {
	return Objects{
		Users:  []v1alpha1.CloudSSOUser{sampleUser("1", "A"), sampleUser("2", "a")},
		Claims: []v1alpha1.CloudSSONameClaim{sampleClaim("a", "1")},
	}
}

func TestAcknowledgedObjectsHoldTheirNames(t *testing.T) {
	first, second := opAt(0, 1, created("a", "", "1")), opAt(2, 3, created("a", "", "2"))
	for _, tt := range []struct {
		label, wrong string
		change       func(o *Objects)
		ops          []*Op
	}{
		{"one acknowledged", "", func(*Objects) {}, []*Op{first}},
		{"both acknowledged", "all were acknowledged", func(*Objects) {}, []*Op{first, second}},
		{"the second acknowledged by a rename", "all were acknowledged", func(*Objects) {}, []*Op{first, opAt(2, 3, renamed("2", "a"))}},
		{"the second of unknown outcome", "", func(*Objects) {}, []*Op{first, opAt(2, -1, resolved(created("a", "", "2")))}},
		{"the second acknowledged under another name", "", func(*Objects) {}, []*Op{first, opAt(2, 3, created("b", "", "2"))}},
		{"the claim is the other's", "its claim is that of \"2\"", func(o *Objects) { o.Claims[0].Spec.Holder = "2" }, []*Op{first}},
		{"no claim", "its claim is that of \"\"", func(o *Objects) { o.Claims = nil }, []*Op{first}},
		{"the claim of a group", "its claim is that of \"\"", func(o *Objects) { o.Claims[0].Spec.Kind = v1alpha1.ClaimedByGroup }, []*Op{first}},
		{"two claims", "has two claims", func(o *Objects) { o.Claims = append(o.Claims, sampleClaim("a", "1")) }, []*Op{first}},
		{"gone", "user 1, acknowledged by #0, does not exist", func(o *Objects) { o.Users = o.Users[1:] }, []*Op{first}},
		{"deprovisioned, without a claim", "", func(o *Objects) {
			o.Users[0].Spec.DeprovisionedAt, o.Claims = new(metav1.Now()), nil
		}, []*Op{first}},
		{"a group's id used twice", "created two groups with the id 3", func(*Objects) {}, []*Op{opAt(0, 1, ofGroup(created("a", "", "3"))), opAt(2, 3, ofGroup(created("b", "", "3")))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o := namesakes()
			tt.change(&o)
			expectText(t, o.CheckInvariants(tt.ops), tt.wrong)
		})
	}
}

// expectText checks that the violations are one that says wrong, or none if that is empty.
func expectText(t *testing.T, violations []Violation, wrong string) {
	t.Helper()
	var all []string
	for _, v := range violations {
		all = append(all, v.Text)
	}
	if text := strings.Join(all, "; "); !strings.Contains(text, wrong) || wrong == "" && text != "" {
		t.Errorf("%q, want %q", text, wrong)
	}
}

func TestASecondHolderIsNotVisible(t *testing.T) {
	for _, tt := range []struct {
		label    string
		change   func(o *Objects)
		visible  []string
		notFound []string
	}{
		{"two live users", func(*Objects) {}, []string{"1"}, []string{"/Users/2"}},
		{"the first is deprovisioned", func(o *Objects) { o.Users[0].Spec.DeprovisionedAt = new(metav1.Now()) }, []string{"2"}, []string{"/Users/1"}},
		{"the second has another name", func(o *Objects) { o.Users[1].Spec.UserName = "b" }, []string{"1", "2"}, nil},
		{"the second is Manual", func(o *Objects) { o.Users[1].Spec.Source = v1alpha1.SourceManual }, []string{"1"}, nil},
		{"the first is Manual", func(o *Objects) { o.Users[0].Spec.Source = v1alpha1.SourceManual }, nil, []string{"/Users/2"}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o := namesakes()
			tt.change(&o)
			users, _ := o.visible()
			if got := difference(users, nil); !slices.Equal(got, tt.visible) {
				t.Errorf("visible: %v, want %v", got, tt.visible)
			}
			if got := o.notFound(); !slices.Equal(got, tt.notFound) {
				t.Errorf("not found: %v, want %v", got, tt.notFound)
			}
		})
	}
}

func TestControllersHaveFinishedWhenStatusSaysSo(t *testing.T) {
	const isTrue, isFalse = metav1.ConditionTrue, metav1.ConditionFalse
	conditions := func(ready, effective metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: ready}, {Type: v1alpha1.ConditionEffective, Status: effective}}
	}
	conflict := v1alpha1.CloudSSOUserStatus{State: v1alpha1.UserConflict, Conditions: conditions(isFalse, isFalse)}
	for _, tt := range []struct {
		label, wrong string
		change       func(o *Objects)
	}{
		{"the second in conflict", "", func(*Objects) {}},
		{"the second not in conflict", "user 2 is Active and should be Conflict", func(o *Objects) { o.Users[1].Status.State = v1alpha1.UserActive }},
		{"the second in conflict and Ready", "user 2 is Conflict and Ready should be false", func(o *Objects) { o.Users[1].Status.Conditions = conditions(isTrue, isFalse) }},
		{"the second in conflict and Effective", "user 2 is Conflict and Effective should be false", func(o *Objects) { o.Users[1].Status.Conditions = conditions(isFalse, isTrue) }},
		{"the first in conflict", "user 1 is Conflict and should be Active", func(o *Objects) { o.Users[0].Status = conflict }},
		{"neither holds the name", "is the name of [1 2]", func(o *Objects) { o.Claims[0].Spec.Holder = "3" }},
		{"a Manual user without its claim", "its claimedName is", func(o *Objects) { o.Users[0].Spec.Source = v1alpha1.SourceManual }},
		{"a Manual user with its claim", "", func(o *Objects) {
			o.Users[0].Spec.Source, o.Users[0].Status.ClaimedName = v1alpha1.SourceManual, "A"
		}},
		{"suspended, and not reported", "user 1 is Active and should be Suspended", func(o *Objects) { o.Users[0].Spec.Suspended = true }},
		{"disabled without a condition", "user 1 is Disabled and Ready should be true", func(o *Objects) { o.Users[0].Spec.Active, o.Users[0].Status.State = new(false), v1alpha1.UserDisabled }},
		{"disabled, and Ready", "", func(o *Objects) {
			o.Users[0].Spec.Active, o.Users[0].Status.State = new(false), v1alpha1.UserDisabled
			o.Users[0].Status.Conditions = conditions(isTrue, isFalse)
		}},
		{"active, and not Ready", "user 1 is Active and Ready should be true", func(o *Objects) { o.Users[0].Status.Conditions = conditions(isFalse, isTrue) }},
		{"active, and not Effective", "user 1 is Active and Effective should be true", func(o *Objects) { o.Users[0].Status.Conditions = conditions(isTrue, isFalse) }},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o := namesakes()
			o.Users[1].Status = conflict
			tt.change(&o)
			all := strings.Join(o.unsettled(), "; ")
			if !strings.Contains(all, tt.wrong) || tt.wrong == "" && all != "" {
				t.Errorf("%q, want %q", all, tt.wrong)
			}
		})
	}
}
