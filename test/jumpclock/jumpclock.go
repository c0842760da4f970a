// Package jumpclock makes the readings of a clock that is set ahead or back: the time of day jumps, and the monotonic reading
// goes on, as in a process whose machine's clock is set. Adding a duration to a reading would move both.
package jumpclock

import (
	"time"
	"unsafe"
)

// reading has the memory layout of a time.Time, which has no function that moves one of its two clocks alone.
type reading struct {
	wall uint64
	ext  int64 // the monotonic reading, if hasMonotonic is set in wall
	_    *time.Location
}

const hasMonotonic = 1 << 63

// Ahead returns a reading of the same moment by a clock that was set ahead by a duration, or back if it is negative.
func Ahead(t time.Time, by time.Duration) time.Time {
	t = t.Add(by)
	if r := (*reading)(unsafe.Pointer(&t)); r.wall&hasMonotonic != 0 {
		r.ext -= int64(by)
	}
	return t
}
