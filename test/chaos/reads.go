package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// lag is how old an answer through another replica may be. The watch takes a millisecond, and 20 at its p99; but here
// several processes of each kind share two cores, with the race detector.
const lag = time.Second

// Disturbance is a time in which a replica may have been behind: from the beginning of a fault until the replica had
// caught up with the API server afterwards.
type Disturbance struct {
	Slot     int
	From, To time.Duration
	Fault    string
}

// Reads is the promise about answers that come from a replica's cache. These are resources in answers, and searches by
// attributes other than id, userName and displayName that find nothing:
//
//   - the replica that acknowledged a write shows it;
//   - what another replica shows was true at most Lag before the read began, or before a disturbance of that replica;
//   - one replica never goes back;
//   - a resource is shown as one request wrote it, whole, and never as a request wrote it that was refused;
//   - a search by name finds one resource at most.
type Reads struct {
	Lag          time.Duration
	Disturbances []Disturbance

	// Staleness is the age of answers that did not show the newest state; Disturbed is the same within Disturbances.
	Staleness, Disturbed []time.Duration
	// Checked is how many resources in answers were checked.
	Checked int
}

// Violation is a promise that was not kept.
type Violation struct {
	Rule, Text string
	Ops        []*Op // the requests that show it, in order
}

// writes are the requests that have changed one resource, or may have.
type writes []*Op

// absent stands for the state before the first write of a resource.
var absent = &Op{Kind: Delete, Outcome: Done, Call: -1, Return: -1}

// Check checks the answers of one partition.
func (r *Reads) Check(p *Partition) (violations []Violation) {
	byID, byOp := map[string]writes{}, map[int]*Op{}
	for _, o := range p.Ops {
		byOp[o.ID] = o
		if id := o.about(); o.Writes() && id != "" && (o.Outcome == Done || o.Outcome == Unknown) {
			byID[id] = append(byID[id], o)
		}
	}
	shown := firstShown(p.Ops)
	for _, o := range p.Ops {
		switch {
		case o.Kind == Final:
			continue
		case o.Kind == FindMember && o.Outcome == Done:
			there := Seen{ID: o.Subject, Members: o.Members}
			violations = append(violations, r.membership(o, there, byID[o.Subject], &Partition{Members: o.Members})...)
		case o.Outcome == Empty:
			violations = append(violations, r.nothing(o, byID, shown)...)
		}
		violations = append(violations, single(o)...)
		for _, s := range o.Seen {
			r.Checked++
			violations = append(violations, once(o, s)...)
			if p.Members == nil {
				violations = append(violations, r.one(o, s, byOp, byID[s.ID])...)
			} else if s.Members != nil {
				violations = append(violations, r.membership(o, s, byID[s.ID], p)...)
			}
		}
	}
	return append(violations, monotonic(p.Ops)...)
}

// single checks that a search by name finds one resource at most.
func single(o *Op) []Violation {
	if o.Kind != FindName || len(o.Seen) < 2 {
		return nil
	}
	return []Violation{{"read: one holder of a name", fmt.Sprintf("#%d finds %d resources of the name %s", o.ID, len(o.Seen), o.Name), []*Op{o}}}
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

// sightingBy is a process and a resource that it has shown.
type sightingBy struct {
	process Process
	id      string
}

// firstShown returns when each process had shown each resource for the first time.
func firstShown(ops []*Op) map[sightingBy]time.Duration {
	shown := map[sightingBy]time.Duration{}
	for _, o := range ops {
		if o.Kind == Final {
			continue
		}
		for _, s := range o.Seen {
			key := sightingBy{o.Process, s.ID}
			if first, found := shown[key]; !found || o.Return < first {
				shown[key] = o.Return
			}
		}
	}
	return shown
}

// nothing checks a search by externalId or by member that found nothing. A search by name is certain, and porcupine
// checks it.
func (r *Reads) nothing(o *Op, byID map[string]writes, shown map[sightingBy]time.Duration) (violations []Violation) {
	if o.Kind == FindMember {
		if r.mayBeAbsent(o, o.Subject, byID[o.Subject], shown) {
			return nil
		}
		found := Seen{ID: o.Subject, Members: []string{}}
		return r.membership(o, found, byID[o.Subject], &Partition{Members: o.Members})
	}
	for id, all := range byID {
		has := slices.ContainsFunc(all, func(w *Op) bool { return w.Kind == Create && w.ExternalID == o.ExternalID })
		if o.Kind == FindExternal && has && !r.mayBeAbsent(o, id, all, shown) {
			violations = append(violations, Violation{
				"read: search not stale", fmt.Sprintf("#%d finds no user with externalId %s; %s has it", o.ID, o.ExternalID, id), append(slices.Clone(all), o),
			})
		}
	}
	return violations
}

// mayBeAbsent reports whether the replica that answered may not have known of a resource yet, or may have known of its
// deletion.
func (r *Reads) mayBeAbsent(o *Op, id string, all writes, shown map[sightingBy]time.Duration) bool {
	first, known := shown[sightingBy{o.Process, id}]
	if missed, _ := r.superseded(o, absent, all); missed == nil && (!known || first >= o.Call) {
		return true
	}
	return slices.ContainsFunc(all, func(w *Op) bool {
		missed, _ := r.superseded(o, w, all)
		return w.Kind == Delete && w.Call <= o.Return && missed == nil
	})
}

// one checks a resource in an answer against the request that wrote it.
func (r *Reads) one(o *Op, s Seen, byOp map[int]*Op, all writes) []Violation {
	w := byOp[s.Marker]
	switch {
	case w == nil:
		return []Violation{{"read: nothing invented", fmt.Sprintf("#%d shows %s, which no request wrote", o.ID, s), []*Op{o}}}
	case w.Call > o.Return:
		return []Violation{{"read: nothing from the future", fmt.Sprintf("#%d shows what #%d wrote later", o.ID, w.ID), []*Op{o, w}}}
	case w.Outcome == Conflict, w.Outcome == NotFound, w.Outcome == PreconditionFailed, w.Outcome == Forbidden:
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
			o.ID, w.ID, later.ID, o.Call-later.Return, later.Process), []*Op{w, later, o}}}
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

