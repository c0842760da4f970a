package chaos

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// opAt makes an operation that takes from call to ret, in milliseconds; a negative ret is never.
func opAt(call, ret int, o Op) *Op {
	o.Call, o.Return = time.Duration(call)*time.Millisecond, time.Duration(ret)*time.Millisecond
	if ret < 0 {
		o.Return = Forever
	}
	if o.Outcome == "" {
		o.Outcome = Done
	}
	return &o
}

func created(name, externalID, id string) Op {
	return Op{Kind: Create, Name: name, ExternalID: externalID, Result: id}
}

func refused(name, externalID string) Op {
	return Op{Kind: Create, Name: name, ExternalID: externalID, Outcome: Conflict}
}

func renamed(id, name string) Op           { return Op{Kind: Rename, Subject: id, Name: name} }
func deactivated(id string) Op             { return Op{Kind: Deactivate, Subject: id} }
func activated(id string) Op               { return Op{Kind: Activate, Subject: id} }
func deleted(id string) Op                 { return Op{Kind: Delete, Subject: id} }
func notThere(id string) Op                { return Op{Kind: Read, Subject: id, Outcome: NotFound} }
func noneNamed(name string) Op             { return Op{Kind: FindName, Name: name, Outcome: Empty} }
func ends(seen ...Seen) Op                 { return Op{Kind: Final, Seen: seen} }
func withOutcome(o Op, outcome Outcome) Op { o.Outcome = outcome; return o }
func resolved(o Op) Op                     { o.Outcome, o.Resolved = Unknown, true; return o }
func ofGroup(o Op) Op                      { o.Group = true; return o }
func provided(o Op, marker int) Op {
	o.IfMarker = marker
	return o
}

// user returns a user as the request of that number left it.
func user(marker int, id, name string) Seen {
	return Seen{ID: id, Name: name, Active: true, Marker: marker}
}

func withExternalID(s Seen, externalID string) Seen { s.ExternalID = externalID; return s }
func disabled(s Seen) Seen                          { s.Active = false; return s }
func deprovisioned(s Seen) Seen                     { s.Deprovisioned = true; return s }

// expectNames checks a history of names, whose requests it numbers from 1.
func expectNames(t *testing.T, legal bool, manual holders, ops []*Op) {
	t.Helper()
	for i, o := range ops {
		o.ID, o.Client = i+1, i
	}
	h := history{t.Name(), nameModel{manual}.Model(), ops}
	if result := h.check(0); (result == porcupine.Ok) != legal {
		t.Errorf("%s, want legal: %v", result, legal)
	}
}

// nameCase is a history of names.
type nameCase struct {
	label string
	legal bool
	ops   []*Op
}

func expectAll(t *testing.T, manual holders, cases []nameCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.label, func(t *testing.T) { expectNames(t, tt.legal, manual, tt.ops) })
	}
}

