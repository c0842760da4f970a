package store

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A create is verified after it is stored, and undone when it has lost. Nobody must be shown it before. Whoever
// saw it born knows as much as its maker: what was there when it came. Whoever found it in a list does not, and
// waits until a controller has accepted it, or it is gone, or it is too old to be undone. Where a controller has found
// that the name is another's, it has lost: it is not shown, and nobody waits for its maker, who may have been killed.

// doubt is why an object may be undone, and until when.
type doubt struct {
	// doomed says that it was seen to be created too late: its name was taken, or there was a leaver to restore.
	// Otherwise it was found in a list soon after it was created, and nobody here knows.
	doomed bool
	until  time.Time
}

const (
	// doubtLife is how long an object may still be undone: its request's time, and the half minute in which an
	// API server that has just started lets nothing be deleted.
	doubtLife = time.Minute
	// undoLife is how long its maker tries to, so that nobody has shown it by then.
	undoLife = doubtLife - 5*time.Second
)

// isDoomed reports whether it was seen to be created too late.
func (r *record[T]) isDoomed() bool {
	return r.doubt != nil && r.doubt.doomed && time.Now().Before(r.doubt.until)
}

// isUndecided reports whether it was found in a list, and may be undone.
func (r *record[T]) isUndecided() bool {
	return r.doubt != nil && !r.doubt.doomed && time.Now().Before(r.doubt.until)
}

// isUnsure reports whether nobody here knows whether to show it.
func (r *record[T]) isUnsure() bool { return r.doubt != nil && !r.doubt.doomed && !r.inConflict }

// isHidden reports whether it is shown to nobody, for it is to be undone.
func (r *record[T]) isHidden() bool { return r.isDoomed() || r.isUndecided() && r.inConflict }

// doubtAtBirth is whether a new object may be undone; seen says that its creation was seen, and not what became
// of it.
func (s *space[T]) doubtAtBirth(r *record[T], seen bool) *doubt {
	switch {
	case !r.listed:
		return nil
	case seen && (len(s.byName.all(r.name)) > 0 || s.hasLeaver(r)):
		return &doubt{true, time.Now().Add(doubtLife)}
	case !seen && time.Since(r.object.GetCreationTimestamp().Time) < doubtLife && !r.accepted && isUntouched(r.object):
		return &doubt{false, time.Now().Add(doubtLife)}
	}
	return nil
}

// isUntouched reports whether nobody has changed an object since it was created, but for beginning to undo it.
func isUntouched(o client.Object) bool {
	return o.GetGeneration() == 1 || o.GetDeletionTimestamp() != nil
}

// hasLeaver reports whether there is somebody to restore instead.
func (s *space[T]) hasLeaver(r *record[T]) bool {
	return r.externalID != "" && slices.ContainsFunc(s.byExternalID.all(r.externalID), func(other *record[T]) bool {
		return other.left && other.object.GetName() != r.object.GetName()
	})
}

// mayBeUndone reports whether nobody must vouch for the first holder of a name yet. Of one that was found in a list
// its maker alone knows whether it came after a leaver whom it should have restored.
func (x *index[T]) mayBeUndone(r *record[T]) bool {
	if !r.isUndecided() {
		return r.isDoomed()
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.spaces[r.object.GetNamespace()]
	return s != nil && s.hasLeaver(r)
}

// isTied reports whether nobody knows if a name is that of r or of another: both were found in a list, were created in the
// same second, and one of them may be undone.
func isTied[T client.Object](r *record[T], holders []*record[T]) bool {
	first := holders[0]
	level, undecided := 0, false
	for _, holder := range holders {
		if holder.accepted {
			return false
		}
		if holder.isLevelWith(first) {
			level++
			undecided = undecided || holder.isUndecided()
		}
	}
	return level > 1 && undecided && r.isLevelWith(first)
}

func (r *record[T]) isLevelWith(other *record[T]) bool {
	return r.taken == other.taken && r.object.GetCreationTimestamp().Unix() == other.object.GetCreationTimestamp().Unix()
}

// inherit keeps the doubt in an object for as long as nobody but a controller, or who undoes it, has touched it.
func (r *record[T]) inherit(old *record[T]) {
	untouched := r.object.GetDeletionTimestamp() != nil || old.object.GetGeneration() == r.object.GetGeneration()
	if old.doubt == nil || !old.doubt.doomed && r.accepted || !untouched || time.Now().After(old.doubt.until) {
		return
	}
	r.doubt = old.doubt
	r.inConflict = r.inConflict || old.inConflict && r.object.GetDeletionTimestamp() != nil // of the generation before
	r.listed = r.listed && !r.isHidden()
}

// trust takes an object for what it is, now that it would have been undone: its maker has died.
func (x *index[T]) trust(namespace, id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.spaces[namespace]
	if s == nil || s.byID[id] == nil || s.byID[id].doubt == nil || time.Now().Before(s.byID[id].doubt.until) {
		return
	}
	old := s.byID[id]
	trusted := *old
	trusted.doubt, trusted.listed = nil, x.describe(old.object).listed
	s.replace(old, &trusted)
	x.tell()
}

// tell wakes up who waits for a change.
func (x *index[T]) tell() {
	if x.changed != nil {
		close(x.changed)
		x.changed = nil
	}
}

// until returns once something holds, which is looked at again after each change.
func (x *index[T]) until(ctx context.Context, holds func() bool) error {
	for {
		x.mu.Lock()
		if x.changed == nil {
			x.changed = make(chan struct{})
		}
		changed := x.changed
		x.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// doubted changes whenever somebody comes to be unsure.
func (x *index[T]) doubted(namespace string) uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.spaces[namespace]; s != nil {
		return s.doubted
	}
	return 0
}

// isUnsure reports whether somebody whom a request concerns may be undone, for all that this replica knows.
func (x *index[T]) isUnsure(namespace string, concerns func(*record[T]) bool) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.spaces[namespace]
	if s == nil {
		return false
	}
	for _, r := range s.unsure {
		if concerns(r) {
			return true
		}
	}
	return false
}
