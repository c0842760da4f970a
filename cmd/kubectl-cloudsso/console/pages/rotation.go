package pages

import (
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// succession is a credential and the one that follows it.
type succession struct{ Old, New *v1alpha1.SCIMCredential }

// successionOf returns which of two credentials follows the other: the newer the older; nil if there are not two.
func successionOf(all []v1alpha1.SCIMCredential) *succession {
	if len(all) != v1alpha1.MaxCredentials {
		return nil
	}
	first, second := &all[0], &all[1]
	if second.CreationTimestamp.Before(&first.CreationTimestamp) {
		first, second = second, first
	}
	return &succession{first, second}
}

// rotationPage follows an identity provider from one credential to its successor.
type rotationPage struct {
	succession // Old is nil if it is revoked
	Step       rotationStep
	// QuietIn is after how long the old one has been unused for long enough; zero if it has, or if that does not matter.
	QuietIn time.Duration
	OldName string
	Lacks   string // the right to revoke the old one, if the person lacks it
}

// UseOf says whether the operator accepts a credential.
func (rotationPage) UseOf(c *v1alpha1.SCIMCredential) string { return acceptanceOf(c).Words }

// rotationStep is how far a provider has come, and what is to be done.
type rotationStep string

// The steps of a rotation.
const (
	stepRefused rotationStep = "refused" // the operator does not accept the successor
	stepUnused  rotationStep = "unused"  // the successor has not been used
	stepBoth    rotationStep = "both"    // the old one may still be in use
	stepQuiet   rotationStep = "quiet"   // the old one is unused, and the successor has not been used again since
	stepMoved   rotationStep = "moved"   // only the successor is used
	stepAlone   rotationStep = "alone"   // the old one is revoked, and the successor has not been used
	stepDone    rotationStep = "done"    // the old one is revoked, and the successor is used
)

// IsLast reports whether nothing is to be waited for any more.
func (s rotationStep) IsLast() bool { return s == stepDone }

// Words says how far the provider has come, and what to do.
func (s rotationStep) Words() string {
	if s == stepBoth || s == stepQuiet {
		return text("rotation."+string(s), policy.ShortDuration(plugin.QuietTime))
	}
	return text("rotation." + string(s))
}

// observed is what the looks at a rotation have shown so far.
type observed struct {
	// HasMoved says that the provider uses only the successor by now.
	HasMoved bool
	// QuietIn is after how long the old credential has been unused for long enough, if it is not used again.
	QuietIn time.Duration
}

// stepOf returns how far a provider has come.
func (s succession) stepOf(o observed) rotationStep {
	isUsed, use := !s.New.Status.LastUsedTime.IsZero(), acceptanceOf(s.New)
	switch {
	case use.IsKnown && !use.IsAccepted:
		return stepRefused
	case s.Old == nil && isUsed:
		return stepDone
	case s.Old == nil:
		return stepAlone
	case o.HasMoved:
		return stepMoved
	case isUsed && o.QuietIn == 0:
		return stepQuiet
	case isUsed:
		return stepBoth
	}
	return stepUnused
}

func (c *console) rotation(r *request) (*view, error) {
	page := rotationPage{OldName: r.URL.Query().Get(oldParameter)}
	if page.OldName == "" {
		return nil, errNoPage
	}
	var err error
	if page.New, err = r.readCredential(r.PathValue("name")); err != nil {
		return nil, err
	}
	if page.Old, err = r.readCredential(page.OldName); apierrors.IsNotFound(err) {
		page.Old = nil
	} else if err != nil {
		return nil, err
	}
	remove := rightToCredential("delete", page.OldName)
	held, err := r.readRights(remove)
	if err != nil {
		return nil, err
	}
	page.Lacks = held.Missing(remove)
	var so observed
	if page.Old != nil {
		so = c.moves.observe(page.succession, r.now)
	}
	if page.Step = page.stepOf(so); page.Step == stepBoth {
		page.QuietIn = (so.QuietIn + time.Second - 1).Truncate(time.Second) // not 0s
	}
	return &view{Title: text("rotation.title"), template: "credential_rotation", Data: page}, nil
}

// rotationState returns the part of that page that changes, for the page that shows it. An error is shown in its place.
func (c *console) rotationState(r *request) (*view, error) {
	v, err := c.rotation(r)
	if err != nil {
		return &view{template: "credential_rotation", part: "lost", Data: err.Error()}, nil
	}
	v.part = "state"
	return v, nil
}

// maxMoves bounds how many rotations are remembered: those of the last hours, in each directory that a console is used for.
const maxMoves = 1000

// moves are the providers that go from one credential to its successor, as far as pages were asked about them. After a restart the
// observation begins again.
type moves struct {
	mu   sync.Mutex
	seen map[[2]types.UID]*plugin.Move
}

// observe notes the last uses of both credentials, and returns what the looks so far have shown.
func (m *moves) observe(s succession, now time.Time) observed {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]types.UID{s.Old.UID, s.New.UID}
	if m.seen[key] == nil {
		if m.seen == nil || len(m.seen) >= maxMoves {
			m.seen = map[[2]types.UID]*plugin.Move{}
		}
		m.seen[key] = &plugin.Move{}
	}
	move := m.seen[key]
	move.Observe(s.Old, s.New, now)
	return observed{move.IsOver(s.New, plugin.QuietTime, now), move.QuietIn(plugin.QuietTime, now)}
}
