package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Times is the promise that an assignment gives its role at no other time than from spec.notBefore to spec.expiresAt, by a
// clock that is right. What it gives or takes while the clock is wrong is not judged, but has to be put right afterwards.
type Times struct {
	// Since returns when a time was, in a history.
	Since        func(time.Time) time.Duration
	Jumps        []Period
	Disturbances []Disturbance
	// Ops are the requests, which show how slow the machine is.
	Ops []*Op

	// Ends is how long after its end each access was gone: after the time of the assignment, or after the clock was right
	// again.
	Ends []time.Duration
}

// Period is a part of a history.
type Period struct{ From, To time.Duration }

// Check checks what was seen of the bindings.
func (t *Times) Check(presences []Presence, assignments []v1alpha1.CloudSSOAccessAssignment) (violations []Violation) {
	periods := map[string][]Period{}
	for i := range assignments {
		if a := &assignments[i]; a.Spec.NotBefore != nil || a.Spec.ExpiresAt != nil {
			periods[a.Name] = t.periodsOf(a)
		}
	}
	for _, p := range presences {
		all, isTimed := periods[assignmentOf(p.Binding)]
		if !isTimed {
			continue
		}
		end := covered(p.From, p.To, all, 0)
		if end == p.To {
			continue
		}
		if covered(p.From, p.To, all, t.tolerance(end, p.To)) != p.To {
			violations = append(violations, Violation{Rule: "access: at its time", Text: fmt.Sprintf(
				"binding %s had %s from %s to %s, and should not have had it from %s on; the clock was wrong %v",
				p.Binding, p.Subject, clock(p.From), clock(p.To), clock(end), t.Jumps)})
			continue
		}
		t.Ends = append(t.Ends, p.To-end)
	}
	return violations
}

// tolerance returns how long after the end of an access its subject may be in a binding.
func (t *Times) tolerance(end, gone time.Duration) time.Duration {
	return boundByLeader(t.Disturbances, end, gone) + outagesOf(t.Disturbances, end, gone) + slowest(t.Ops, t.Disturbances, end, gone)
}

// periodsOf returns when an assignment may give its role: at its times, and while the clock is wrong.
func (t *Times) periodsOf(a *v1alpha1.CloudSSOAccessAssignment) []Period {
	own := Period{0, Forever}
	if a.Spec.NotBefore != nil {
		own.From = t.Since(a.Spec.NotBefore.Time)
	}
	if a.Spec.ExpiresAt != nil {
		own.To = t.Since(a.Spec.ExpiresAt.Time)
	}
	return append([]Period{own}, t.Jumps...)
}

// covered returns until when a time from one moment to another is in the periods without a gap, if each of them is longer by a
// tolerance.
func covered(from, to time.Duration, all []Period, tolerance time.Duration) time.Duration {
	for {
		i := slices.IndexFunc(all, func(p Period) bool { return p.From <= from && from < extended(p.To, tolerance) })
		if i < 0 || from >= to {
			return min(from, to)
		}
		from = extended(all[i].To, tolerance)
	}
}

func extended(to, tolerance time.Duration) time.Duration {
	if to == Forever {
		return to
	}
	return to + tolerance
}

// assignmentOf returns the assignment of a binding, which is "namespace/cloudsso:directory:assignment:number".
func assignmentOf(binding string) string {
	if parts := strings.Split(binding, ":"); len(parts) == 4 {
		return parts[2]
	}
	return ""
}

// isCurrent reports whether an assignment gives its role at a time.
func isCurrent(a *v1alpha1.CloudSSOAccessAssignment, at time.Time) bool {
	return !isOver(a, at) && (a.Spec.NotBefore == nil || !at.Before(a.Spec.NotBefore.Time))
}

func isOver(a *v1alpha1.CloudSSOAccessAssignment, at time.Time) bool {
	return a.Spec.ExpiresAt != nil && !at.Before(a.Spec.ExpiresAt.Time)
}
