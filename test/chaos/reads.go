package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// lag is how old a positive answer through another replica may be. The watch takes a millisecond, and 20
// at its slowest in a hundred; but here several of everything share two cores, with the race detector.
const lag = time.Second

// Window is a time in which a replica may have been cut off, or everything stood still: from the moment
// the fault began until the replica had passed a fence afterwards.
type Window struct {
	Slot     int
	From, To time.Duration
	Fault    string
}

// Reads is the promise about positive reads, which come from a replica's cache:
//
//   - through the replica that acknowledged a write, the write is there;
//   - through another, what is shown was true at most Lag before the read began, or before its replica
//     was cut off;
//   - one replica never goes back;
//   - what is shown is what one request wrote, whole, and no request that was refused.
type Reads struct {
	Lag     time.Duration
	Windows []Window

	// Staleness is how old what was shown was, where it was not the newest; Cut is the same within Windows.
	Staleness, Cut []time.Duration
	// Checked is how many resources in answers were looked at.
	Checked int
	// Provisional is how often a create was seen that was refused afterwards.
	Provisional int
}

// Violation is a promise that was not kept.
type Violation struct {
	Rule, Text string
	Ops        []*Op // what shows it, in order
}

// history of one resource: what was written to it.
type written []*Op

// Check looks at all positive answers of one partition.
func (r *Reads) Check(p *Partition) (violations []Violation) {
	byID, byOp := map[string]written{}, map[int]*Op{}
	for _, o := range p.Ops {
		byOp[o.ID] = o
		if id := o.about(); o.Writes() && id != "" && (o.Outcome == Done || o.Outcome == Unknown) {
			byID[id] = append(byID[id], o)
		}
	}
	for _, o := range p.Ops {
		if o.Kind == Final {
			continue
		}
		for _, s := range o.Seen {
			r.Checked++
			violations = append(violations, once(o, s)...)
			if p.Members == nil {
				violations = append(violations, r.one(o, s, byOp, byID[s.ID])...)
			} else if s.Members != nil {
				violations = append(violations, r.membership(o, s, byID[s.ID], p)...)
			}
		}
		if o.Kind == FindMember && o.Outcome == Done {
			there := Seen{ID: o.Subject, Members: o.Members}
			violations = append(violations, r.membership(o, there, byID[o.Subject], &Partition{Members: o.Members})...)
		}
	}
	return append(violations, monotonic(p.Ops)...)
}

// once checks that no member is listed twice.
func once(o *Op, s Seen) (violations []Violation) {
	seen := make(map[string]bool, len(s.Members))
	for _, m := range s.Members {
		if seen[m] {
			violations = append(violations, Violation{"read: each member once", fmt.Sprintf("#%d shows group %s with %s twice", o.ID, s.ID, m), []*Op{o}})
		}
		seen[m] = true
	}
	return violations
}

// one checks a resource in an answer against the request that wrote it.
func (r *Reads) one(o *Op, s Seen, byOp map[int]*Op, all written) []Violation {
	w := byOp[s.Marker]
	switch {
	case w == nil:
		return []Violation{{"read: nothing invented", fmt.Sprintf("#%d shows %s, which no request wrote", o.ID, s), []*Op{o}}}
	case w.Call > o.Return:
		return []Violation{{"read: nothing from the future", fmt.Sprintf("#%d shows what #%d wrote later", o.ID, w.ID), []*Op{o, w}}}
	case w.Outcome == Taken, w.Outcome == Missing, w.Outcome == Changed, w.Outcome == Refused:
		r.Provisional++
		return []Violation{{"read: nothing that was refused", fmt.Sprintf("#%d shows what #%d wrote, which was answered %s", o.ID, w.ID, w.Outcome), []*Op{w, o}}}
	case !w.wrote(s):
		return []Violation{{"read: whole", fmt.Sprintf("#%d shows %s, which is not what #%d wrote", o.ID, s, w.ID), []*Op{w, o}}}
	case o.Writes() && o.Outcome == Done && s.Marker != o.ID:
		return []Violation{{"read: own write", fmt.Sprintf("the answer to #%d shows what #%d wrote", o.ID, w.ID), []*Op{w, o}}}
	}
	later, oldest := r.superseded(o, w, all)
	r.measure(o, oldest)
	if later != nil {
		return []Violation{{"read: not stale", fmt.Sprintf("#%d shows what #%d wrote; #%d had been acknowledged %s before through replica %s",
			o.ID, w.ID, later.ID, o.Call-later.Return, later.Life), []*Op{w, later, o}}}
	}
	return nil
}

// wrote reports whether a state is the one that the request wrote.
func (o *Op) wrote(s Seen) bool {
	switch o.Kind {
	case Create:
		return s.Name == o.Name && (o.Group || s.Active && s.ExternalID == o.ExternalID && s.Origin == o.ID)
	case Rename:
		return s.Name == o.Name && s.ID == o.Subject
	case Activate, Deactivate:
		return s.Active == (o.Kind == Activate) && s.ID == o.Subject
	}
	return s.ID == o.Subject
}

