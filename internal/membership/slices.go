package membership

import (
	"iter"
	"maps"
	"slices"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// SliceView is one slice of a group as an index shows it.
type SliceView struct {
	Slice *v1alpha1.CloudSSOMembershipSlice
	// AddedAt returns the revision at which the slice came to list a member; 0 if that is not known.
	AddedAt func(member string) uint64
	// IsAffected says that the slice lists a member that the delta names. A delta that may remove members that it does not name affects every slice.
	IsAffected bool
}

// SliceWrite is what one slice is to hold. Current is nil for a slice that has to be created.
type SliceWrite struct {
	Current *v1alpha1.CloudSSOMembershipSlice
	Members []v1alpha1.Member
}

// SlicePlan is what has to be written to the slices of a group.
type SlicePlan struct {
	Writes []SliceWrite
	// listed are the members that another list keeps, whatever becomes of the writes.
	listed map[string]bool
}

// PlanSlices returns what has to be written to the slices of a group, which come by name. own is the group object's
// list, read after the slices were looked up: it only shrinks, so a member that is in both was in both at one moment.
// Of several lists of one member the first keeps it: the group's own, then the slices by name. A member that this
// request has changed and that a slice came to list later stays. The error is that of a filter.
func (d *Delta) PlanSlices(own []v1alpha1.Member, views []SliceView) (SlicePlan, error) {
	if err := d.Evaluate(membersOf(views)); err != nil {
		return SlicePlan{}, err
	}
	p := SlicePlan{listed: map[string]bool{}}
	for _, m := range own {
		p.listed[m.Name] = true
	}
	for _, v := range views {
		if !d.MayRemoveUnnamed && !v.IsAffected {
			continue
		}
		kept := make([]v1alpha1.Member, 0, len(v.Slice.Spec.Members))
		for _, m := range v.Slice.Spec.Members {
			if !p.listed[m.Name] && (d.contains(m.Name, true) || d.wasAddedLater(m.Name, v)) {
				kept = append(kept, m)
				p.listed[m.Name] = true
			}
		}
		if len(kept) < len(v.Slice.Spec.Members) {
			p.Writes = append(p.Writes, SliceWrite{v.Slice, kept})
		}
	}
	var missing []v1alpha1.Member
	for _, id := range d.Added {
		if !p.listed[id] && d.adds(id) {
			missing = append(missing, v1alpha1.Member{Name: id})
		}
	}
	p.Writes = assign(missing, p.Writes, views)
	return p, nil
}

// membersOf returns the members that slices list.
func membersOf(views []SliceView) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range views {
			for id := range namesOf(v.Slice.Spec.Members) {
				if !yield(id) {
					return
				}
			}
		}
	}
}

// wasAddedLater reports whether a slice came to list a member after this request had changed that member.
func (d *Delta) wasAddedLater(id string, v SliceView) bool {
	return d.changedAt[id] > 0 && v.AddedAt(id) > d.changedAt[id]
}

// RecordSlices notes which members the writes of a plan have added or removed. stored has the revision of each write,
// 0 for one that was not stored. A member whose other copy stays, or that a write which was not stored concerns too, is not noted.
func (d *Delta) RecordSlices(p SlicePlan, stored []uint64) {
	unfinished := maps.Clone(p.listed)
	for i, w := range p.Writes {
		if stored[i] == 0 {
			maps.Copy(unfinished, w.changed())
		}
	}
	for i, w := range p.Writes {
		for id := range w.changed() {
			if stored[i] > 0 && !unfinished[id] {
				d.changedAt[id] = max(d.changedAt[id], stored[i])
			}
		}
	}
}

// changed returns the members that the write adds to its slice or removes from it.
func (w SliceWrite) changed() map[string]bool {
	changed := map[string]bool{}
	for _, m := range w.Members {
		changed[m.Name] = true
	}
	if w.Current != nil {
		for _, m := range w.Current.Spec.Members {
			if changed[m.Name] {
				delete(changed, m.Name) // it stays
			} else {
				changed[m.Name] = true
			}
		}
	}
	return changed
}

// assign finds a slice for the missing members: the fullest that has room for all of a part, of those that are written
// anyway first; else a new one.
func assign(missing []v1alpha1.Member, writes []SliceWrite, views []SliceView) []SliceWrite {
	for part := range slices.Chunk(missing, v1alpha1.SliceSize) {
		if i := bestFit(writes, len(part)); i >= 0 {
			writes[i].Members = append(writes[i].Members, part...)
			continue
		}
		var others []SliceWrite
		for _, v := range views {
			if !slices.ContainsFunc(writes, func(w SliceWrite) bool { return w.Current == v.Slice }) {
				others = append(others, SliceWrite{v.Slice, v.Slice.Spec.Members})
			}
		}
		w := SliceWrite{nil, part}
		if i := bestFit(others, len(part)); i >= 0 {
			w = SliceWrite{others[i].Current, slices.Concat(others[i].Members, part)}
		}
		writes = append(writes, w)
	}
	return writes
}

// bestFit returns the index of the fullest slice that has room for so many more and is not being deleted, or -1.
func bestFit(writes []SliceWrite, more int) int {
	best := -1
	for i, w := range writes {
		isTerminating := w.Current != nil && w.Current.DeletionTimestamp != nil
		if !isTerminating && len(w.Members)+more <= v1alpha1.SliceSize && (best < 0 || len(w.Members) > len(writes[best].Members)) {
			best = i
		}
	}
	return best
}
