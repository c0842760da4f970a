package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

var (
	born = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	day  = 24 * time.Hour
)

// credential returns a credential that was created that long after born, and expires a year after born.
func credential(name string, after time.Duration, change ...func(*v1alpha1.SCIMCredential)) v1alpha1.SCIMCredential {
	c := v1alpha1.SCIMCredential{}
	c.Name = name
	c.CreationTimestamp = metav1.NewTime(born.Add(after))
	ending(born.AddDate(1, 0, 0))(&c)
	for _, f := range change {
		f(&c)
	}
	return c
}

func holding(c *v1alpha1.SCIMCredential) {
	c.Status.SlotHeldSince = &metav1.Time{Time: born}
}

func withToken(c *v1alpha1.SCIMCredential)  { c.Spec.TokenHash = "sha256:" + strings.Repeat("0", 64) }
func unfinished(c *v1alpha1.SCIMCredential) { c.Spec.ExpiresAt = nil }
func disabled(c *v1alpha1.SCIMCredential)   { c.Spec.Disabled = true }
func deleted(c *v1alpha1.SCIMCredential)    { c.DeletionTimestamp = &metav1.Time{Time: born} }
func ready(c *v1alpha1.SCIMCredential) {
	c.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionUsable, Status: metav1.ConditionTrue}}
}

func ending(at time.Time) func(*v1alpha1.SCIMCredential) {
	return func(c *v1alpha1.SCIMCredential) { c.Spec.ExpiresAt = &metav1.Time{Time: at} }
}

func TestCredentialExpiresAfterAYearByDefault(t *testing.T) {
	c := credential("a", day, unfinished)
	if got := policy.CredentialExpiry(&c); !got.IsZero() {
		t.Errorf("a credential without expiresAt expires at %s", got)
	}
	if got, want := policy.CredentialDefaultExpiry(&c), born.Add(day).AddDate(1, 0, 0); !got.Time.Equal(want) {
		t.Errorf("by default it expires at %s, want a year after its creation, %s", got, want)
	}
	ending(born)(&c)
	if got := policy.CredentialExpiry(&c); !got.Equal(born) {
		t.Errorf("with expiresAt it expires at %s", got)
	}
}

func TestCredentialTimes(t *testing.T) {
	expiry := born.AddDate(1, 0, 0)
	warning := expiry.Add(-90 * day)
	for _, tc := range []struct {
		name              string
		now               time.Time
		expiring, expired bool
		next              time.Duration
	}{
		{"new", born, false, false, warning.Sub(born)},
		{"a second before the warning", warning.Add(-time.Second), false, false, time.Second},
		{"at the warning", warning, true, false, 90 * day},
		{"a nanosecond before its end", expiry.Add(-1), true, false, 1},
		{"at its end", expiry, true, true, 0},
		{"long after", expiry.AddDate(5, 0, 0), true, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := policy.CredentialExpiring(expiry, tc.now); got != tc.expiring {
				t.Errorf("expiring: %v", got)
			}
			if got := policy.CredentialExpired(expiry, tc.now); got != tc.expired {
				t.Errorf("expired: %v", got)
			}
			if got := policy.CredentialNextChange(expiry, tc.now); got != tc.next {
				t.Errorf("next change in %s, want %s", got, tc.next)
			}
		})
	}
}

