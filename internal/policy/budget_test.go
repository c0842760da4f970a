package policy_test

import (
	"math/rand/v2"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func countBudget(users int32, window time.Duration) *v1alpha1.DisablementBudget {
	return &v1alpha1.DisablementBudget{Count: &users, Window: metav1.Duration{Duration: window}}
}

func percentBudget(percent int32, window time.Duration) *v1alpha1.DisablementBudget {
	return &v1alpha1.DisablementBudget{Percent: &percent, Window: metav1.Duration{Duration: window}}
}

// deactivations counts deactivations at one time until the budget is used up, and returns how many were within it.
func deactivations(b *v1alpha1.DisablementBudget, counted *[]v1alpha1.CountedDeactivations, now time.Time, active *int32) (within int) {
	for within <= 1000 {
		next, ok := policy.CountDeactivation(b, *counted, now, func() int32 { return *active })
		if !ok {
			return within
		}
		*counted, within, *active = next, within+1, *active-1
	}
	return within
}

func TestBudgetOfAWindow(t *testing.T) {
	for _, test := range []struct {
		name   string
		budget *v1alpha1.DisablementBudget
		active int32
		want   int
	}{
		{"a number of users", countBudget(3, time.Hour), 100, 3},
		{"a number of users, of a directory that has fewer", countBudget(3, time.Hour), 2, 3},
		{"a percentage of those who were active when the window began", percentBudget(50, time.Hour), 100, 50},
		{"a percentage, rounded down", percentBudget(10, time.Hour), 19, 1},
		{"a percentage of few users is one user", percentBudget(10, time.Hour), 3, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var counted []v1alpha1.CountedDeactivations
			if got := deactivations(test.budget, &counted, later.Time, &test.active); got != test.want {
				t.Errorf("%d deactivations, want %d: %+v", got, test.want, counted)
			}
		})
	}
}

func TestDeactivationCountsForTheWindowAndAThirtiethOfItAtMost(t *testing.T) {
	budget, active := countBudget(2, time.Hour), int32(10)
	begin := long.Time
	for _, test := range []struct {
		name   string
		after  time.Duration
		within bool
	}{
		{"at once", 0, false},
		{"before the end of the window", time.Hour - time.Second, false},
		{"at the end of the window", time.Hour + time.Hour/30, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var counted []v1alpha1.CountedDeactivations
			deactivations(budget, &counted, begin, &active)
			_, within := policy.CountDeactivation(budget, counted, begin.Add(test.after), nil)
			if within != test.within {
				t.Errorf("within the budget: %t", within)
			}
		})
	}
}

func TestPercentageIsOfTheUsersOfThePresentWindow(t *testing.T) {
	budget, active := percentBudget(50, time.Hour), int32(100)
	var counted []v1alpha1.CountedDeactivations
	for window, want := range []int{50, 25, 12} {
		at := long.Add(time.Duration(window) * 2 * time.Hour)
		if got := deactivations(budget, &counted, at, &active); got != want {
			t.Errorf("window %d: %d deactivations, want %d", window, got, want)
		}
	}
}

func TestChangedBudgetKeepsTheCount(t *testing.T) {
	active := int32(100)
	var counted []v1alpha1.CountedDeactivations
	deactivations(countBudget(5, time.Hour), &counted, long.Time, &active)
	for _, test := range []struct {
		name   string
		budget *v1alpha1.DisablementBudget
		within bool
	}{
		{"a higher number", countBudget(6, time.Hour), true},
		{"a lower number", countBudget(4, time.Hour), false},
		{"a higher percentage", percentBudget(10, time.Hour), true},
		{"a lower percentage", percentBudget(5, time.Hour), false},
		{"a longer window", countBudget(5, 100*time.Hour), false},
		{"a shorter window", countBudget(5, time.Minute), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, within := policy.CountDeactivation(test.budget, counted, long.Add(2*time.Minute), func() int32 { return active })
			if within != test.within {
				t.Errorf("within the budget: %t", within)
			}
		})
	}
}

