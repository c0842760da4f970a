package chaos

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Users 1 and 2 have the name a, one after the other. User 1 was suspended by an administrator before it was
// deprovisioned.
func TestSuspensionsAreInherited(t *testing.T) {
	const rule = "suspended"
	suspended := Suspension{User: "1", Call: 1 * time.Millisecond, Return: 2 * time.Millisecond, Done: true}
	unknown, late := suspended, suspended
	unknown.Done, late.Call, late.Return = false, 8*time.Millisecond, 9*time.Millisecond
	first := func() *Op { return opAt(0, 1, created("a", "", "1")) }
	gone := func() *Op { return opAt(3, 4, deleted("1")) }
	second := func() *Op { return opAt(5, 6, created("a", "", "2")) }
	for _, tt := range []struct {
		label, rule        string
		suspensions        []Suspension
		isFirst, isSecond  bool // suspended at the end
		additional         []*Op
		secondIsByHand     bool
		firstIsStillActive bool
	}{
		{label: "inherited", suspensions: []Suspension{suspended}, isFirst: true, isSecond: true},
		{label: "not inherited", rule: rule, suspensions: []Suspension{suspended}, isFirst: true},
		{label: "lifted", rule: rule, suspensions: []Suspension{suspended}, isSecond: true},
		{label: "invented", rule: rule, isSecond: true},
		{label: "inherited from a live user", rule: rule, suspensions: []Suspension{suspended}, isFirst: true, isSecond: true, firstIsStillActive: true},
		{label: "of unknown outcome, and stored", suspensions: []Suspension{unknown}, isFirst: true, isSecond: true},
		{label: "of unknown outcome, and not stored", suspensions: []Suspension{unknown}},
		{label: "suspended after the create", suspensions: []Suspension{late}, isFirst: true},
		{label: "another took the name in between", suspensions: []Suspension{suspended}, isFirst: true, additional: []*Op{opAt(4, 5, renamed("3", "a"))}},
		{label: "another create without an answer", suspensions: []Suspension{suspended}, isFirst: true, additional: []*Op{opAt(4, -1, withOutcome(created("a", "", ""), Unknown))}},
		{label: "another request for the name long before", rule: rule, suspensions: []Suspension{suspended}, isFirst: true, additional: []*Op{opAt(1, 2, refused("a", ""))}},
		{label: "the second was adopted", suspensions: []Suspension{suspended}, isFirst: true, secondIsByHand: true},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o := Objects{Users: []v1alpha1.CloudSSOUser{sampleUser("1", "A"), sampleUser("2", "a")}}
			o.Users[0].Spec.Suspended, o.Users[1].Spec.Suspended = tt.isFirst, tt.isSecond
			ops := append([]*Op{first(), gone(), second()}, tt.additional...)
			if tt.firstIsStillActive {
				ops = []*Op{first(), second()}
			} else {
				o.Users[0].Spec.DeprovisionedAt = new(metav1.Now())
			}
			if tt.secondIsByHand {
				o.Users[1].Name = manualPrefix + "2"
				ops[2].Result = o.Users[1].Name
			}
			expectRule(t, o.CheckSuspensions(ops, tt.suspensions), tt.rule)
		})
	}
}