// Each bad history of these tests is the least change of a good one, because a model that explains everything shows
// nothing.
func TestNamesAreLinearizable(t *testing.T) {
	expectAll(t, nil, []nameCase{
		{"created, deleted, created again", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, deleted("1")), opAt(4, 5, created("a", "", "2"))}},
		{"a doubled name", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, created("a", "", "2"))}},
		{"a doubled name, created at once", false, []*Op{opAt(0, 5, created("a", "", "1")), opAt(0, 5, created("a", "", "2"))}},
		{"a doubled name by rename", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(0, 1, created("b", "", "2")), opAt(2, 3, renamed("2", "a"))}},
		{"a name exchanged", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 9, renamed("1", "b")), opAt(3, 8, created("a", "", "2"))}},

		{"a refusal", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, refused("a", ""))}},
		{"a refusal of a name that is free", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, deleted("1")), opAt(4, 5, refused("a", ""))}},
		{"a refusal while it becomes free", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 5, deleted("1")), opAt(4, 6, refused("a", ""))}},
		{"a refusal while another create that fails is under way", false, []*Op{opAt(0, 9, refused("a", "")), opAt(2, 3, refused("a", ""))}},
		{"a refusal of an object's own name", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, withOutcome(renamed("1", "a"), Conflict))}},

		{"404 of what exists", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, notThere("1"))}},
		{"404 of what does not exist yet", true, []*Op{opAt(0, 3, created("a", "", "1")), opAt(1, 2, notThere("1"))}},
		{"a stale negative by name", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, noneNamed("a"))}},
		{"a stale negative after a rename", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, renamed("1", "b")), opAt(4, 5, noneNamed("b"))}},
		{"a negative after a rename away", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, renamed("1", "b")), opAt(4, 5, noneNamed("a"))}},
		{"a negative before a create ends that a rename proves done", false, []*Op{
			opAt(0, 9, created("a", "", "1")), opAt(1, 2, renamed("1", "b")), opAt(3, 4, noneNamed("b")),
		}},
		{"a write to what is gone", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, deleted("1")), opAt(4, 5, renamed("1", "b"))}},
		{"404 for a write to what exists", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, withOutcome(deactivated("1"), NotFound))}},
		{"deleted twice", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, deleted("1")), opAt(4, 5, deleted("1"))}},

		{"a condition that holds", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, provided(renamed("1", "b"), 1))}},
		{"a condition that does not hold, and is passed over", false, []*Op{
			opAt(0, 1, created("a", "", "1")), opAt(2, 3, deactivated("1")), opAt(4, 5, provided(renamed("1", "b"), 1)),
		}},
		{"a condition that holds, and is refused", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, withOutcome(provided(renamed("1", "b"), 1), PreconditionFailed))}},
		{"two on the same condition", false, []*Op{
			opAt(0, 1, created("a", "", "1")), opAt(2, 9, provided(renamed("1", "b"), 1)), opAt(2, 9, provided(deactivated("1"), 1)),
		}},

		{"a lost write", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(9, -1, ends())}},
		{"a lost rename", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, renamed("1", "b")), opAt(9, -1, ends(user(1, "1", "a")))}},
		{"a lost deactivation", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, deactivated("1")), opAt(9, -1, ends(user(2, "1", "a")))}},
		{"an object that no request wrote", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(9, -1, ends(user(1, "1", "a"), user(2, "2", "b")))}},
		{"overwritten by an older write", false, []*Op{
			opAt(0, 1, created("a", "", "1")), opAt(2, 3, renamed("1", "b")), opAt(4, 5, renamed("1", "a")), opAt(9, -1, ends(user(1, "1", "a"))),
		}},
		{"as the last write left it", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, renamed("1", "b")), opAt(9, -1, ends(user(2, "1", "b")))}},
	})
}

func TestOnlyADisabledUserOfSameNameAndExternalIDIsRestored(t *testing.T) {
	leaves := func() []*Op { return []*Op{opAt(0, 1, created("a", "e", "1")), opAt(2, 3, deactivated("1"))} }
	expectAll(t, nil, []nameCase{
		{"restored", true, append(leaves(), opAt(4, 5, created("a", "e", "1")), opAt(9, -1, ends(withExternalID(user(3, "1", "a"), "e"))))},
		{"doubled", false, append(leaves(), opAt(4, 5, created("a", "e", "2")))},
		{"refused", false, append(leaves(), opAt(4, 5, refused("a", "e")))},
		{"another externalId refused", true, append(leaves(), opAt(4, 5, refused("a", "f")))},
		{"another externalId restored", false, append(leaves(), opAt(4, 5, created("a", "f", "1")))},
		{"no externalId refused", true, append(leaves(), opAt(4, 5, refused("a", "")))},
		{"no externalId on either side restored", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, deactivated("1")), opAt(4, 5, created("a", "", "1"))}},
		{"no externalId on either side refused", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, deactivated("1")), opAt(4, 5, refused("a", ""))}},
		{"the externalId alone makes a new user", true, append(leaves(), opAt(4, 5, created("b", "e", "2")))},
		{"the externalId alone restores", false, append(leaves(), opAt(4, 5, created("b", "e", "1")))},
		{"the externalId alone is refused", false, append(leaves(), opAt(4, 5, refused("b", "e")))},
		{"an active user is restored", false, []*Op{opAt(0, 1, created("a", "e", "1")), opAt(4, 5, created("a", "e", "1"))}},
		{"an active user's name is refused", true, []*Op{opAt(0, 1, created("a", "e", "1")), opAt(4, 5, refused("a", "e"))}},
		{"a user that was activated again is restored", false, append(leaves(), opAt(4, 5, activated("1")), opAt(6, 7, created("a", "e", "1")))},
		{"an unknown restore that no answer showed", true, append(leaves(),
			opAt(4, -1, withOutcome(created("a", "e", ""), Unknown)), opAt(6, 7, refused("a", "e")), opAt(8, 9, deactivated("1")), opAt(10, 11, created("a", "e", "1")),
		)},
	})
}

