package chaos

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// holder is one resource that has a name, or a user that left and may be restored.
type holder struct {
	id, name, externalID string
	active, live         bool
	manual               bool // made by hand, and not adopted yet: it holds its name, and SCIM does not show it
	marker               int  // the request that wrote it last, a deletion aside
}

// left says that a user with an externalId is to be restored rather than created anew.
func (h holder) left() bool { return h.externalID != "" && (!h.live || !h.active) }

// shown says that SCIM shows it.
func (h holder) shown() bool { return h.live && !h.manual }

// names is the state of the model: what is live, and who may be restored; sorted by id.
type names []holder

// nameModel is the promise about names and ids: of users that meet in a few names, or of groups.
//
//   - A name is held by one at a time. Only a create whose outcome nobody was told may be a second.
//   - A create with the name of a user made by hand adopts that one, unless there is somebody to restore.
//   - A create with the externalId of somebody who left gives that one back, the newest of several, unless
//     another of them comes or goes at the same time.
//   - A conditional request is done if the state is still the one it names, and else refused.
//   - 404, an empty filter and 409 are true at some moment of the request. A 409 may also be due to
//     another who was taking the name at that time, whatever became of it.
//   - A request of unknown outcome has its effect some time after it was sent, or never. It returns at
//     infinity, so never is: after everything else.
type nameModel struct {
	// born is when an object was created, by id.
	born map[string]time.Time
	// manual are the users made by hand that were there before the first request.
	manual names
}

// Model is the specification for porcupine. Inputs are *Op; outputs are not used.
func (m nameModel) Model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return m.manual },
		Step: func(state, input, _ any) (bool, any) {
			s, _ := state.(names)
			o, _ := input.(*Op)
			return m.step(s, o)
		},
		Equal:             func(a, b any) bool { return slices.Equal(asNames(a), asNames(b)) },
		Hash:              func(state any) uint64 { return asNames(state).hash() },
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
		DescribeState:     func(state any) string { return fmt.Sprint(state) },
	}
}

func asNames(state any) names {
	s, _ := state.(names)
	return s
}

var hashSeed = maphash.MakeSeed()

func (s names) hash() (sum uint64) {
	for _, h := range s {
		sum = sum*31 + maphash.Comparable(hashSeed, h)
	}
	return sum
}

func (m nameModel) step(s names, o *Op) (bool, names) {
	switch o.Kind {
	case Create:
		return m.create(s, o)
	case Rename, Activate, Deactivate, Delete:
		return m.change(s, o)
	case Final:
		return slices.Equal(s, finalNames(o)), s
	}
	return s.denies(o), s
}

// denies reports whether a negative answer to a read is true.
func (s names) denies(o *Op) bool {
	return !slices.ContainsFunc(s, func(h holder) bool {
		switch {
		case !h.shown():
			return false
		case o.Kind == FindName:
			return h.name == o.Name
		case o.Kind == FindExternal:
			return h.externalID == o.ExternalID
		}
		return h.id == o.Subject
	})
}

// held reports whether another than id has the name, and id has not.
func (s names) held(name, id string) bool {
	if h, _ := s.get(id); h.live && h.name == name {
		return false // a second holder may be there, and takes nothing away
	}
	return slices.ContainsFunc(s, func(h holder) bool { return h.live && h.name == name && h.id != id })
}

func (s names) get(id string) (holder, bool) {
	i, found := slices.BinarySearchFunc(s, id, compareID)
	if !found {
		return holder{id: id}, false
	}
	return s[i], true
}

func compareID(h holder, id string) int { return strings.Compare(h.id, id) }

// with is the state with h as it is now. Who is neither live nor to be restored is forgotten.
func (s names) with(h holder) names {
	next := slices.Clone(s)
	i, found := slices.BinarySearchFunc(next, h.id, compareID)
	if found {
		next = slices.Delete(next, i, i+1)
	}
	if h.live || h.left() {
		next = slices.Insert(next, i, h)
	}
	return next
}