// To count the active users takes time in proportion to their number, so it is done once.
func TestBudgetThatBecomesAPercentageCountsTheActiveUsersOnce(t *testing.T) {
	active := int32(100)
	var counted []v1alpha1.CountedDeactivations
	for range 3 {
		counted, _ = policy.CountDeactivation(countBudget(5, time.Hour), counted, long.Time, nil)
	}
	calls := 0
	count := func() int32 { calls++; active--; return active + 1 }
	for _, step := range []struct {
		name  string
		after time.Duration
		calls int
		until int32 // within the budget
	}{
		{"in the part of the window that has begun", 0, 1, 5},
		{"in the next part", 2 * time.Minute, 2, 10},
	} {
		for total(counted) < step.until {
			next, within := policy.CountDeactivation(percentBudget(10, time.Hour), counted, long.Add(step.after), count)
			if !within {
				t.Fatalf("%s: %+v are no 10 %% of 100", step.name, counted)
			}
			counted = next
		}
		if calls != step.calls {
			t.Errorf("%s: the active users were counted %d times", step.name, calls)
		}
	}
	if _, within := policy.CountDeactivation(percentBudget(10, time.Hour), counted, long.Add(4*time.Minute), count); within || calls != 2 {
		t.Errorf("within the budget: %t; the active users were counted %d times", within, calls)
	}
}

// A replica's clock may be wrong, and its time is stored.
func TestWrongClocksDoNotWithhold(t *testing.T) {
	budget, active := countBudget(1, time.Hour), int32(10)
	for _, test := range []struct {
		name   string
		ahead  time.Duration
		within bool
	}{
		{"some minutes ahead", 5 * time.Minute, false},
		{"a year ahead", 365 * 24 * time.Hour, true},
		{"a year behind", -365 * 24 * time.Hour, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var counted []v1alpha1.CountedDeactivations
			deactivations(budget, &counted, long.Add(test.ahead), &active)
			if _, within := policy.CountDeactivation(budget, counted, long.Time, nil); within != test.within {
				t.Errorf("within the budget: %t", within)
			}
		})
	}
}

// The API server refuses a status with more counts, so a bound that is exceeded would switch the budget off.
func TestCountStaysSmall(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var counted []v1alpha1.CountedDeactivations
	now := long.Time
	for range 10_000 {
		now = now.Add(time.Duration(random.Int64N(int64(time.Minute))))
		window := time.Minute << random.IntN(13)
		next, within := policy.CountDeactivation(countBudget(100_000, window), counted, now, nil)
		if !within || len(next) > 32 {
			t.Fatalf("within: %t, %d counts", within, len(next))
		}
		counted = next
	}
	counted, _ = policy.CountDeactivation(countBudget(100_000, time.Hour), counted, now, nil)
	for range 40 {
		next := policy.UncountDeactivation(counted)
		before, after := total(counted), total(next)
		if after != max(before-1, 0) {
			t.Fatalf("%d less one is %d", before, after)
		}
		counted = next
	}
	if sum := total(policy.UncountDeactivation(nil)); sum != 0 {
		t.Errorf("none less one is %d", sum)
	}
}

func total(counted []v1alpha1.CountedDeactivations) (sum int32) {
	for _, c := range counted {
		sum += c.Count
	}
	return sum
}