func TestADeprovisionedUserDoesNotComeBack(t *testing.T) {
	gone := func() []*Op { return []*Op{opAt(0, 1, created("a", "e", "1")), opAt(2, 3, deleted("1"))} }
	expectAll(t, nil, []nameCase{
		{"another id", true, append(gone(), opAt(4, 5, created("a", "e", "2")))},
		{"restored", false, append(gone(), opAt(4, 5, created("a", "e", "1")))},
		{"restored although it was disabled", false, []*Op{
			opAt(0, 1, created("a", "e", "1")), opAt(2, 3, deactivated("1")), opAt(4, 5, deleted("1")), opAt(6, 7, created("a", "e", "1")),
		}},
		{"restored under another name", false, append(gone(), opAt(4, 5, created("b", "e", "1")))},
		{"its name refused", false, append(gone(), opAt(4, 5, refused("a", "e")))},
		{"found", true, append(gone(), opAt(4, 5, notThere("1")), opAt(4, 5, noneNamed("a")))},
		{"activated", false, append(gone(), opAt(4, 5, activated("1")))},
		{"its id used after an unknown deletion that 404 proves", false, []*Op{
			opAt(0, 1, created("a", "e", "1")), opAt(2, -1, withOutcome(deleted("1"), Unknown)), opAt(4, 5, notThere("1")), opAt(6, 7, created("a", "e", "1")),
		}},
		{"the object stays", true, append(gone(), opAt(9, -1, ends(deprovisioned(withExternalID(user(1, "1", "a"), "e")))))},
		{"the object disappears", false, append(gone(), opAt(9, -1, ends()))},
		{"the object is changed", false, append(gone(), opAt(9, -1, ends(deprovisioned(withExternalID(disabled(user(1, "1", "a")), "e")))))},
	})
}

func TestRequestsOfUnknownOutcomeHappenOnceOrNever(t *testing.T) {
	expectAll(t, nil, []nameCase{
		{"it happened", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, -1, withOutcome(deleted("1"), Unknown)), opAt(4, 5, notThere("1"))}},
		{"it did not happen", true, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, -1, withOutcome(deleted("1"), Unknown)), opAt(9, -1, ends(user(1, "1", "a")))}},
		{"it happened only later", true, []*Op{
			opAt(0, 1, created("a", "", "1")), opAt(2, -1, withOutcome(renamed("1", "b"), Unknown)), opAt(3, 4, noneNamed("b")), opAt(9, -1, ends(user(2, "1", "b"))),
		}},
		{"it happened before it was sent", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, notThere("1")), opAt(4, -1, withOutcome(deleted("1"), Unknown))}},
		{"it does not explain a doubled name", false, []*Op{
			opAt(0, 1, created("a", "", "1")), opAt(2, -1, withOutcome(created("a", "", ""), Unknown)), opAt(4, 5, created("a", "", "2")),
		}},
	})
}

// A create without an answer may be carried out when another object has its name. That object is user 2 here.
func TestALateSecondHolderIsHidden(t *testing.T) {
	late := func() []*Op {
		return []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, -1, resolved(created("a", "", "2")))}
	}
	expectAll(t, nil, []nameCase{
		{"at the end", true, append(late(), opAt(9, -1, ends(user(1, "1", "a"), user(2, "2", "a"))))},
		{"not shown", true, append(late(), opAt(4, 5, notThere("2")), opAt(9, -1, ends(user(1, "1", "a"), user(2, "2", "a"))))},
		{"the first not found", false, append(late(), opAt(4, 5, notThere("1")))},
		{"the name not found", false, append(late(), opAt(4, 5, noneNamed("a")))},
		{"the name refused", true, append(late(), opAt(4, 5, refused("a", "")))},
		{"acknowledged", false, []*Op{opAt(0, 1, created("a", "", "1")), opAt(2, 3, created("a", "", "2"))}},
		{"changed beside the first", false, append(late(), opAt(4, 5, deactivated("2")), opAt(6, 7, deactivated("1")))},
		{"changed when the first is gone", true, append(late(), opAt(4, 5, deleted("1")), opAt(6, 7, deactivated("2")))},
		{"not found when the first is gone", true, append(late(), opAt(4, 5, deleted("1")), opAt(6, 7, notThere("2")), opAt(6, 7, noneNamed("a")))},
		{"not found after an acknowledged change", false, append(late(), opAt(4, 5, deleted("1")), opAt(6, 7, deactivated("2")), opAt(8, 9, notThere("2")))},
		{"its name taken when the first is gone", true, append(late(), opAt(4, 5, deleted("1")), opAt(6, 7, created("a", "", "3")))},
		{"its name taken after an acknowledged change", false, append(late(), opAt(4, 5, deleted("1")), opAt(6, 7, deactivated("2")), opAt(8, 9, created("a", "", "3")))},
		{"the first keeps its name", true, append(late(), opAt(4, 5, renamed("1", "a")))},
		{"a late rename", true, []*Op{
			opAt(0, 1, created("a", "", "1")), opAt(0, 1, created("b", "", "2")), opAt(2, -1, resolved(renamed("2", "a"))), opAt(9, -1, ends(user(1, "1", "a"), user(3, "2", "a"))),
		}},
		{"an acknowledged rename", false, []*Op{
			opAt(0, 1, created("a", "", "1")), opAt(0, 1, created("b", "", "2")), opAt(2, 3, renamed("2", "a")), opAt(9, -1, ends(user(1, "1", "a"), user(3, "2", "a"))),
		}},
	})
}

