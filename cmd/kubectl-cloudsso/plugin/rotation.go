package plugin

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// QuietTime is how long the old token must be unused while the new one is used. Two minutes, because the operator writes a use up
// to a minute late.
const QuietTime = 2 * time.Minute

// Move is what is known of a provider that goes from one credential to its successor.
type Move struct {
	oldUse *metav1.Time
	// quietSince is since when only the new token is used, by the clock of this machine; zero before its first use.
	quietSince time.Time
	// lastBefore is the last use of either token at that time, by the clock of the operator.
	lastBefore time.Time
}

// Observe notes the last uses of both credentials, as they are read now. A new use of the old one starts the time again.
func (m *Move) Observe(old, successor *v1alpha1.SCIMCredential, now time.Time) {
	oldUse, newUse := old.Status.LastUsedTime, successor.Status.LastUsedTime
	if !newUse.IsZero() && (m.quietSince.IsZero() || !oldUse.Equal(m.oldUse)) {
		m.quietSince, m.lastBefore = now, newUse.Time
		if !oldUse.IsZero() && oldUse.After(newUse.Time) {
			m.lastBefore = oldUse.Time
		}
	}
	m.oldUse = oldUse
}

// QuietIn returns after how long only the new token will have been used for some time, if the old one is not used again: zero if it
// has been. It is meant for a new token that was used.
func (m *Move) QuietIn(quiet time.Duration, now time.Time) time.Duration {
	return max(0, quiet-now.Sub(m.quietSince))
}

// IsOver reports whether only the new token was used for some time, and was used again at the end of it. One use is no proof:
// a person who tests a token has not saved it yet.
func (m *Move) IsOver(successor *v1alpha1.SCIMCredential, quiet time.Duration, now time.Time) bool {
	return !m.quietSince.IsZero() && now.Sub(m.quietSince) >= quiet && successor.Status.LastUsedTime.Sub(m.lastBefore) >= quiet
}