// adoptable is the user made by hand that has the name, if nobody else has it too, or has no id.
func (s names) adoptable(name string) (byHand holder) {
	for _, h := range s {
		switch {
		case !h.live || h.name != name:
		case h.manual:
			byHand = h
		default:
			return holder{}
		}
	}
	return byHand
}

// leaver is who would be restored by a create with that externalId, or has no id.
func (m nameModel) leaver(s names, externalID string) (newest holder) {
	for _, h := range s {
		if externalID != "" && h.externalID == externalID && h.left() && (newest.id == "" || m.younger(h, newest)) {
			newest = h
		}
	}
	return newest
}

func (m nameModel) younger(a, b holder) bool {
	if c := m.born[a.id].Compare(m.born[b.id]); c != 0 {
		return c > 0
	}
	return a.id > b.id
}

// create is the step of a request to create. If its outcome is unknown it is done where it can be.
func (m nameModel) create(s names, o *Op) (bool, names) {
	leaver := holder{}
	if !o.Group {
		leaver = m.leaver(s, o.ExternalID)
	}
	byHand := holder{}
	if leaver.id == "" {
		byHand = s.adoptable(o.Name)
	}
	switch {
	case o.Outcome == Taken:
		return o.Excused || byHand.id == "" && s.held(o.Name, leaver.id), s
	case o.Outcome == Done, o.Resolved:
		return m.created(s, o, leaver)
	}
	// Of unknown outcome, and it was never seen. What is new is always seen later; a restored user may be
	// overwritten unseen. The result is known of a request that has not returned yet, see until.
	perhaps := *o
	perhaps.Outcome = Done
	if o.Result == "" {
		perhaps.Result = cmp.Or(leaver.id, byHand.id)
	}
	if perhaps.Result != "" {
		if ok, next := m.created(s, &perhaps, leaver); ok {
			return true, next
		}
	}
	return true, s
}

// created is the step of a create that has had its effect.
func (m nameModel) created(s names, o *Op, leaver holder) (bool, names) {
	h := holder{id: o.Result, name: o.Name, externalID: o.ExternalID, active: true, live: true, marker: o.ID}
	if o.Group {
		h.externalID = ""
	}
	was, there := s.get(o.Result)
	switch {
	case there:
		chosen := leaver.id == o.Result || o.Excused && was.left() && was.externalID == o.ExternalID ||
			was.manual && was.name == o.Name && (leaver.id == "" || o.Excused)
		return chosen && !s.held(o.Name, o.Result), s.with(h)
	case o.Outcome == Unknown: // it may have died before it could look whether it was allowed to
		return true, s.with(h)
	}
	return leaver.id == "" && !s.held(o.Name, ""), s.with(h)
}

// change is the step of a request about a resource that is there, or not.
func (m nameModel) change(s names, o *Op) (bool, names) {
	was, _ := s.get(o.Subject)
	still := o.IfMarker == 0 || o.IfMarker == was.marker
	switch o.Outcome {
	case Missing:
		return !was.shown(), s
	case Changed:
		return was.shown() && !still, s
	case Taken:
		return o.Excused || s.held(o.Name, o.Subject), s
	}
	possible := was.shown() && still && (o.Kind != Rename || !s.held(o.Name, o.Subject))
	switch {
	case possible:
		return true, s.with(was.changed(o))
	case o.Outcome == Unknown && !o.Resolved: // then it has not happened
		return true, s
	}
	return o.Kind == Delete && o.Excused && !was.shown(), s
}

// changed is a resource after a request.
func (h holder) changed(o *Op) holder {
	switch o.Kind {
	case Rename:
		h.name = o.Name
	case Activate, Deactivate:
		h.active = o.Kind == Activate
	case Delete:
		h.live = false
		return h
	}
	h.marker = o.ID
	return h
}

// finalNames is the state that the API server holds at the end.
func finalNames(o *Op) (s names) {
	for _, seen := range o.Seen {
		h := holder{id: seen.ID, name: seen.Name, externalID: seen.ExternalID, active: seen.Active, live: !seen.Deprovisioned, manual: seen.Manual, marker: seen.Marker}
		if o.Group {
			h.externalID, h.active = "", true
		}
		s = s.with(h)
	}
	return s
}