func TestAGroupThatIsDeletedDisappears(t *testing.T) {
	gone := func() []*Op {
		return []*Op{opAt(0, 1, ofGroup(created("a", "", "1"))), opAt(2, 3, ofGroup(deleted("1")))}
	}
	repeated := ofGroup(deleted("1"))
	repeated.Repeated = true
	expectAll(t, nil, []nameCase{
		{"gone", true, append(gone(), opAt(9, -1, ofGroup(ends())))},
		{"still there", false, append(gone(), opAt(9, -1, ofGroup(ends(user(1, "1", "a")))))},
		{"created again", true, append(gone(), opAt(4, 5, ofGroup(created("a", "", "2"))))},
		{"deleted again", false, append(gone(), opAt(4, 5, ofGroup(deleted("1"))))},
		{"deleted by two requests at once", true, append(gone(), opAt(2, 3, repeated))},
	})
}

// The Manual user m has the name a at the beginning.
func TestAdoptionIsLinearizable(t *testing.T) {
	left := func() []*Op { return []*Op{opAt(0, 1, created("b", "e", "1")), opAt(2, 3, deleted("1"))} }
	untouched := Seen{ID: "m", Name: "a", Active: true, Manual: true}
	expectAll(t, holders{{id: "m", name: "a", active: true, live: true, manual: true}}, []nameCase{
		{"adopted", true, []*Op{opAt(0, 1, created("a", "e", "m")), opAt(2, 3, renamed("m", "b")), opAt(4, 5, created("a", "", "2"))}},
		{"left alone", true, []*Op{opAt(0, 1, created("b", "", "1")), opAt(9, -1, ends(user(1, "1", "b"), untouched))}},
		{"gone", false, []*Op{opAt(0, 1, created("b", "", "1")), opAt(9, -1, ends(user(1, "1", "b")))}},
		{"adopted without a request", false, []*Op{opAt(9, -1, ends(user(0, "m", "a")))}},
		{"adopted, and not stored", false, []*Op{opAt(0, 1, created("a", "", "m")), opAt(9, -1, ends(untouched))}},
		{"doubled", false, []*Op{opAt(0, 1, created("a", "", "1"))}},
		{"refused", false, []*Op{opAt(0, 1, refused("a", ""))}},
		{"refused once it was adopted", true, []*Op{opAt(0, 1, created("a", "", "m")), opAt(2, 3, refused("a", ""))}},
		{"adopted by two at once", false, []*Op{opAt(0, 5, created("a", "", "m")), opAt(0, 5, created("a", "", "m"))}},
		{"adopted for another name", false, []*Op{opAt(0, 1, created("b", "", "m"))}},
		{"shown before", false, []*Op{opAt(0, 1, deactivated("m"))}},
		{"not shown before", true, []*Op{opAt(0, 1, notThere("m")), opAt(0, 1, noneNamed("a")), opAt(0, 1, withOutcome(deleted("m"), NotFound))}},
		{"not shown afterwards", false, []*Op{opAt(0, 1, created("a", "", "m")), opAt(2, 3, noneNamed("a"))}},
		{"its name given away", false, []*Op{opAt(0, 1, created("b", "", "1")), opAt(2, 3, renamed("1", "a"))}},
		{"its name denied to another", true, []*Op{opAt(0, 1, created("b", "", "1")), opAt(2, 3, withOutcome(renamed("1", "a"), Conflict))}},
		{"adopted with the externalId of a deprovisioned user", true, append(left(), opAt(4, 5, created("a", "e", "m")))},
		{"refused with the externalId of a deprovisioned user", false, append(left(), opAt(4, 5, refused("a", "e")))},
		{"adopted, disabled and restored", true, []*Op{opAt(0, 1, created("a", "e", "m")), opAt(2, 3, deactivated("m")), opAt(4, 5, created("a", "e", "m"))}},
		{"adopted, deleted and restored", false, []*Op{opAt(0, 1, created("a", "e", "m")), opAt(2, 3, deleted("m")), opAt(4, 5, created("a", "e", "m"))}},
		{"unknown, and adopted", true, []*Op{opAt(0, -1, withOutcome(created("a", "", ""), Unknown)), opAt(2, 3, renamed("m", "b")), opAt(9, -1, ends(user(2, "m", "b")))}},
		{"unknown, and not adopted", true, []*Op{opAt(0, -1, withOutcome(created("a", "", ""), Unknown)), opAt(9, -1, ends(untouched))}},
	})
}
