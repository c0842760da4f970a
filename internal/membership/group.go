package membership

import (
	"fmt"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// GroupView is a group as a request sees it.
type GroupView struct {
	// Members and IsSliced are those of the group object.
	Members  []v1alpha1.Member
	IsSliced bool
	// Size counts the members of the group object and of its slices.
	Size int
	// IsInSlice reports whether a slice of the group lists a member.
	IsInSlice func(id string) bool
	// MaxSize is the largest size that a request that adds members may leave.
	MaxSize int
}

// OwnList is what the group object is to list.
type OwnList struct {
	Members []v1alpha1.Member
	// IsSliced says that the group has slices from now on: they list the added members that Members has no room for.
	IsSliced bool
	// Changed are the members that the write of the group object adds or removes.
	Changed []string
}

// TooLargeError says that a group would have too many members.
type TooLargeError struct{ Size, MaxSize int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the group would have %d members; at most %d are supported", e.Size, e.MaxSize)
}

// PlanOwnList returns what the group object is to list. A group that outgrows one object is sliced for good: its own
// list only shrinks from then on, and all that is added is in objects of one kind, whose writes are in one order. The
// error is a *TooLargeError, or that of a filter.
func (d *Delta) PlanOwnList(g GroupView) (OwnList, error) {
	if err := d.Evaluate(namesOf(g.Members)); err != nil {
		return OwnList{}, err
	}
	own := OwnList{IsSliced: g.IsSliced}
	listed := make(map[string]bool, len(g.Members))
	for _, m := range g.Members {
		listed[m.Name] = true
		if d.keeps(m.Name) {
			own.Members = append(own.Members, m)
		} else {
			own.Changed = append(own.Changed, m.Name)
		}
	}
	var added []string
	for _, id := range d.Added {
		if !listed[id] && d.adds(id) && !g.IsInSlice(id) {
			added = append(added, id)
		}
	}
	if err := d.checkSize(g, listed, len(added)); err != nil {
		return OwnList{}, err
	}
	if g.IsSliced {
		return own, nil
	}
	room := max(v1alpha1.SliceSize, len(own.Members)) - len(own.Members)
	fitting := added[:min(len(added), room)]
	for _, id := range fitting {
		own.Members = append(own.Members, v1alpha1.Member{Name: id})
	}
	own.Changed = append(own.Changed, fitting...)
	own.IsSliced = len(fitting) < len(added)
	return own, nil
}

// checkSize returns a *TooLargeError if the members that are added make the group too large. A replacement names all
// members, so the limit of a request bounds it already. Members of slices that a filter removes are not known yet, and
// make no room.
func (d *Delta) checkSize(g GroupView, own map[string]bool, added int) error {
	size := g.Size + added
	if added == 0 || d.isReplacing || size <= g.MaxSize {
		return nil
	}
	for id := range own {
		if !d.contains(id, true) {
			size--
		}
	}
	for id := range d.Named {
		if !own[id] && !d.contains(id, true) && g.IsInSlice(id) {
			size--
		}
	}
	if size > g.MaxSize {
		return &TooLargeError{size, g.MaxSize}
	}
	return nil
}