func TestCredentialGetsSlot(t *testing.T) {
	for _, tc := range []struct {
		name string
		all  []v1alpha1.SCIMCredential
		want []string // the holders of a slot
	}{
		{"no credential", nil, nil},
		{"one", []v1alpha1.SCIMCredential{credential("a", 0)}, []string{"a"}},
		{
			"the two oldest of three",
			[]v1alpha1.SCIMCredential{credential("a", 3*day), credential("b", 2*day), credential("c", day)},
			[]string{"b", "c"},
		},
		{
			"of one age, by name",
			[]v1alpha1.SCIMCredential{credential("c", 0), credential("b", 0), credential("a", 0)},
			[]string{"a", "b"},
		},
		{
			"those with a token first",
			[]v1alpha1.SCIMCredential{credential("a", 0), credential("b", day), credential("c", 3*day, withToken), credential("d", 2*day, withToken)},
			[]string{"c", "d"},
		},
		{
			"the older of three with a token",
			[]v1alpha1.SCIMCredential{credential("a", 2*day, withToken), credential("b", day, withToken), credential("c", 0, withToken)},
			[]string{"b", "c"},
		},
		{
			"a holder without a token keeps its slot against one that has a token",
			[]v1alpha1.SCIMCredential{credential("a", day, holding), credential("b", 0, withToken), credential("c", 0, withToken)},
			[]string{"a", "b"},
		},
		{
			"a holder keeps its slot against an older one",
			[]v1alpha1.SCIMCredential{credential("old", 0), credential("older", 0), credential("x", 5*day, holding), credential("y", 4*day, holding)},
			[]string{"x", "y"},
		},
		{
			"one slot is free",
			[]v1alpha1.SCIMCredential{credential("young", 2*day), credential("old", day), credential("x", 5*day, holding)},
			[]string{"old", "x"},
		},
		{
			"disabled ones count, holding or waiting",
			[]v1alpha1.SCIMCredential{credential("a", 0, disabled), credential("b", day, disabled, holding), credential("c", 2*day)},
			[]string{"a", "b"},
		},
		{
			"expired ones count",
			[]v1alpha1.SCIMCredential{credential("a", 0, holding, ending(born)), credential("b", 0, holding), credential("c", day)},
			[]string{"a", "b"},
		},
		{
			"one that is being deleted keeps its slot until it is gone",
			[]v1alpha1.SCIMCredential{credential("a", 0, holding, deleted), credential("b", 0, holding), credential("c", day)},
			[]string{"a", "b"},
		},
		{
			"one that is being deleted gets none",
			[]v1alpha1.SCIMCredential{credential("a", 0, deleted), credential("b", day), credential("c", 2*day)},
			[]string{"b", "c"},
		},
		{
			"more holders than slots, as after a restore: none loses it, none gets one",
			[]v1alpha1.SCIMCredential{credential("a", 0, holding), credential("b", 0, holding), credential("c", 0, holding), credential("d", 0)},
			[]string{"a", "b", "c"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range tc.all {
				granted, holders := policy.CredentialGetsSlot(tc.all[i].Name, tc.all)
				if !slices.Equal(holders, tc.want) {
					t.Errorf("%s sees %v hold the slots, want %v", tc.all[i].Name, holders, tc.want)
				}
				if want := slices.Contains(tc.want, tc.all[i].Name); granted != want {
					t.Errorf("%s granted: %v", tc.all[i].Name, granted)
				}
			}
		})
	}
}

func TestCredentialUse(t *testing.T) {
	for _, tc := range []struct {
		name   string
		c      v1alpha1.SCIMCredential
		want   policy.CredentialRefusal
		usable bool
	}{
		{"in order", credential("a", 0, holding, ready), policy.CredentialAllowed, true},
		{"not yet found in order by its controller", credential("a", 0, holding), policy.CredentialAllowed, false},
		{"without a slot", credential("a", 0, ready), policy.CredentialWithoutSlot, false},
		{"disabled", credential("a", 0, holding, ready, disabled), policy.CredentialDisabled, false},
		{"expired", credential("a", 0, holding, ready, ending(born)), policy.CredentialEnded, false},
		{"being deleted", credential("a", 0, holding, ready, deleted), policy.CredentialTerminating, false},
		{"without expiresAt", credential("a", 0, holding, ready, unfinished), policy.CredentialPending, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := policy.CredentialUseOf(&tc.c).Refusal(born); got != tc.want {
				t.Errorf("refusal %q, want %q", got, tc.want)
			}
			if got := policy.CredentialUsable(&tc.c, born); got != tc.usable {
				t.Errorf("usable: %v", got)
			}
		})
	}
}

func TestCredentialNeedsToken(t *testing.T) {
	old := func(c *v1alpha1.SCIMCredential) { c.Status.SecretName = c.Name }
	interrupted := func(c *v1alpha1.SCIMCredential) { c.Status.SecretName = c.Name + "-0123abcd" }
	for _, tc := range []struct {
		name             string
		c                v1alpha1.SCIMCredential
		needs, oldLayout bool
	}{
		{"with a slot", credential("a", 0, holding), true, false},
		{"with a slot, after a mint that was interrupted", credential("a", 0, holding, interrupted), true, false},
		{"with a token", credential("a", 0, holding, withToken), false, false},
		{"without a slot", credential("a", 0), false, false},
		{"disabled", credential("a", 0, holding, disabled), false, false},
		{"expired", credential("a", 0, holding, ending(born)), false, false},
		{"being deleted", credential("a", 0, holding, deleted), false, false},
		{"of the old layout", credential("a", 0, holding, old), false, true},
		{"of the old layout, with a declared token", credential("a", 0, holding, old, withToken), false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := policy.CredentialNeedsToken(&tc.c, born); got != tc.needs {
				t.Errorf("needs a token: %v", got)
			}
			if got := policy.CredentialHasOldLayout(&tc.c); got != tc.oldLayout {
				t.Errorf("has the old layout: %v", got)
			}
		})
	}
}
