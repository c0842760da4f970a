package chaos

import (
	"cmp"
	"time"
)

const (
	// undoTime is how long a create may hold a name before it is undone: longer than the service lets any
	// write take.
	undoTime = 40 * time.Second
	// reservationTime is how long a rename that nobody finished may hold a name: a write's time, the
	// minute for which a reservation is honoured, and the sweep that needs a leader.
	reservationTime = 3 * time.Minute
)

// sighting is when a request's effect was first seen, and on which resource.
type sighting struct {
	at time.Duration
	id string
}

// Resolve finds out what became of requests whose answer was lost. What was seen has happened, and had
// happened by then. Final operations are among ops, and their sightings have no time: they are Forever.
func Resolve(ops []*Op) {
	seen := map[int]sighting{}
	remaining := map[string]bool{} // ids that are there at the end
	gone := map[string]bool{}      // ids whose deletion was asked for, and not refused
	for _, o := range ops {
		for _, s := range o.Seen {
			note(seen, s, o)
			if o.Kind == Final {
				remaining[s.ID] = true
			}
		}
		if o.Kind == Delete && o.Outcome != Missing {
			gone[o.Subject] = true
		}
	}
	for _, o := range ops {
		first, found := seen[o.ID]
		if !found || o.Outcome != Unknown {
			continue
		}
		if o.Kind == Create {
			if !remaining[first.id] && (!o.Group || !gone[first.id]) {
				continue // undone
			}
			o.Result = first.id
		}
		o.Resolved, o.Return = true, first.at
	}
}

// Settle bounds what requests of unknown outcome may still do to groups, which never come back: once one is
// gone they do nothing, and of several deletions the first explains whatever the others could.
func Settle(ops []*Op) (settled []*Op) {
	gone, deleted := goneGroups(ops), map[string]bool{}
	for _, o := range ops {
		if !o.Group || o.Outcome != Unknown || o.Resolved || o.Subject == "" {
			settled = append(settled, o)
			continue
		}
		until, known := gone[o.Subject]
		if known && o.Call > until || o.Kind == Delete && deleted[o.Subject] {
			continue
		}
		deleted[o.Subject] = deleted[o.Subject] || o.Kind == Delete
		bounded := *o
		if known {
			bounded.Return = until + 1
		}
		settled = append(settled, &bounded)
	}
	return settled
}

// goneGroups is since when groups are gone, by id, as far as somebody was told.
func goneGroups(ops []*Op) map[string]time.Duration {
	gone := map[string]time.Duration{}
	for _, o := range ops {
		if !o.Group || o.Outcome != Missing && (o.Kind != Delete || o.Outcome != Done) {
			continue
		}
		if until, known := gone[o.Subject]; !known || o.Return < until {
			gone[o.Subject] = o.Return
		}
	}
	return gone
}

func note(seen map[int]sighting, s Seen, o *Op) {
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

// Excuse marks what is not promised of requests that meet:
//
//   - a 409 while another request was taking the same name, whatever became of that;
//   - which of several leavers is restored while another of them comes or goes;
//   - a second 204 to the deletion of a group, of two at the same time.
func Excuse(ops []*Op, troubled func(from, to time.Duration) bool) {
	excuseTakers(ops, troubled)
	excuseLeavers(ops)
	for _, o := range ops {
		if o.Kind != Delete || !o.Group || o.Outcome != Done {
			continue
		}
		for _, other := range ops {
			if other != o && other.Kind == Delete && other.Subject == o.Subject && other.Outcome == Done && other.meets(o, other.Return) {
				o.Excused = true
			}
		}
	}
}

// meets reports whether a request that is under way until then is so at the same time as another.
func (o *Op) meets(other *Op, until time.Duration) bool {
	return o.Call <= other.Return && other.Call <= until
}

// excuseTakers: a name is held from the invocation on, though nobody may ever be told that it is.
func excuseTakers(ops []*Op, troubled func(from, to time.Duration) bool) {
	takers := map[string][]*Op{}
	for _, o := range ops {
		if o.Takes() && o.Outcome != Unsent && o.Outcome != Refused {
			takers[o.Name] = append(takers[o.Name], o)
		}
	}
	for _, all := range takers {
		for _, o := range all {
			if o.Outcome != Taken {
				continue
			}
			for _, other := range all {
				if other != o && other.meets(o, other.until(troubled)) {
					o.Excused = true
				}
			}
		}
	}
}

// excuseLeavers: who left last is not known while somebody is leaving.
func excuseLeavers(ops []*Op) {
	externalIDs := map[string]string{}
	for _, o := range ops {
		for _, s := range o.Seen {
			externalIDs[s.ID] = s.ExternalID
		}
	}
	moves := map[string][]*Op{} // by externalId
	for _, o := range ops {
		if externalID := externalIDs[o.about()]; o.Writes() && !o.Group && (o.Outcome == Done || o.Outcome == Unknown) {
			moves[externalID] = append(moves[externalID], o)
		}
	}
	for _, o := range ops {
		if o.Kind != Create || o.ExternalID == "" {
			continue
		}
		for _, other := range moves[o.ExternalID] {
			if other.about() != o.about() && other.meets(o, min(other.Return, other.latest()+undoTime-carriedThrough)) {
				o.Excused = true
			}
		}
	}
}

// about is the id of what the request is about, or made.
func (o *Op) about() string { return cmp.Or(o.Result, o.Subject) }

// until is when a taker has let go of the name, or has it for good.
func (o *Op) until(troubled func(from, to time.Duration) bool) time.Duration {
	lingers := undoTime
	if o.Batch != 0 {
		lingers += patience // it may have begun as late
	}
	if o.Kind == Rename {
		lingers += reservationTime - undoTime
	}
	switch {
	case o.Outcome == Unknown && o.Resolved:
		return o.Return
	case o.Outcome == Unknown:
		return o.Call + lingers
	case o.Outcome == Done, !troubled(o.Call, o.Return):
		return o.Return
	}
	return o.Return + lingers // it was refused, and could perhaps not take its reservation back
}
