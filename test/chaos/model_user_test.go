package chaos

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// at makes an operation that takes from call to ret, in milliseconds; a negative ret is never.
func at(call, ret int, o Op) *Op {
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
	return Op{Kind: Create, Name: name, ExternalID: externalID, Outcome: Taken}
}

func renamed(id, name string) Op  { return Op{Kind: Rename, Subject: id, Name: name} }
func deactivated(id string) Op    { return Op{Kind: Deactivate, Subject: id} }
func activated(id string) Op      { return Op{Kind: Activate, Subject: id} }
func deleted(id string) Op        { return Op{Kind: Delete, Subject: id} }
func notThere(id string) Op       { return Op{Kind: Read, Subject: id, Outcome: Missing} }
func nobodyCalled(name string) Op { return Op{Kind: FindName, Name: name, Outcome: Empty} }
func nobodyOf(externalID string) Op {
	return Op{Kind: FindExternal, ExternalID: externalID, Outcome: Empty}
}
func ends(seen ...Seen) Op          { return Op{Kind: Final, Seen: seen} }
func with(o Op, outcome Outcome) Op { o.Outcome = outcome; return o }
func resolved(o Op) Op              { o.Outcome, o.Resolved = Unknown, true; return o }
func excused(o Op) Op               { o.Excused = true; return o }
func provided(o Op, marker int) Op {
	o.IfMarker = marker
	return o
}

// person is a user as the request of that number left it.
func person(marker int, id, name string) Seen {
	return Seen{ID: id, Name: name, Active: true, Marker: marker}
}