// superseded is a later write that the reader of w had to see, if there is one, and the oldest that it
// would have seen if nothing ever lagged.
func (r *Reads) superseded(o, w *Op, all written) (missed, oldest *Op) {
	bound, _ := r.reach(o)
	for _, later := range all {
		if later.Outcome != Done || later.Call <= w.Return && !w.precedes(later) || later.Return >= o.Call {
			continue
		}
		if oldest == nil || later.Return < oldest.Return {
			oldest = later
		}
		if later.Return < bound || later.Life == o.Life {
			missed = later
		}
	}
	return missed, oldest
}

// measure notes how old an answer was.
func (r *Reads) measure(o, missed *Op) {
	if missed == nil {
		return
	}
	stale := &r.Staleness
	if _, cut := r.reach(o); cut {
		stale = &r.Cut
	}
	*stale = append(*stale, o.Call-missed.Return)
}

// reach is how far back an answer may look.
func (r *Reads) reach(o *Op) (bound time.Duration, cut bool) {
	bound = o.Call - r.Lag
	for again := true; again; {
		again = false
		for _, w := range r.Windows {
			if w.Slot == o.Life.Slot && w.From-r.Lag < bound && bound <= w.To {
				bound, cut, again = w.From-r.Lag, true, true
			}
		}
	}
	return bound, cut
}

// membership checks for each member whether it could be in the group, or out of it, when it was read.
func (r *Reads) membership(o *Op, s Seen, all written, p *Partition) (violations []Violation) {
	for _, m := range p.Members {
		in := slices.Contains(s.Members, m)
		var about written
		for _, w := range all {
			if _, touched := w.membership(m); touched {
				about = append(about, w)
			}
		}
		if !o.shows(m, in) && (!p.Sliced || !about.interferes(o, m, in)) {
			violations = append(violations, Violation{
				"read: own write",
				fmt.Sprintf("the answer to #%d shows group %s with %s in=%v", o.ID, s.ID, m, in),
				[]*Op{o},
			})
		}
		if why := r.possible(o, about, m, in); why != nil {
			violations = append(violations, Violation{
				"read: members not stale",
				fmt.Sprintf("#%d shows group %s with %s in=%v, which it was not any more, or not yet", o.ID, s.ID, m, in), append(why, o),
			})
		}
	}
	return violations
}

// shows reports whether an answer that shows a member in the group, or out of it, shows what the request did.
func (o *Op) shows(member string, in bool) bool {
	becomes, touched := o.membership(member)
	return !touched || becomes == in || o.Outcome != Done
}

// interferes reports whether another request made a member so while o was under way: what is many objects is
// read after it was written, not as it was written.
func (w written) interferes(o *Op, member string, in bool) bool {
	return slices.ContainsFunc(w, func(other *Op) bool {
		becomes, _ := other.membership(member)
		return other != o && becomes == in && other.meets(o, other.Return)
	})
}

// possible returns nil if one of the writes that could be the last one made it so; else those.
func (r *Reads) possible(o *Op, about written, member string, in bool) []*Op {
	var candidates []*Op
	for _, w := range about {
		if missed, _ := r.superseded(o, w, about); w.Call > o.Return || missed != nil {
			continue
		}
		if becomes, _ := w.membership(member); becomes == in {
			return nil
		}
		candidates = append(candidates, w)
	}
	return candidates
}

// monotonic checks that a process of a replica never shows an older state than it has shown already.
func monotonic(ops []*Op) (violations []Violation) {
	type key struct {
		life Life
		id   string
	}
	type showing struct {
		op       *Op
		modified time.Time
	}
	shown := map[key][]showing{} // each newer than the one before, in the order of their return
	answered := slices.Clone(ops)
	slices.SortFunc(answered, func(a, b *Op) int { return cmp.Compare(a.Return, b.Return) })
	for _, o := range answered {
		if o.Kind == Final {
			continue
		}
		for _, s := range o.Seen {
			k := key{o.Life, s.ID}
			for _, before := range slices.Backward(shown[k]) {
				if before.op.Return < o.Call {
					if s.Modified.Before(before.modified) {
						violations = append(violations, Violation{
							"read: never backwards",
							fmt.Sprintf("#%d shows %s as of %s; #%d had shown it as of %s", o.ID, s.ID, s.Modified, before.op.ID, before.modified),
							[]*Op{before.op, o},
						})
					}
					break
				}
			}
			if n := len(shown[k]); n == 0 || s.Modified.After(shown[k][n-1].modified) {
				shown[k] = append(shown[k], showing{o, s.Modified})
			}
		}
	}
	return violations
}
