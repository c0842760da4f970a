package chaos

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// holder is one user or group. A deprovisioned user stays in the state, because its id is never used again.
type holder struct {
	id, name, externalID string
	active, live         bool
	manual               bool // made by hand and not adopted yet: it holds its name, and SCIM does not show it
	// late says that the object got its name, by a request without an answer, while another live object held it. It is
	// not shown while that object has the name; afterwards it may be.
	late   bool
	marker int // the request that wrote it last, a deletion aside
}

// isShown reports whether SCIM has to show the object.
func (h holder) isShown() bool { return h.live && !h.manual && !h.late }

// isRestoredBy reports whether a create gives back this user: it is disabled, and userName and externalId are its own.
func (h holder) isRestoredBy(o *Op) bool {
	return !o.Group && h.live && !h.manual && !h.active && h.name == o.Name && h.externalID != "" && h.externalID == o.ExternalID
}

// holders is the state of the model: all objects, sorted by id.
type holders []holder

// nameModel is the promise about names and ids of users or groups that compete for a few names.
//
//   - A name is held by one object at a time. Only the effect of a request without an answer may be a second one, and
//     that one is not shown.
//   - A create restores the disabled user of that userName and that externalId, adopts the Manual user of that userName,
//     and makes a new object if no live one has the name.
//   - A deprovisioned user does not come back, and neither does its id.
//   - A conditional request is done if the state is still the one that it names, and else refused.
//   - 404, an empty search by name, and 409 are true at some moment of the request.
//   - A request of unknown outcome has its effect at some time after its call, or never. It returns at infinity, so that
//     never is after everything else.
type nameModel struct {
	// manual are the Manual users that exist before the first request.
	manual holders
}

// Model returns the specification for porcupine. Inputs are *Op; outputs are not used.
func (m nameModel) Model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return m.manual },
		Step: func(state, input, _ any) (bool, any) {
			o, _ := input.(*Op)
			return asHolders(state).step(o)
		},
		Equal:             func(a, b any) bool { return slices.Equal(asHolders(a), asHolders(b)) },
		Hash:              func(state any) uint64 { return asHolders(state).hash() },
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
		DescribeState:     func(state any) string { return fmt.Sprint(state) },
	}
}

func asHolders(state any) holders {
	s, _ := state.(holders)
	return s
}

var hashSeed = maphash.MakeSeed()

func (s holders) hash() (sum uint64) {
	for _, h := range s {
		sum = sum*31 + maphash.Comparable(hashSeed, h)
	}
	return sum
}

// step returns whether a request can have had its outcome, and the state after it.
func (s holders) step(o *Op) (bool, holders) {
	switch o.Kind {
	case Create:
		return s.create(o)
	case Rename, Activate, Deactivate, Delete:
		return s.change(o)
	case Final:
		return s.isFinal(o), s
	}
	return s.denies(o), s
}

// denies reports whether a negative answer to a read is true.
func (s holders) denies(o *Op) bool {
	return !slices.ContainsFunc(s, func(h holder) bool {
		return h.isShown() && (o.Kind == FindName && h.name == o.Name || o.Kind == Read && h.id == o.Subject)
	})
}

// isFinal reports whether the state is what the API server holds at the end.
func (s holders) isFinal(o *Op) bool {
	return slices.EqualFunc(s, finalHolders(o), func(a, b holder) bool {
		a.late = b.late
		return a == b
	})
}

// finalHolders returns the state that the API server holds at the end.
func finalHolders(o *Op) (s holders) {
	for _, seen := range o.Seen {
		h := holder{id: seen.ID, name: seen.Name, externalID: seen.ExternalID, active: seen.Active, live: !seen.Deprovisioned, manual: seen.Manual, marker: seen.Marker}
		if o.Group {
			h.externalID, h.active = "", true
		}
		s = s.with(h)
	}
	return s
}

// hasOther reports whether a live object other than id has the name.
func (s holders) hasOther(name, id string) bool {
	return slices.ContainsFunc(s, func(h holder) bool { return h.live && h.name == name && h.id != id })
}

// held returns the live object that holds the name. A late one holds nothing.
func (s holders) held(name string) (holder, bool) {
	i := slices.IndexFunc(s, func(h holder) bool { return h.live && !h.late && h.name == name })
	if i < 0 {
		return holder{}, false
	}
	return s[i], true
}