// A model that explains everything explains nothing: each bad history is the least change of a good one.
func TestNamesAreLinearizable(t *testing.T) {
	born := map[string]time.Time{"old": time.Unix(1, 0), "new": time.Unix(2, 0)}
	for _, tt := range []struct {
		label string
		legal bool
		ops   []*Op
	}{
		{"created, deleted, created anew", true, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, deleted("1")), at(4, 5, created("a", "", "2"))}},
		{"a doubled name", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, created("a", "", "2"))}},
		{"a doubled name, created at once", false, []*Op{at(0, 5, created("a", "", "1")), at(0, 5, created("a", "", "2"))}},
		{"a doubled name by rename", false, []*Op{at(0, 1, created("a", "", "1")), at(0, 1, created("b", "", "2")), at(2, 3, renamed("2", "a"))}},
		{"a name exchanged", true, []*Op{at(0, 1, created("a", "", "1")), at(2, 9, renamed("1", "b")), at(3, 8, created("a", "", "2"))}},

		{"a refusal", true, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, refused("a", ""))}},
		{"a refusal of a name that is free", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, deleted("1")), at(4, 5, refused("a", ""))}},
		{"a refusal while it becomes free", true, []*Op{at(0, 1, created("a", "", "1")), at(2, 5, deleted("1")), at(4, 6, refused("a", ""))}},
		{"a refusal while another takes it", true, []*Op{at(2, 3, excused(refused("a", "")))}},

		{"404 of what is there", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, notThere("1"))}},
		{"404 of what is not there yet", true, []*Op{at(0, 3, created("a", "", "1")), at(1, 2, notThere("1"))}},
		{"a stale negative by name", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, nobodyCalled("a"))}},
		{"a stale negative after a rename", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, renamed("1", "b")), at(4, 5, nobodyCalled("b"))}},
		{"a negative after a rename away", true, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, renamed("1", "b")), at(4, 5, nobodyCalled("a"))}},
		{"a stale negative by externalId", false, []*Op{at(0, 1, created("a", "e", "1")), at(2, 3, nobodyOf("e"))}},
		{"negative, then positive by another's write, then negative", false, []*Op{
			at(0, 9, created("a", "", "1")), at(1, 2, renamed("1", "b")), at(3, 4, nobodyCalled("b")),
		}},
		{"a write to what is gone", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, deleted("1")), at(4, 5, renamed("1", "b"))}},
		{"404 for a write to what is there", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, with(deactivated("1"), Missing))}},
		{"deleted twice", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, deleted("1")), at(4, 5, deleted("1"))}},

		{"a condition that holds", true, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, provided(renamed("1", "b"), 1))}},
		{"a condition that does not hold, and is passed over", false, []*Op{
			at(0, 1, created("a", "", "1")), at(2, 3, deactivated("1")), at(4, 5, provided(renamed("1", "b"), 1)),
		}},
		{"a condition that holds, and is refused", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, with(provided(renamed("1", "b"), 1), Changed))}},
		{"two on the same condition", false, []*Op{
			at(0, 1, created("a", "", "1")), at(2, 9, provided(renamed("1", "b"), 1)), at(2, 9, provided(deactivated("1"), 1)),
		}},

		{"a leaver restored", true, []*Op{at(0, 1, created("a", "e", "1")), at(2, 3, deleted("1")), at(4, 5, created("b", "e", "1"))}},
		{"one who was disabled restored", true, []*Op{at(0, 1, created("a", "e", "1")), at(2, 3, deactivated("1")), at(4, 5, created("a", "e", "1"))}},
		{"a leaver doubled", false, []*Op{at(0, 1, created("a", "e", "1")), at(2, 3, deleted("1")), at(4, 5, created("a", "e", "2"))}},
		{"a leaver refused", false, []*Op{at(0, 1, created("a", "e", "1")), at(2, 3, deactivated("1")), at(4, 5, refused("a", "e"))}},
		{"a leaver whose name is another's", true, []*Op{
			at(0, 1, created("a", "e", "1")), at(2, 3, deleted("1")), at(4, 5, created("a", "", "2")), at(6, 7, refused("a", "e")),
		}},
		{"who has not left is not restored", false, []*Op{at(0, 1, created("a", "e", "1")), at(4, 5, created("b", "e", "1"))}},
		{"who came back is not restored", false, []*Op{
			at(0, 1, created("a", "e", "1")), at(2, 3, deactivated("1")), at(4, 5, activated("1")), at(6, 7, created("b", "e", "1")),
		}},
		{"the newest of two leavers", true, []*Op{
			at(0, 1, created("a", "e", "old")), at(2, 3, created("b", "e", "new")), at(4, 5, deleted("old")), at(6, 7, deleted("new")), at(8, 9, created("a", "e", "new")),
		}},
		{"the oldest of two leavers", false, []*Op{
			at(0, 1, created("a", "e", "old")), at(2, 3, created("b", "e", "new")), at(4, 5, deleted("old")), at(6, 7, deleted("new")), at(8, 9, created("a", "e", "old")),
		}},
		{"the oldest of two leavers, while the newest leaves", true, []*Op{
			at(0, 1, created("a", "e", "old")), at(2, 3, created("b", "e", "new")), at(4, 5, deleted("old")), at(6, 9, deleted("new")), at(8, 9, excused(created("a", "e", "old"))),
		}},
		{"who has not left is not restored, whoever leaves meanwhile", false, []*Op{at(0, 1, created("a", "e", "1")), at(4, 5, excused(created("b", "e", "1")))}},

		{"a lost write", false, []*Op{at(0, 1, created("a", "", "1")), at(9, -1, ends())}},
		{"a lost rename", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, renamed("1", "b")), at(9, -1, ends(person(1, "1", "a")))}},
		{"a lost deactivation", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, deactivated("1")), at(9, -1, ends(person(2, "1", "a")))}},
		{"what nobody wrote", false, []*Op{at(0, 1, created("a", "", "1")), at(9, -1, ends(person(1, "1", "a"), person(2, "2", "b")))}},
		{"overwritten by an older write", false, []*Op{
			at(0, 1, created("a", "", "1")), at(2, 3, renamed("1", "b")), at(4, 5, renamed("1", "a")), at(9, -1, ends(person(1, "1", "a"))),
		}},
		{"as it was left", true, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, renamed("1", "b")), at(9, -1, ends(person(2, "1", "b")))}},

		{"unknown, and it happened", true, []*Op{at(0, 1, created("a", "", "1")), at(2, -1, with(deleted("1"), Unknown)), at(4, 5, notThere("1"))}},
		{"unknown, and it did not happen", true, []*Op{at(0, 1, created("a", "", "1")), at(2, -1, with(deleted("1"), Unknown)), at(9, -1, ends(person(1, "1", "a")))}},
		{"unknown, and it happened only later", true, []*Op{
			at(0, 1, created("a", "", "1")), at(2, -1, with(renamed("1", "b"), Unknown)), at(3, 4, nobodyCalled("b")), at(9, -1, ends(person(2, "1", "b"))),
		}},
		{"unknown, and it happened before it was sent", false, []*Op{at(0, 1, created("a", "", "1")), at(2, 3, notThere("1")), at(4, -1, with(deleted("1"), Unknown))}},
		{"unknown explains no doubled name", false, []*Op{
			at(0, 1, created("a", "", "1")), at(2, -1, with(created("a", "", ""), Unknown)), at(4, 5, created("a", "", "2")),
		}},
		{"a create that died before it looked is a second", true, []*Op{
			at(0, 1, created("a", "", "1")), at(2, 8, resolved(created("a", "", "2"))), at(9, -1, ends(person(1, "1", "a"), person(2, "2", "a"))),
		}},
		{"who has a name keeps it, second holder or not", true, []*Op{
			at(0, 1, created("a", "", "1")), at(2, 8, resolved(created("a", "", "2"))), at(9, 10, renamed("1", "a")),
		}},
		{"an unknown restore that nobody saw", true, []*Op{
			at(0, 1, created("a", "e", "1")), at(2, 3, deleted("1")), at(4, -1, with(created("a", "e", ""), Unknown)),
			at(6, 7, deleted("1")), at(8, 9, created("a", "e", "1")),
		}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			for i, o := range tt.ops {
				o.ID, o.Client = i+1, i
			}
			h := history{tt.label, nameModel{born, nil}.Model(), tt.ops}
			if result := h.check(0); (result == porcupine.Ok) != tt.legal {
				t.Errorf("%s, want legal: %v", result, tt.legal)
			}
		})
	}
}

