package plugin

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// A push at that time has made up for every write that is known, and for none of the next second.
func TestPushAfter(t *testing.T) {
	noon := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	refusedAt := func(times ...time.Time) *v1alpha1.RefusedWrites {
		refused := &v1alpha1.RefusedWrites{Count: int64(len(times))}
		for _, at := range times {
			refused.Last = append(refused.Last, v1alpha1.RefusedWrite{Time: metav1.NewTime(at)})
		}
		return refused
	}
	known := refusedAt(noon.Add(-time.Minute), noon, noon.Add(-time.Hour)) // the clocks of replicas differ
	pushed := PushAfter(known)
	d := &v1alpha1.CloudSSODirectory{}
	d.Annotations = map[string]string{v1alpha1.AnnotationResynced: pushed.Format(time.RFC3339)}
	if d.Status.RefusedWrites = known; policy.MissedWrites(d, noon.Add(time.Hour)) != nil {
		t.Errorf("a push at %s has not made up for %+v", pushed, known)
	}
	if d.Status.RefusedWrites = refusedAt(noon.Add(time.Second)); policy.MissedWrites(d, noon.Add(time.Hour)) == nil {
		t.Errorf("a push at %s has made up for a write that was refused in that second", pushed)
	}
	if got := PushAfter(refusedAt()); !got.IsZero() {
		t.Errorf("without a time: got %s", got)
	}
}
