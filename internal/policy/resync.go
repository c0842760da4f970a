package policy

import (
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// ResyncedAt is the time before which a full push has made up for everything that was refused, as somebody
// has written on the directory; zero if nobody has.
func ResyncedAt(d *v1alpha1.CloudSSODirectory) (time.Time, error) {
	value, there := d.Annotations[v1alpha1.AnnotationResynced]
	if !there {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, value)
}

// MissedWrites are the refused writes of a directory that no full push has made up for; nil if there are
// none. They do not depend on how the switch was turned meanwhile, so nothing is lost by who comes first: the
// controller that notices, or a replica that refuses.
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