// A user made by hand, "m", has the name "a" when it begins.
func TestAdoptionIsLinearizable(t *testing.T) {
	byHand := holder{id: "m", name: "a", active: true, live: true, manual: true}
	left := func() []*Op { // who would be restored
		return []*Op{at(0, 1, created("b", "e", "1")), at(2, 3, deleted("1"))}
	}
	untouched := Seen{ID: "m", Name: "a", Active: true, Manual: true}
	for _, tt := range []struct {
		label string
		legal bool
		ops   []*Op
	}{
		{"adopted", true, []*Op{at(0, 1, created("a", "e", "m")), at(2, 3, renamed("m", "b")), at(4, 5, created("a", "", "2"))}},
		{"left alone", true, []*Op{at(0, 1, created("b", "", "1")), at(9, -1, ends(person(1, "1", "b"), untouched))}},
		{"gone", false, []*Op{at(0, 1, created("b", "", "1")), at(9, -1, ends(person(1, "1", "b")))}},
		{"adopted by nobody", false, []*Op{at(9, -1, ends(person(0, "m", "a")))}},
		{"adopted, and not noted", false, []*Op{at(0, 1, created("a", "", "m")), at(9, -1, ends(untouched))}},
		{"doubled", false, []*Op{at(0, 1, created("a", "", "1"))}},
		{"refused", false, []*Op{at(0, 1, refused("a", ""))}},
		{"refused once it was adopted", true, []*Op{at(0, 1, created("a", "", "m")), at(2, 3, refused("a", ""))}},
		{"adopted by two at once", false, []*Op{at(0, 5, created("a", "", "m")), at(0, 5, created("a", "", "m"))}},
		{"adopted for another name", false, []*Op{at(0, 1, created("b", "", "m"))}},
		{"shown before", false, []*Op{at(0, 1, deactivated("m"))}},
		{"not shown before", true, []*Op{at(0, 1, notThere("m")), at(0, 1, nobodyCalled("a")), at(0, 1, with(deleted("m"), Missing))}},
		{"not shown afterwards", false, []*Op{at(0, 1, created("a", "", "m")), at(2, 3, nobodyCalled("a"))}},
		{"its name given away", false, []*Op{at(0, 1, created("b", "", "1")), at(2, 3, renamed("1", "a"))}},
		{"its name denied to another", true, []*Op{at(0, 1, created("b", "", "1")), at(2, 3, with(renamed("1", "a"), Taken))}},
		{"its name denied to a leaver", true, append(left(), at(4, 5, refused("a", "e")))},
		{"adopted in a leaver's place", false, append(left(), at(4, 5, created("a", "e", "m")))},
		{"adopted, deleted and restored", true, []*Op{at(0, 1, created("a", "e", "m")), at(2, 3, deleted("m")), at(4, 5, created("a", "e", "m"))}},
		{"unknown, and adopted", true, []*Op{at(0, -1, with(created("a", "", ""), Unknown)), at(2, 3, renamed("m", "b")), at(9, -1, ends(person(2, "m", "b")))}},
		{"unknown, and not adopted", true, []*Op{at(0, -1, with(created("a", "", ""), Unknown)), at(9, -1, ends(untouched))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			for i, o := range tt.ops {
				o.ID, o.Client = i+1, i
			}
			h := history{tt.label, nameModel{nil, names{byHand}}.Model(), tt.ops}
			if result := h.check(0); (result == porcupine.Ok) != tt.legal {
				t.Errorf("%s, want legal: %v", result, tt.legal)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	lost := at(0, -1, with(created("a", "", ""), Unknown))
	lost.ID = 1
	undone := at(0, -1, with(created("a", "", ""), Unknown))
	undone.ID = 2
	unseen := at(0, -1, with(renamed("1", "b"), Unknown))
	unseen.ID = 3
	first := at(3, 4, Op{Kind: FindName, Seen: []Seen{{ID: "1", Marker: 1, Origin: 1}, {ID: "2", Marker: 2, Origin: 2}}})
	last := at(9, -1, ends(Seen{ID: "1", Name: "a", Active: true, Marker: 1, Origin: 1}))
	Resolve([]*Op{lost, undone, unseen, first, last})
	if !lost.Resolved || lost.Result != "1" || lost.Return != first.Return {
		t.Errorf("what was seen and stayed did not happen: %s", lost)
	}
	if undone.Resolved || unseen.Resolved {
		t.Errorf("what is not there, or was never seen, happened: %s, %s", undone, unseen)
	}
}

func TestSettle(t *testing.T) {
	group := func(o Op) Op { o.Group = true; return o }
	unknown := func(call int, o Op) *Op { return at(call, -1, with(group(o), Unknown)) }
	first, second, late := unknown(2, deleted("1")), unknown(3, deleted("1")), unknown(9, renamed("1", "b"))
	other := unknown(2, deleted("2"))
	settled := Settle([]*Op{at(0, 1, group(created("a", "", "1"))), first, second, other, at(4, 5, group(notThere("1"))), late})
	if len(settled) != 4 || settled[1].Return != 5*time.Millisecond+1 || settled[2].Subject != "2" {
		t.Errorf("%v", settled)
	}
	if first.Return != Forever {
		t.Error("the request itself was changed")
	}
}

func TestExcuseOfLeaversAndDeletions(t *testing.T) {
	shown := func() *Op {
		return at(0, 1, shows(Seen{ID: "1", ExternalID: "e"}, Seen{ID: "2", ExternalID: "e"}, Seen{ID: "3", ExternalID: "f"}))
	}
	calm := func(_, _ time.Duration) bool { return false }
	group := func(o Op) Op { o.Group = true; return o }
	for _, tt := range []struct {
		label    string
		o, other *Op
		excused  bool
	}{
		{"another leaves", at(4, 6, created("a", "e", "1")), at(5, 7, deleted("2")), true},
		{"another has left", at(4, 6, created("a", "e", "1")), at(2, 3, deleted("2")), false},
		{"somebody else leaves", at(4, 6, created("a", "e", "1")), at(5, 7, deleted("3")), false},
		{"it leaves itself", at(4, 6, created("a", "e", "1")), at(5, 7, deleted("1")), false},
		{"a group deleted twice at once", at(4, 6, group(deleted("1"))), at(5, 7, group(deleted("1"))), true},
		{"a group deleted twice", at(4, 6, group(deleted("1"))), at(7, 8, group(deleted("1"))), false},
		{"a user deleted twice at once", at(4, 6, deleted("1")), at(5, 7, deleted("1")), false},
	} {
		t.Run(tt.label, func(t *testing.T) {
			Excuse([]*Op{shown(), tt.o, tt.other}, calm)
			if tt.o.Excused != tt.excused {
				t.Errorf("excused: %v, want %v", tt.o.Excused, tt.excused)
			}
		})
	}
}

func TestExcuse(t *testing.T) {
	calm := func(_, _ time.Duration) bool { return false }
	for _, tt := range []struct {
		label    string
		other    *Op
		troubled bool
		excused  bool
	}{
		{"at the same time", at(4, 6, refused("a", "")), false, true},
		{"before", at(0, 1, refused("a", "")), false, false},
		{"after", at(8, 9, created("a", "", "1")), false, false},
		{"switched off", at(4, 6, with(created("a", "", ""), Refused)), false, false},
		{"another name", at(4, 6, refused("b", "")), false, false},
		{"a rename before, in trouble", at(0, 1, with(renamed("1", "a"), Taken)), true, true},
		{"an unknown rename before", at(0, -1, with(renamed("1", "a"), Unknown)), false, true},
	} {
		t.Run(tt.label, func(t *testing.T) {
			o := at(5, 7, refused("a", ""))
			trouble := calm
			if tt.troubled {
				trouble = func(_, _ time.Duration) bool { return true }
			}
			Excuse([]*Op{tt.other, o}, trouble)
			if o.Excused != tt.excused {
				t.Errorf("excused: %v, want %v", o.Excused, tt.excused)
			}
		})
	}
}
