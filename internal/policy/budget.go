package policy

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// windowParts is how many parts of a window have a count of their own. A deactivation counts for a thirtieth of the
	// window too long at most, and the size of the status does not depend on the number of users.
	windowParts = 30
	// maxCounted is the largest number of counts in the status. It is reached only if the window was changed.
	maxCounted = 32
)

// LosesEffect reports whether a change of a user's spec takes the effect that the user has. A suspended user has none.
func LosesEffect(before, after *v1alpha1.CloudSSOUserSpec) bool {
	return hasEffect(before) && !hasEffect(after)
}

func hasEffect(spec *v1alpha1.CloudSSOUserSpec) bool {
	return UserState(&v1alpha1.CloudSSOUser{Spec: *spec}, false) == v1alpha1.UserActive
}

// CountDeactivation returns status.deactivations with one deactivation more; within is false if the budget is used up.
// active returns how many synchronized users are active. It is called for a percentage only, once, when a part of the window begins or no
// part of it knows the number.
func CountDeactivation(b *v1alpha1.DisablementBudget, counted []v1alpha1.CountedDeactivations, now time.Time, active func() int32) (next []v1alpha1.CountedDeactivations, within bool) {
	next = countedWithin(b.Window.Duration, counted, now)
	base := activeAtBegin(next)
	isKnown := base != 0 || b.Percent == nil
	if !isKnown { // the window begins now, or the budget was no percentage when it began
		base = active()
	}
	if sumOf(next) >= budgetLimit(b, base) {
		return counted, false
	}
	last := len(next) - 1
	begins := last < 0 || now.Truncate(b.Window.Duration/windowParts).After(next[last].Last.Time)
	if begins {
		next, last = append(next, v1alpha1.CountedDeactivations{}), last+1
	}
	switch {
	case !isKnown:
		next[last].Active = base
	case begins && b.Percent != nil:
		next[last].Active = active()
	}
	next[last].Count++
	if at := metav1.NewTime(now).Rfc3339Copy(); at.After(next[last].Last.Time) {
		next[last].Last = at
	}
	return shortened(next), true
}

// UncountDeactivation returns status.deactivations without one that was counted, and then not carried out.
func UncountDeactivation(counted []v1alpha1.CountedDeactivations) []v1alpha1.CountedDeactivations {
	next := append([]v1alpha1.CountedDeactivations(nil), counted...)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i].Count > 0 {
			next[i].Count--
			break
		}
	}
	return next
}

// countedWithin returns a copy of the counts that are within the window. A time that is further ahead comes from a wrong
// clock, and must not withhold deactivations until it has come.
func countedWithin(window time.Duration, counted []v1alpha1.CountedDeactivations, now time.Time) (within []v1alpha1.CountedDeactivations) {
	for _, c := range counted {
		if age := now.Sub(c.Last.Time); -window < age && age < window {
			within = append(within, c)
		}
	}
	return within
}

func sumOf(counted []v1alpha1.CountedDeactivations) (sum int64) {
	for _, c := range counted {
		sum += int64(c.Count)
	}
	return sum
}

// activeAtBegin returns how many users were active when the window began, or when the budget became a percentage; 0 if no
// part of the window knows.
func activeAtBegin(within []v1alpha1.CountedDeactivations) int32 {
	for _, c := range within {
		if c.Active != 0 {
			return c.Active
		}
	}
	return 0
}

// budgetLimit returns how many deactivations a window may have. A percentage is of the users that were active when the
// window began, because the number of active users falls with each deactivation.
func budgetLimit(b *v1alpha1.DisablementBudget, active int32) int64 {
	switch {
	case b.Count != nil:
		return int64(*b.Count)
	case b.Percent == nil: // the CRD refuses it
		return 1
	}
	return max(1, int64(active)*int64(*b.Percent)/100)
}

// shortened merges the oldest counts until there are no more than maxCounted. They count until the newest of them is over.
func shortened(counted []v1alpha1.CountedDeactivations) []v1alpha1.CountedDeactivations {
	for len(counted) > maxCounted {
		counted[1].Count += counted[0].Count
		counted[1].Active = cmp.Or(counted[0].Active, counted[1].Active)
		counted = counted[1:]
	}
	return counted
}

// Withhold returns the withheld deactivation of a user whose identity provider has asked for another one that is beyond the
// budget. A deletion stays one, because it takes more than a disablement. before may be nil, and is not to be applied.
func Withhold(before *v1alpha1.WithheldDeactivation, asked v1alpha1.WithheldDeactivation) *v1alpha1.WithheldDeactivation {
	switch {
	case before == nil:
		return &asked
	case before.What == asked.What, before.What == v1alpha1.DeactivationDelete:
		return before
	}
	asked.Since = before.Since
	return &asked
}

// StillWithheld returns what stays withheld of a user after a deactivation was carried out: a deletion, if that was a
// disablement.
func StillWithheld(w *v1alpha1.WithheldDeactivation, done v1alpha1.Deactivation) *v1alpha1.WithheldDeactivation {
	if w != nil && w.What == v1alpha1.DeactivationDelete && done == v1alpha1.DeactivationDisable {
		return w
	}
	return nil
}

// IsDecided reports whether an administrator has decided about a user's withheld deactivation.
func IsDecided(u *v1alpha1.CloudSSOUser) bool {
	return u.Spec.Withheld != nil && u.Spec.Withheld.Decision != ""
}

// IsToBeApplied reports whether an administrator has decided that a withheld deactivation is carried out. w may be nil.
func IsToBeApplied(w *v1alpha1.WithheldDeactivation) bool {
	return w != nil && w.Decision == v1alpha1.DecisionApply
}

// CarryOutDecision changes the spec of a user whose withheld deactivation is decided, as the decision says.
func CarryOutDecision(u *v1alpha1.CloudSSOUser, now time.Time) {
	w := u.Spec.Withheld
	u.Spec.Withheld = nil
	switch {
	case !IsToBeApplied(w):
	case w.What == v1alpha1.DeactivationDelete:
		u.Spec.DeprovisionedAt = new(metav1.NewTime(now))
	default:
		u.Spec.Active = new(false)
	}
}

// DescribeBudget returns a budget in words: "10 users in 1h".
func DescribeBudget(b *v1alpha1.DisablementBudget) string {
	window := ShortDuration(b.Window.Duration)
	if b.Percent != nil {
		return fmt.Sprintf("%d %% of the active users in %s", *b.Percent, window)
	}
	if limit := budgetLimit(b, 0); limit != 1 {
		return fmt.Sprintf("%d users in %s", limit, window)
	}
	return "1 user in " + window
}

// ShortDuration returns a duration without the units that are zero: "1h", where String returns "1h0m0s".
func ShortDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

// DecideCommand returns the kubectl command that decides about the withheld deactivation of a user, except for the user's
// metadata.name at its end.
func DecideCommand(namespace string, decision v1alpha1.Decision) string {
	return fmt.Sprintf(`kubectl -n %s patch cloudssouser --type=merge -p '{"spec":{"withheld":{"decision":"%s"}}}'`, namespace, decision)
}

// DecideAllCommand returns the kubectl command that decides about every withheld deactivation of a namespace.
func DecideAllCommand(namespace string, decision v1alpha1.Decision) string {
	return fmt.Sprintf(`kubectl -n %s get cloudssousers -o jsonpath='{range .items[?(@.spec.withheld)]}{.metadata.name}{"\n"}{end}' | xargs -n1 %s`,
		namespace, DecideCommand(namespace, decision))
}