func TestUserLosesEffect(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after *v1alpha1.CloudSSOUser
		want          bool
	}{
		{"disabled", newUser(), newUser(inactive), true},
		{"deprovisioned", newUser(), newUser(deprovisioned), true},
		{"disabled while suspended", newUser(suspended), newUser(suspended, inactive), false},
		{"deprovisioned while suspended", newUser(suspended), newUser(suspended, deprovisioned), false},
		{"deprovisioned while disabled", newUser(inactive), newUser(inactive, deprovisioned), false},
		{"unchanged", newUser(), newUser(), false},
		{"activated", newUser(inactive), newUser(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := policy.LosesEffect(&test.before.Spec, &test.after.Spec); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestWithheldDeactivationOfAFurtherRequest(t *testing.T) {
	const disable, remove = v1alpha1.DeactivationDisable, v1alpha1.DeactivationDelete
	first := v1alpha1.WithheldDeactivation{Since: long, RequestID: "first", Decision: v1alpha1.DecisionDiscard}
	for _, test := range []struct {
		name         string
		before, next v1alpha1.Deactivation
		want         v1alpha1.WithheldDeactivation
	}{
		{"none before", "", disable, v1alpha1.WithheldDeactivation{What: disable, Since: later, RequestID: "next"}},
		{"the same", disable, disable, v1alpha1.WithheldDeactivation{What: disable, Since: long, RequestID: "first", Decision: v1alpha1.DecisionDiscard}},
		{"a deletion after a disablement is undecided", disable, remove, v1alpha1.WithheldDeactivation{What: remove, Since: long, RequestID: "next"}},
		{"a disablement after a deletion", remove, disable, v1alpha1.WithheldDeactivation{What: remove, Since: long, RequestID: "first", Decision: v1alpha1.DecisionDiscard}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before *v1alpha1.WithheldDeactivation
			if test.before != "" {
				before = new(first)
				before.What = test.before
			}
			if got := policy.Withhold(before, v1alpha1.WithheldDeactivation{What: test.next, Since: later, RequestID: "next"}); *got != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestWithheldDeletionOutlastsADisablement(t *testing.T) {
	const disable, remove = v1alpha1.DeactivationDisable, v1alpha1.DeactivationDelete
	for _, test := range []struct {
		withheld, done v1alpha1.Deactivation
		stays          bool
	}{{disable, disable, false}, {disable, remove, false}, {remove, remove, false}, {remove, disable, true}} {
		w := &v1alpha1.WithheldDeactivation{What: test.withheld}
		if got := policy.StillWithheld(w, test.done); (got != nil) != test.stays {
			t.Errorf("%s withheld, %s done: %v", test.withheld, test.done, got)
		}
	}
	if policy.StillWithheld(nil, disable) != nil {
		t.Error("what was not withheld is")
	}
}

func TestDecisionIsCarriedOut(t *testing.T) {
	for _, test := range []struct {
		what     v1alpha1.Deactivation
		decision v1alpha1.Decision
		want     v1alpha1.UserState
	}{
		{v1alpha1.DeactivationDisable, v1alpha1.DecisionApply, v1alpha1.UserDisabled},
		{v1alpha1.DeactivationDelete, v1alpha1.DecisionApply, v1alpha1.UserDeprovisioned},
		{v1alpha1.DeactivationDisable, v1alpha1.DecisionDiscard, v1alpha1.UserActive},
		{v1alpha1.DeactivationDelete, v1alpha1.DecisionDiscard, v1alpha1.UserActive},
	} {
		u := newUser()
		if policy.IsDecided(u) {
			t.Error("a user without a withheld deactivation is decided")
		}
		u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: test.what, Since: long}
		if policy.IsDecided(u) {
			t.Error("a withheld deactivation is decided before its decision")
		}
		u.Spec.Withheld.Decision = test.decision
		if !policy.IsDecided(u) || policy.IsToBeApplied(u.Spec.Withheld) != (test.decision == v1alpha1.DecisionApply) {
			t.Errorf("%s is no decision, or another one", test.decision)
		}
		policy.CarryOutDecision(u, later.Time)
		if got := policy.UserState(u, false); got != test.want || u.Spec.Withheld != nil {
			t.Errorf("%s of %s: %s, withheld %v", test.decision, test.what, got, u.Spec.Withheld)
		}
		if at := u.Spec.DeprovisionedAt; at != nil && !at.Equal(&later) {
			t.Errorf("deprovisioned at %s", at)
		}
	}
}

func TestBudgetInWords(t *testing.T) {
	for want, budget := range map[string]*v1alpha1.DisablementBudget{
		"10 users in 1h":                       countBudget(10, time.Hour),
		"1 user in 10m":                        countBudget(1, 10*time.Minute),
		"2 users in 1h30m":                     countBudget(2, 90*time.Minute),
		"3 users in 1m30s":                     countBudget(3, 90*time.Second),
		"5 % of the active users in 24h":       percentBudget(5, 24*time.Hour),
		"6 % of the active users in 100h0m20s": percentBudget(6, 100*time.Hour+20*time.Second),
	} {
		if got := policy.DescribeBudget(budget); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
