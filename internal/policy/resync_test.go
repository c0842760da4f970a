package policy_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func TestWritesThatAPushHasMadeUpFor(t *testing.T) {
	refusedAt := func(times ...metav1.Time) *v1alpha1.RefusedWrites {
		w := &v1alpha1.RefusedWrites{Count: int64(len(times))}
		for _, at := range times {
			w.Last = append(w.Last, v1alpha1.RefusedWrite{Time: at, Method: "POST", Resource: "Users"})
		}
		return w
	}
	soon := metav1.NewTime(long.Add(time.Minute))
	for _, test := range []struct {
		name     string
		refused  *v1alpha1.RefusedWrites
		resynced string // the annotation; - if there is none
		missed   bool
	}{
		{"nothing refused", nil, "-", false},
		{"none counted", &v1alpha1.RefusedWrites{}, "-", false},
		{"no push acknowledged", refusedAt(long), "-", true},
		{"none of which is named, and no push acknowledged", &v1alpha1.RefusedWrites{Count: 3}, "-", true},
		{"none of which is named, and a push", &v1alpha1.RefusedWrites{Count: 3}, "2027-01-31T12:00:00Z", false},
		{"a push before", refusedAt(long), "2027-01-31T11:59:59Z", true},
		{"a push in the same second", refusedAt(long), "2027-01-31T12:00:00.999Z", true},
		{"a push in the next second", refusedAt(long), "2027-01-31T12:00:01Z", false},
		{"a push between two of them", refusedAt(soon, long), "2027-01-31T12:00:30Z", true},
		{"a push after all of them", refusedAt(soon, long), "2027-01-31T12:01:01Z", false},
		{"a push, in another time zone", refusedAt(soon, long), "2027-01-31T14:01:01+02:00", false},
		{"a push at this moment", refusedAt(long), "2027-01-31T13:00:00Z", false},
		{"a push that is yet to come", refusedAt(long), "2027-01-31T13:00:01Z", true},
		{"no time at all", refusedAt(long), "yes", true},
		{"an empty annotation", refusedAt(long), "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &v1alpha1.CloudSSODirectory{Status: v1alpha1.CloudSSODirectoryStatus{RefusedWrites: test.refused}}
			if test.resynced != "-" {
				d.Annotations = map[string]string{v1alpha1.AnnotationResynced: test.resynced}
			}
			got := policy.MissedWrites(d, later.Time)
			if got != nil != test.missed || got != nil && got != test.refused {
				t.Errorf("missed: %+v", got)
			}
		})
	}
}
