package chaos

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

func members(kind Kind, ids ...string) Op {
	return Op{Group: true, Kind: kind, Subject: "g", Members: ids}
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
		{"added", true, []*Op{at(0, 1, members(AddMembers, "m")), at(9, -1, members(Final, "m"))}},
		{"a lost addition", false, []*Op{at(0, 1, members(AddMembers, "m")), at(9, -1, members(Final))}},
		{"a member nobody added", false, []*Op{at(0, 1, members(AddMembers, "n")), at(9, -1, members(Final, "m", "n"))}},
		{"a lost removal", false, []*Op{at(0, 1, members(AddMembers, "m")), at(2, 3, members(RemoveMembers, "m")), at(9, -1, members(Final, "m"))}},
		{"added and removed at once", true, []*Op{at(0, 5, members(AddMembers, "m")), at(2, 3, members(RemoveMembers, "m")), at(9, -1, members(Final, "m"))}},
		{"lost to somebody else's change", false, []*Op{
			at(0, 1, members(AddMembers, "m")), at(2, 3, members(AddMembers, "n")), at(9, -1, members(Final, "n")),
		}},
		{"replaced", true, []*Op{at(0, 1, members(AddMembers, "m")), at(2, 3, members(ReplaceMembers, "n")), at(9, -1, members(Final, "n"))}},
		{"replaced, and still there", false, []*Op{at(0, 1, members(AddMembers, "m")), at(2, 3, members(ReplaceMembers, "n")), at(9, -1, members(Final, "m", "n"))}},
		{"emptied", false, []*Op{at(0, 1, members(Create, "m")), at(2, 3, members(EmptyGroup)), at(9, -1, members(Final, "m"))}},
		{"no member after all", true, []*Op{at(0, 1, members(AddMembers, "m")), at(2, 3, members(EmptyGroup)), at(4, 5, notAMember("m"))}},
		{"a stale negative", false, []*Op{at(0, 1, members(AddMembers, "m")), at(4, 5, notAMember("m"))}},
		{"switched off", true, []*Op{at(0, 1, with(members(AddMembers, "m"), Refused)), at(9, -1, members(Final))}},
		{"switched off, and added all the same", false, []*Op{at(0, 1, with(members(AddMembers, "m"), Refused)), at(9, -1, members(Final, "m"))}},
		{"unknown, either way", true, []*Op{at(0, -1, with(members(AddMembers, "m"), Unknown)), at(4, 5, notAMember("m")), at(9, -1, members(Final, "m"))}},
		{"unknown, and then not again", false, []*Op{
			at(0, 1, members(AddMembers, "m")), at(2, -1, with(members(RemoveMembers, "m"), Unknown)),
			at(4, 5, notAMember("m")), at(9, -1, members(Final, "m")),
		}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			for i, o := range tt.ops {
				o.ID, o.Client = i+1, i
			}
			p := &Partition{Name: tt.label, Members: []string{"m"}, Ops: tt.ops}
			if result := p.histories(nil)[0].check(0); (result == porcupine.Ok) != tt.legal {
				t.Errorf("%s, want legal: %v", result, tt.legal)
			}
		})
	}
}
