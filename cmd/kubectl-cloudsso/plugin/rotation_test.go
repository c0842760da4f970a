package plugin

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// A moment is what status says some seconds after the start, and whether the provider has moved by then; -1 is never.
type moment struct {
	at, oldUse, newUse int
	over               bool
}

func TestProviderHasMoved(t *testing.T) {
	for name, moments := range map[string][]moment{
		"new token unused":            {{0, -1, -1, false}, {1000, 900, -1, false}},
		"new token used once":         {{10, -1, 10, false}, {70, -1, 10, false}, {1000, 900, 10, false}, {5000, 900, 10, false}},
		"new token used in a burst":   {{10, -1, 10, false}, {70, -1, 69, false}, {1000, -1, 69, false}},
		"new token alone":             {{0, -1, -1, false}, {10, -1, 10, false}, {69, -1, 60, false}, {70, -1, 70, true}},
		"new token used seldom":       {{10, -1, 10, false}, {3600, -1, 10, false}, {3610, -1, 3610, true}},
		"old token used before":       {{0, -5, -1, false}, {10, -5, 10, false}, {70, -5, 70, true}},
		"old token still used":        {{0, 0, -1, false}, {10, 0, 10, false}, {60, 60, 10, false}, {119, 60, 100, false}, {121, 60, 119, false}, {122, 60, 120, true}},
		"old token used for a while":  {{10, 0, 10, false}, {60, 50, 10, false}, {110, 100, 70, false}, {169, 100, 160, false}, {170, 100, 160, true}},
		"old token's use seen late":   {{10, 0, 10, false}, {69, 0, 69, false}, {70, 30, 70, false}, {129, 30, 129, false}, {130, 30, 130, true}},
		"clock of the operator ahead": {{0, -1, 1000, false}, {60, -1, 1000, false}, {61, -1, 1060, true}},
	} {
		t.Run(name, func(t *testing.T) {
			var m Move
			for _, now := range moments {
				at, successor := start.Add(time.Duration(now.at)*time.Second), usedAt(now.newUse)
				m.Observe(usedAt(now.oldUse), successor, at)
				if over := m.IsOver(successor, time.Minute, at); over != now.over {
					t.Errorf("after %d s: %t", now.at, over)
				}
			}
		})
	}
}

var start = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

func TestTimeUntilTheOldTokenIsQuiet(t *testing.T) {
	var m Move
	old := usedAt(0)
	for _, moment := range []struct {
		at, oldUse int
		want       time.Duration
	}{{10, 0, time.Minute}, {40, 0, 30 * time.Second}, {60, 50, time.Minute}, {130, 50, 0}} {
		at := start.Add(time.Duration(moment.at) * time.Second)
		*old = *usedAt(moment.oldUse)
		m.Observe(old, usedAt(10), at)
		if got := m.QuietIn(time.Minute, at); got != moment.want {
			t.Errorf("after %d s: %s", moment.at, got)
		}
	}
}

func usedAt(second int) *v1alpha1.SCIMCredential {
	c := &v1alpha1.SCIMCredential{}
	if second != -1 {
		c.Status.LastUsedTime = &metav1.Time{Time: start.Add(time.Duration(second) * time.Second)}
	}
	return c
}

func TestSuccessorHasOneFingerprint(t *testing.T) {
	first, second := auth.HashToken("first"), auth.HashToken("second")
	old := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Name: "okta"}, Spec: v1alpha1.SCIMCredentialSpec{TokenHash: first.String()}}
	if name := SuccessorName(old, second); name != "okta-"+second.Fingerprint() {
		t.Error(name)
	}
	old.Name = "okta-" + first.Fingerprint()
	if name := SuccessorName(old, second); name != "okta-"+second.Fingerprint() {
		t.Error(name)
	}
}
