package credential

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
		"new token unused":           {{0, -1, -1, false}, {1000, 900, -1, false}},
		"new token alone":            {{0, -1, -1, false}, {10, -1, 10, false}, {69, -1, 60, false}, {70, -1, 60, true}},
		"old token used before":      {{0, -5, -1, false}, {10, -5, 10, false}, {70, -5, 10, true}},
		"old token still used":       {{0, 0, -1, false}, {10, 0, 10, false}, {60, 60, 10, false}, {119, 60, 100, false}, {120, 60, 100, true}},
		"old token used for a while": {{10, 0, 10, false}, {60, 50, 10, false}, {110, 100, 10, false}, {169, 100, 10, false}, {170, 100, 10, true}},
	} {
		t.Run(name, func(t *testing.T) {
			var m move
			for _, now := range moments {
				m.observe(usedAt(now.oldUse), usedAt(now.newUse), start.Add(time.Duration(now.at)*time.Second))
				if over := m.isOver(time.Minute, start.Add(time.Duration(now.at)*time.Second)); over != now.over {
					t.Errorf("after %d s: %t", now.at, over)
				}
			}
		})
	}
}

var start = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

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
	if name := successorName(old, second); name != "okta-"+second.Fingerprint() {
		t.Error(name)
	}
	old.Name = "okta-" + first.Fingerprint()
	if name := successorName(old, second); name != "okta-"+second.Fingerprint() {
		t.Error(name)
	}
}
