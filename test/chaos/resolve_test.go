package chaos

import (
	"testing"
	"time"
)

func TestAnEffectThatWasSeenHasHappened(t *testing.T) {
	seen, atTheEnd, unseen := opAt(0, -1, withOutcome(created("a", "", ""), Unknown)), opAt(0, -1, withOutcome(created("b", "", ""), Unknown)), opAt(0, -1, withOutcome(renamed("1", "b"), Unknown))
	seen.ID, atTheEnd.ID, unseen.ID = 1, 2, 3
	answer := opAt(3, 4, Op{Kind: FindName, Seen: []Seen{{ID: "1", Marker: 1, Origin: 1}}})
	final := opAt(9, -1, ends(user(1, "1", "a"), user(2, "2", "b")))
	Resolve([]*Op{seen, atTheEnd, unseen, answer, final})
	if !seen.Resolved || seen.Result != "1" || seen.Return != answer.Return {
		t.Errorf("an answer shows it: %s", seen)
	}
	if !atTheEnd.Resolved || atTheEnd.Result != "2" || atTheEnd.Return != Forever {
		t.Errorf("the API server holds it: %s", atTheEnd)
	}
	if unseen.Resolved {
		t.Errorf("nothing shows it: %s", unseen)
	}
}

func TestUnknownRequestsEndWithTheirObject(t *testing.T) {
	unknown := func(call int, o Op) *Op { return opAt(call, -1, withOutcome(o, Unknown)) }
	for _, tt := range []struct {
		label string
		group bool
		gone  Op
		ends  bool
	}{
		{"a group that was not found", true, ofGroup(notThere("1")), true},
		{"a group that was deleted", true, ofGroup(deleted("1")), true},
		{"a user that was deprovisioned", false, deleted("1"), true},
		{"a user that was not found: it may be adopted later", false, notThere("1"), false},
	} {
		t.Run(tt.label, func(t *testing.T) {
			about := func(o Op) Op { o.Group = tt.group; return o }
			first, second := unknown(2, about(deleted("1"))), unknown(3, about(deleted("1")))
			other, late := unknown(2, about(deleted("2"))), unknown(9, about(renamed("1", "b")))
			bounded := BoundUnknown([]*Op{first, second, other, opAt(4, 5, tt.gone), late})
			want, until := 3, 5*time.Millisecond+1
			if !tt.ends {
				want, until = 4, Forever
			}
			if len(bounded) != want || bounded[0].Return != until || bounded[1].Subject != "2" {
				t.Errorf("%v, want %d requests and the first until %s", bounded, want, clock(until))
			}
			if first.Return != Forever {
				t.Error("the request itself was changed")
			}
		})
	}
}

func TestOnlyConcurrentDeletionsOfAGroupAreRepeated(t *testing.T) {
	for _, tt := range []struct {
		label    string
		o, other *Op
		repeated bool
	}{
		{"at the same time", opAt(4, 6, ofGroup(deleted("1"))), opAt(5, 7, ofGroup(deleted("1"))), true},
		{"one after the other", opAt(4, 6, ofGroup(deleted("1"))), opAt(7, 8, ofGroup(deleted("1"))), false},
		{"of two groups", opAt(4, 6, ofGroup(deleted("1"))), opAt(5, 7, ofGroup(deleted("2"))), false},
		{"one is answered 404", opAt(4, 6, ofGroup(deleted("1"))), opAt(5, 7, withOutcome(ofGroup(deleted("1")), NotFound)), false},
		{"of a user", opAt(4, 6, deleted("1")), opAt(5, 7, deleted("1")), false},
	} {
		t.Run(tt.label, func(t *testing.T) {
			MarkRepeated([]*Op{tt.o, tt.other})
			if tt.o.Repeated != tt.repeated {
				t.Errorf("repeated: %v, want %v", tt.o.Repeated, tt.repeated)
			}
		})
	}
}