// superseded returns a write after w that the answer had to include, if there is one, and the oldest write that it would
// have included without any lag.
func (r *Reads) superseded(o, w *Op, all writes) (missed, oldest *Op) {
	bound, _ := r.reach(o)
	for _, later := range all {
		if later.Outcome != Done || later.Call <= w.Return && !w.precedes(later) || later.Return >= o.Call {
			continue
		}
		if oldest == nil || later.Return < oldest.Return {
			oldest = later
		}
		if later.Return < bound || later.Process == o.Process {
			missed = later
		}
	}
	return missed, oldest
}

// measure records the age of an answer.
func (r *Reads) measure(o, missed *Op) {
	if missed == nil {
		return
	}
	ages := &r.Staleness
	if _, disturbed := r.reach(o); disturbed {
		ages = &r.Disturbed
	}
	*ages = append(*ages, o.Call-missed.Return)
}

// reach returns the time that an answer may be as old as, and whether a disturbance moves it.
func (r *Reads) reach(o *Op) (bound time.Duration, disturbed bool) {
	bound = o.Call - r.Lag
	for again := true; again; {
		again = false
		for _, d := range r.Disturbances {
			if d.Slot == o.Process.Slot && d.From-r.Lag < bound && bound <= d.To {
				bound, disturbed, again = d.From-r.Lag, true, true
			}
		}
	}
	return bound, disturbed
}

// membership checks for each member whether it could be in the group, or out of it, when it was read.
func (r *Reads) membership(o *Op, s Seen, all writes, p *Partition) (violations []Violation) {
	for _, m := range p.Members {
		in := slices.Contains(s.Members, m)
		var about writes
		for _, w := range all {
			if _, touched := w.membership(m); touched {
				about = append(about, w)
			}
		}
		if !o.shows(m, in) && (!p.Sliced || !about.interfere(o, m, in)) {
			violations = append(violations, Violation{
				"read: own write",
				fmt.Sprintf("the answer to #%d shows group %s with %s in=%v", o.ID, s.ID, m, in),
				[]*Op{o},
			})
		}
		if why := r.impossible(o, about, m, in); why != nil {
			violations = append(violations, Violation{
				"read: members not stale",
				fmt.Sprintf("#%d shows group %s with %s in=%v, which was not true any more, or not yet", o.ID, s.ID, m, in), append(why, o),
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

// interfere reports whether another request put a member in, or out, while o was under way: a sliced group is read after
// it was written, not as it was written.
func (w writes) interfere(o *Op, member string, in bool) bool {
	return slices.ContainsFunc(w, func(other *Op) bool {
		becomes, _ := other.membership(member)
		return other != o && becomes == in && other.overlaps(o)
	})
}

// impossible returns nil if one of the writes that could be the last one put the member in, or out; else those writes.
func (r *Reads) impossible(o *Op, about writes, member string, in bool) []*Op {
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
	type showing struct {
		op       *Op
		modified time.Time
	}
	shown := map[sightingBy][]showing{} // each newer than the one before, in the order of their return
	answered := slices.Clone(ops)
	slices.SortFunc(answered, func(a, b *Op) int { return cmp.Compare(a.Return, b.Return) })
	for _, o := range answered {
		if o.Kind == Final {
			continue
		}
		for _, s := range o.Seen {
			k := sightingBy{o.Process, s.ID}
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
