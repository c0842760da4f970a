package membership

import (
	"iter"
	"slices"
)

// Op is the kind of a Change.
type Op int

// The kinds of Change.
const (
	Add Op = iota
	Remove
	Replace
)

// Change adds, removes or replaces members of a group.
type Change struct {
	Op Op
	// IDs are the members to add, to remove, or to have alone.
	IDs []string
	// Matches, if not nil, selects the members to remove, instead of IDs. Only for Remove. It is asked once about each
	// member. Its error ends the request.
	Matches func(id string) (bool, error)
}

// Delta is what the changes of one request make of a group's members. A request applies its change to each member once. If it
// is repeated after a part of it was written, it leaves that part alone: another request may have been acknowledged since, and
// would be undone. Not safe for concurrent use.
type Delta struct {
	// Added are the ids that a change adds, each once, in order.
	Added []string
	// Named are all ids that a change names.
	Named map[string]bool
	// MayRemoveUnnamed says that the changes may remove members that they do not name: a replacement, or a filter.
	MayRemoveUnnamed bool

	changes     []change
	isReplacing bool
	isProtected func(id string) bool
	changedAt   map[string]uint64 // the members that this request has changed, with the revision of that write
}

// change is a Change with a set of its ids.
type change struct {
	Change
	named    map[string]bool
	selected map[string]bool // what Matches has returned, by member
}

// NewDelta returns the delta of changes that are applied in order. isProtected reports the members that no request
// removes: those that SCIM does not show, such as Manual users. It must change nothing.
func NewDelta(changes []Change, isProtected func(id string) bool) *Delta {
	d := &Delta{Named: map[string]bool{}, isProtected: isProtected, changedAt: map[string]uint64{}}
	added := map[string]bool{}
	for _, c := range changes {
		d.changes = append(d.changes, change{c, setOf(c.IDs), map[string]bool{}})
		d.isReplacing = d.isReplacing || c.Op == Replace
		d.MayRemoveUnnamed = d.MayRemoveUnnamed || c.Op == Replace || c.Matches != nil
		for _, id := range c.IDs {
			d.Named[id] = true
			if c.Op != Remove && !added[id] {
				added[id] = true
				d.Added = append(d.Added, id)
			}
		}
	}
	return d
}

// IsEmpty reports whether the request changes no members.
func (d *Delta) IsEmpty() bool { return len(d.changes) == 0 }

// Evaluate asks the changes that have a filter about members, and about those that the request adds, unless they have been asked
// already: a request decides about each member once, whatever is planned again. Each plan evaluates the lists that it is
// made of. A request that must change nothing if a filter fails evaluates all members before its first write.
func (d *Delta) Evaluate(members iter.Seq[string]) error {
	if !slices.ContainsFunc(d.changes, func(c change) bool { return c.Matches != nil }) {
		return nil
	}
	for id := range members {
		if err := d.evaluate(id, true); err != nil {
			return err
		}
	}
	for _, id := range d.Added {
		if err := d.evaluate(id, false); err != nil {
			return err
		}
	}
	return nil
}

// evaluate asks the filters that contains needs for id.
func (d *Delta) evaluate(id string, before bool) error {
	member := before
	for i := range d.changes {
		c := &d.changes[i]
		if _, known := c.selected[id]; c.Matches != nil && member && !known {
			selected, err := c.Matches(id)
			if err != nil {
				return err
			}
			c.selected[id] = selected
		}
		member = d.containsAfter(c, id, member)
	}
	return nil
}

// contains reports whether id is a member afterwards. A filter that has not been asked about it does not select it.
func (d *Delta) contains(id string, before bool) bool {
	member := before
	for i := range d.changes {
		member = d.containsAfter(&d.changes[i], id, member)
	}
	return member
}

// containsAfter reports whether id is a member after one change.
func (d *Delta) containsAfter(c *change, id string, before bool) bool {
	switch {
	case c.Op != Remove && c.named[id]:
		return true
	case before && c.removes(id):
		return d.isProtected(id)
	}
	return before
}

// keeps reports whether a member that is listed stays. If this request has added or removed the member already, another
// request may have listed it since, and it stays.
func (d *Delta) keeps(id string) bool { return d.changedAt[id] > 0 || d.contains(id, true) }

// adds reports whether an id that is not listed becomes a member.
func (d *Delta) adds(id string) bool { return d.changedAt[id] == 0 && d.contains(id, false) }

// removes reports whether a change removes a member that it does not name to stay.
func (c *change) removes(id string) bool {
	switch {
	case c.Op == Replace:
		return true
	case c.Op == Add:
		return false
	case c.Matches != nil:
		return c.selected[id]
	}
	return c.named[id]
}

// Done returns the members that this request has added and removed, as far as it has recorded.
func (d *Delta) Done() (added, removed []string) {
	for id := range d.changedAt {
		if d.contains(id, false) {
			added = append(added, id)
		} else {
			removed = append(removed, id)
		}
	}
	return added, removed
}

// Record notes that this request has added or removed the members, at that revision.
func (d *Delta) Record(members []string, revision uint64) {
	for _, id := range members {
		d.changedAt[id] = max(d.changedAt[id], revision)
	}
}
