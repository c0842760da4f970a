package controllerutil_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// The operator takes the guard off right after it has begun a deletion. Such a deletion is not reported as held, even if it
// begins at the end of a second, to which the API server cuts deletionTimestamp.
func TestDeletionIsHeldFromTwoSecondsOn(t *testing.T) {
	begun := time.Date(2027, 1, 31, 12, 0, 0, 999e6, time.UTC)
	for _, test := range []struct {
		age          time.Duration
		held         bool
		requeueAfter time.Duration
	}{
		{0, false, 1001 * time.Millisecond},
		{time.Second, false, time.Millisecond},
		{1001 * time.Millisecond, true, 0},
		{time.Hour, true, 0},
	} {
		u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "alice"}}
		u.DeletionTimestamp = &metav1.Time{Time: begun.Truncate(time.Second)}
		u.Spec.Source = v1alpha1.SourceSCIM
		u.Finalizers = []string{v1alpha1.FinalizerGuard}
		requeueAfter, err := controllerutil.ProtectDeletion(t.Context(), nil, u, policy.SwitchEnabled, &u.Status.Conditions, begun.Add(test.age))
		if held := controllerutil.IsDeletionHeld(u.Status.Conditions); err != nil || requeueAfter != test.requeueAfter || held != test.held {
			t.Errorf("after %s: held %t, again in %s, %v", test.age, held, requeueAfter, err)
		}
	}
}

func TestSoonestOfTwoTimesIgnoresNever(t *testing.T) {
	for _, test := range []struct{ a, b, want time.Duration }{
		{0, 0, 0},
		{0, time.Second, time.Second},
		{time.Second, 0, time.Second},
		{time.Minute, time.Second, time.Second},
	} {
		if got := controllerutil.Soonest(test.a, test.b); got != test.want {
			t.Errorf("of %s and %s: %s", test.a, test.b, got)
		}
	}
}