func (s holders) get(id string) (holder, bool) {
	i, found := slices.BinarySearchFunc(s, id, compareID)
	if !found {
		return holder{id: id}, false
	}
	return s[i], true
}

func compareID(h holder, id string) int { return strings.Compare(h.id, id) }

// with returns the state with h as it is now.
func (s holders) with(h holder) holders {
	next := s.without(h.id)
	i, _ := slices.BinarySearchFunc(next, h.id, compareID)
	return slices.Insert(next, i, h)
}

func (s holders) without(id string) holders {
	return slices.DeleteFunc(slices.Clone(s), func(h holder) bool { return h.id == id })
}

// create returns whether a request to create can have had its outcome, and the state after it. If the outcome is unknown
// the effect happens where that is possible.
func (s holders) create(o *Op) (bool, holders) {
	switch {
	case o.Outcome == Conflict:
		h, found := s.held(o.Name)
		return s.hasOther(o.Name, "") && (!found || !h.givenBackBy(o)), s
	case o.Outcome == Done, o.Resolved:
		return s.created(o)
	}
	// The effect was not seen. A new object is always seen later; one that was restored or adopted may have been
	// overwritten before. The result is known of a request that has not returned yet; see until.
	perhaps := *o
	perhaps.Outcome = Done
	if h, found := s.held(o.Name); found && h.givenBackBy(o) {
		perhaps.Result = cmp.Or(o.Result, h.id)
	}
	if perhaps.Result != "" {
		if ok, next := s.created(&perhaps); ok {
			return true, next
		}
	}
	return true, s
}

// givenBackBy reports whether a create restores or adopts the object instead of creating one.
func (h holder) givenBackBy(o *Op) bool {
	return h.isRestoredBy(o) || !o.Group && h.live && h.manual && h.name == o.Name
}

// created returns the same for a create that has had its effect.
func (s holders) created(o *Op) (bool, holders) {
	h := holder{id: o.Result, name: o.Name, externalID: o.ExternalID, active: true, live: true, marker: o.ID}
	if o.Group {
		h.externalID = ""
	}
	was, exists := s.get(o.Result)
	other := s.hasOther(o.Name, o.Result)
	switch {
	case exists:
		return was.givenBackBy(o) && (!was.late || !other), s.with(h)
	case o.Outcome == Unknown: // its write may have been carried out late
		h.late = other
		return true, s.with(h)
	}
	_, taken := s.held(o.Name)
	return !taken, s.with(h)
}

// mayBeShown reports whether SCIM shows the object, or may show it because no other object has the name of a late one.
func (s holders) mayBeShown(h holder) bool {
	return h.live && !h.manual && (!h.late || !s.hasOther(h.name, h.id))
}

// change returns the same for a request about an object that exists, or does not.
func (s holders) change(o *Op) (bool, holders) {
	was, _ := s.get(o.Subject)
	shown := s.mayBeShown(was)
	still := o.IfMarker == 0 || o.IfMarker == was.marker
	switch o.Outcome {
	case NotFound:
		return !was.isShown(), s
	case PreconditionFailed:
		return shown && !still, s
	case Conflict:
		return was.name != o.Name && s.hasOther(o.Name, o.Subject), s
	}
	switch {
	case shown && still && s.mayRename(was, o):
		return true, s.after(was, o)
	case o.Outcome == Unknown && !o.Resolved: // then it has no effect
		return true, s
	}
	return o.Kind == Delete && o.Repeated && !shown, s
}

// mayRename reports whether a rename may have its effect: no other object holds the name, or the write of a request
// difference an answer was carried out late.
func (s holders) mayRename(was holder, o *Op) bool {
	if o.Kind != Rename || o.Name == was.name || o.Resolved {
		return true
	}
	_, taken := s.held(o.Name)
	return !taken
}

// after returns the state after a change of an object.
func (s holders) after(was holder, o *Op) holders {
	h := was
	switch o.Kind {
	case Rename:
		h.name = o.Name
		h.late = o.Outcome == Unknown && (was.name != o.Name || was.late) && s.hasOther(o.Name, h.id)
	case Activate, Deactivate:
		h.active, h.late = o.Kind == Activate, was.late && o.Outcome == Unknown
	case Delete:
		if o.Group {
			return s.without(h.id)
		}
		h.live, h.late = false, false
		return s.with(h)
	}
	h.marker = o.ID
	return s.with(h)
}
