package policy

import (
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// ResyncedAt returns the time before which a full push has made up for everything that was refused, as a person has written
// it on the directory; zero if there is none.
func ResyncedAt(d *v1alpha1.CloudSSODirectory) (time.Time, error) {
	value, there := d.Annotations[v1alpha1.AnnotationResynced]
	if !there {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, value)
}

// MissedWrites returns the refused writes of a directory that no full push has made up for; nil if there are none. They do
// not depend on how the switch was turned in the meantime, so the order in which a replica refuses and the controller looks
// does not matter.
func MissedWrites(d *v1alpha1.CloudSSODirectory, now time.Time) *v1alpha1.RefusedWrites {
	refused := d.Status.RefusedWrites
	if refused == nil || refused.Count == 0 || madeUpFor(d, now) {
		return nil
	}
	return refused
}

// madeUpFor reports whether the last write was refused before the time of a full push that has come. A time
// in status is a whole second, in which the write was refused.
func madeUpFor(d *v1alpha1.CloudSSODirectory, now time.Time) bool {
	at, err := ResyncedAt(d)
	if err != nil || at.IsZero() || at.After(now) {
		return false
	}
	for _, write := range d.Status.RefusedWrites.Last {
		if at.Before(write.Time.Add(time.Second)) {
			return false
		}
	}
	return true
}
