package chaos

import (
	"slices"
	"time"
)

// sighting is when a request's effect was first seen, and on which resource.
type sighting struct {
	at time.Duration
	id string
}

// Resolve finds out whether requests of unknown outcome had their effect. An effect that an answer shows has happened
// before that answer. Final operations are among ops; what only they show may have happened at any time.
func Resolve(ops []*Op) {
	seen := map[int]sighting{}
	for _, o := range ops {
		for _, s := range o.Seen {
			sight(seen, s, o)
		}
	}
	for _, o := range ops {
		first, found := seen[o.ID]
		if !found || o.Outcome != Unknown {
			continue
		}
		if o.Kind == Create {
			o.Result = first.id
		}
		o.Resolved, o.Return = true, first.at
	}
}

// sight adds a sighting of the requests that wrote a state, unless there is an earlier one.
func sight(seen map[int]sighting, s Seen, o *Op) {
	at := o.Return
	if o.Kind == Final {
		at = Forever
	}
	for _, id := range []int{s.Marker, s.Origin} {
		if first, found := seen[id]; id != 0 && (!found || at < first.at) {
			seen[id] = sighting{at, s.ID}
		}
	}
}

// BoundUnknown bounds what requests of unknown outcome may still do to objects that do not come back: a deleted group, a
// deprovisioned user. Once one is gone they have no effect, and of several deletions the first explains whatever the
// others could.
func BoundUnknown(ops []*Op) (bounded []*Op) {
	gone, deleted := goneSince(ops), map[string]bool{}
	for _, o := range ops {
		if o.Outcome != Unknown || o.Resolved || o.Subject == "" {
			bounded = append(bounded, o)
			continue
		}
		until, known := gone[o.Subject]
		if known && o.Call > until || o.Kind == Delete && deleted[o.Subject] {
			continue
		}
		deleted[o.Subject] = deleted[o.Subject] || o.Kind == Delete
		pending := *o
		if known {
			pending.Return = until + 1
		}
		bounded = append(bounded, &pending)
	}
	return bounded
}

// goneSince returns when the first answer said that an object is gone, by id. A user that was made by hand is not found
// before it is adopted, so of users only an acknowledged deletion says it.
func goneSince(ops []*Op) map[string]time.Duration {
	gone := map[string]time.Duration{}
	for _, o := range ops {
		isGone := o.Kind == Delete && o.Outcome == Done || o.Group && o.Outcome == NotFound
		if !isGone {
			continue
		}
		if until, known := gone[o.Subject]; !known || o.Return < until {
			gone[o.Subject] = o.Return
		}
	}
	return gone
}

// MarkRepeated marks the deletions of a group that were answered 204 while another deletion of that group was: either
// may have come second.
func MarkRepeated(ops []*Op) {
	isDone := func(o *Op) bool { return o.Kind == Delete && o.Group && o.Outcome == Done }
	for _, o := range ops {
		o.Repeated = isDone(o) && slices.ContainsFunc(ops, func(other *Op) bool {
			return other != o && isDone(other) && other.Subject == o.Subject && other.overlaps(o)
		})
	}
}

// overlaps reports whether two requests were under way at the same time.
func (o *Op) overlaps(other *Op) bool { return o.Call <= other.Return && other.Call <= o.Return }
