package chaos

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

func membersOp(kind Kind, ids ...string) Op {
	o := Op{Group: true, Kind: kind, Subject: "g", Members: ids}
	if kind == Create {
		o.Subject, o.Result = "", "g"
	}
	return o
}

func notAMember(id string) Op {
	return Op{Group: true, Kind: FindMember, Subject: "g", Members: []string{id}, Outcome: Empty}
}

func TestMembershipIsLinearizable(t *testing.T) {
	for _, tt := range []struct {
		label string
		legal bool
		ops   []*Op
	}{
		{"added", true, []*Op{opAt(0, 1, membersOp(AddMembers, "m")), opAt(9, -1, membersOp(Final, "m"))}},
		{"a lost addition", false, []*Op{opAt(0, 1, membersOp(AddMembers, "m")), opAt(9, -1, membersOp(Final))}},
		{"a member that no request added", false, []*Op{opAt(0, 1, membersOp(AddMembers, "n")), opAt(9, -1, membersOp(Final, "m", "n"))}},
		{"a lost removal", false, []*Op{opAt(0, 1, membersOp(AddMembers, "m")), opAt(2, 3, membersOp(RemoveMembers, "m")), opAt(9, -1, membersOp(Final, "m"))}},
		{"added and removed at once", true, []*Op{opAt(0, 5, membersOp(AddMembers, "m")), opAt(2, 3, membersOp(RemoveMembers, "m")), opAt(9, -1, membersOp(Final, "m"))}},
		{"lost to another request's change", false, []*Op{
			opAt(0, 1, membersOp(AddMembers, "m")), opAt(2, 3, membersOp(AddMembers, "n")), opAt(9, -1, membersOp(Final, "n")),
		}},
		{"replaced", true, []*Op{opAt(0, 1, membersOp(AddMembers, "m")), opAt(2, 3, membersOp(ReplaceMembers, "n")), opAt(9, -1, membersOp(Final, "n"))}},
		{"replaced, and still there", false, []*Op{opAt(0, 1, membersOp(AddMembers, "m")), opAt(2, 3, membersOp(ReplaceMembers, "n")), opAt(9, -1, membersOp(Final, "m", "n"))}},
		{"emptied", false, []*Op{opAt(0, 1, membersOp(Create, "m")), opAt(2, 3, membersOp(EmptyGroup)), opAt(9, -1, membersOp(Final, "m"))}},
		{"404 for a change of a group that exists", false, []*Op{opAt(0, 1, withOutcome(membersOp(AddMembers, "m"), NotFound))}},
		{"a create of another group", true, []*Op{opAt(0, 1, membersOp(AddMembers, "m")), opAt(2, 3, Op{Group: true, Kind: Create, Result: "h"}), opAt(9, -1, membersOp(Final, "m"))}},
		{"switched off", true, []*Op{opAt(0, 1, withOutcome(membersOp(AddMembers, "m"), Forbidden)), opAt(9, -1, membersOp(Final))}},
		{"switched off, and added all the same", false, []*Op{opAt(0, 1, withOutcome(membersOp(AddMembers, "m"), Forbidden)), opAt(9, -1, membersOp(Final, "m"))}},
		{"unknown, either way", true, []*Op{opAt(0, -1, withOutcome(membersOp(AddMembers, "m"), Unknown)), opAt(9, -1, membersOp(Final, "m"))}},
		{"unknown, and not", true, []*Op{opAt(0, -1, withOutcome(membersOp(AddMembers, "m"), Unknown)), opAt(9, -1, membersOp(Final))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			for i, o := range tt.ops {
				o.ID, o.Client = i+1, i
			}
			p := &Partition{Name: tt.label, Team: "g", Members: []string{"m"}, Ops: tt.ops}
			if result := p.histories(nil)[0].check(0); (result == porcupine.Ok) != tt.legal {
				t.Errorf("%s, want legal: %v", result, tt.legal)
			}
		})
	}
}
