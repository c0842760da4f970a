package chaos

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestClaimsWhoseHoldersDoNotHaveTheNameAreLeftOver(t *testing.T) {
	deprovisioned := sampleUser("2", "b")
	deprovisioned.Spec.DeprovisionedAt = new(metav1.Now())
	group := v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{DisplayName: "g"}}
	group.Name = "3"
	ofGroup := sampleClaim("g", "3")
	ofGroup.Spec.Kind = v1alpha1.ClaimedByGroup
	o := Objects{
		Users:  []v1alpha1.CloudSSOUser{sampleUser("1", "A"), deprovisioned},
		Groups: []v1alpha1.CloudSSOGroup{group},
		Claims: []v1alpha1.CloudSSONameClaim{
			sampleClaim("b", "2"), sampleClaim("a", "1"), ofGroup, sampleClaim("renamed", "1"), sampleClaim("absent", "4"), sampleClaim("g", "3"),
		},
	}
	var names []string
	for _, c := range o.leftOver() {
		names = append(names, c.Spec.Name)
	}
	if want := []string{"renamed", "absent", "g", "b"}; listed(names) != listed(want) {
		t.Errorf("%v, want %v", names, want)
	}
}

func TestNoNameStaysBlocked(t *testing.T) {
	unavailable := withOutcome(created("a", "", ""), Unknown)
	for _, tt := range []struct {
		label, rule string
		last        *Op
		inHistory   bool
		users       []v1alpha1.CloudSSOUser
	}{
		{"created", "", opAt(0, 1, created("a", "", "1")), true, []v1alpha1.CloudSSOUser{sampleUser("1", "a")}},
		{"unavailable", "claims: no name stays blocked", opAt(0, -1, unavailable), true, nil},
		{"not tried", "claims: no name stays blocked", nil, true, nil},
		{"taken by an object", "", opAt(0, 1, refused("a", "")), false, []v1alpha1.CloudSSOUser{sampleUser("1", "a")}},
		{"taken by no object", "claims: a name is taken by an object", opAt(0, 1, refused("a", "")), false, nil},
		{"taken, as the history shows", "", opAt(0, 1, refused("a", "")), true, nil},
	} {
		t.Run(tt.label, func(t *testing.T) {
			p := &Probe{claim: sampleClaim("a", "9"), last: tt.last, inHistory: tt.inHistory}
			expectRule(t, CheckProbes([]*Probe{p}, Objects{Users: tt.users}), tt.rule)
		})
	}
}

func TestAProbeWaitsAsRetryAfterSays(t *testing.T) {
	for retryAfter, want := range map[string]time.Duration{"": time.Second, "0": time.Second, "3": 3 * time.Second, "60": 5 * time.Second} {
		if got := probePause(retryAfter); got != want {
			t.Errorf("Retry-After %q: %s, want %s", retryAfter, got, want)
		}
	}
}
