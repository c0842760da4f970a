package chaos

import (
	"testing"
	"time"
)

// opBy makes the operation number id, through a replica.
func opBy(id, slot int, o *Op) *Op {
	o.ID, o.Process = id, Process{Slot: slot}
	return o
}

// byAdministrator makes the operation number id an edit by hand.
func byAdministrator(id int, o *Op) *Op {
	o.ID, o.Process = id, byHand
	return o
}

func shows(seen ...Seen) Op { return Op{Kind: Read, Seen: seen} }

// state returns the state that the request of that number wrote.
func state(marker int, name string, active bool, modified int) Seen {
	return Seen{ID: "1", Name: name, Active: active, Marker: marker, Origin: 1, Modified: time.UnixMilli(int64(modified))}
}

func TestAResourceInAnAnswerIsNoOlderThanTheLag(t *testing.T) {
	create := func() *Op { return opBy(1, 0, opAt(0, 1, created("a", "", "1"))) }
	rename := func() *Op { return opBy(2, 0, opAt(2, 3, renamed("1", "b"))) }
	for _, tt := range []struct {
		label, rule  string // "" of a good one
		disturbances []Disturbance
		ops          []*Op
	}{
		{"the newest", "", nil, []*Op{create(), rename(), opBy(3, 0, opAt(4, 5, shows(state(2, "b", true, 2))))}},
		{"lags through another replica", "", nil, []*Op{create(), rename(), opBy(3, 1, opAt(4, 5, shows(state(1, "a", true, 1))))}},
		{"lags through the same replica", "read: not stale", nil, []*Op{create(), rename(), opBy(3, 0, opAt(4, 5, shows(state(1, "a", true, 1))))}},
		{"lags too long", "read: not stale", nil, []*Op{create(), rename(), opBy(3, 1, opAt(50, 51, shows(state(1, "a", true, 1))))}},
		{"lags long, cut off", "", []Disturbance{{Slot: 1, From: 0, To: time.Second}}, []*Op{create(), rename(), opBy(3, 1, opAt(50, 51, shows(state(1, "a", true, 1))))}},
		{"lags long, after it was cut off", "read: not stale", []Disturbance{{Slot: 1, From: 0, To: 5 * time.Millisecond}}, []*Op{create(), rename(), opBy(3, 1, opAt(50, 51, shows(state(1, "a", true, 1))))}},
		{"another is cut off", "read: not stale", []Disturbance{{Slot: 2, From: 0, To: time.Second}}, []*Op{create(), rename(), opBy(3, 1, opAt(50, 51, shows(state(1, "a", true, 1))))}},
		{"there after its deletion", "read: not stale", nil, []*Op{create(), opBy(2, 0, opAt(2, 3, deleted("1"))), opBy(3, 1, opAt(50, 51, shows(state(1, "a", true, 1))))}},
		{"at the same time", "", nil, []*Op{create(), opBy(2, 0, opAt(2, 60, renamed("1", "b"))), opBy(3, 1, opAt(50, 51, shows(state(1, "a", true, 1))))}},
		{"invented", "read: nothing invented", nil, []*Op{create(), opBy(3, 1, opAt(4, 5, shows(state(7, "a", true, 1))))}},
		{"from the future", "read: nothing from the future", nil, []*Op{create(), opBy(3, 1, opAt(1, 2, shows(state(2, "b", true, 1)))), opBy(2, 0, opAt(3, 4, renamed("1", "b")))}},
		{"torn", "read: whole", nil, []*Op{create(), rename(), opBy(3, 0, opAt(4, 5, shows(state(2, "a", true, 2))))}},
		{"refused and shown", "read: nothing that was refused", nil, []*Op{create(), opBy(2, 0, opAt(2, 9, refused("a", ""))), opBy(3, 1, opAt(3, 4, shows(state(2, "a", true, 2))))}},
		{"switched off and shown", "read: nothing that was refused", nil, []*Op{
			create(), opBy(2, 0, opAt(2, 9, withOutcome(renamed("1", "b"), Forbidden))), opBy(3, 1, opAt(3, 4, shows(state(2, "b", true, 2)))),
		}},
		{"two of a name", "read: one holder of a name", nil, []*Op{
			create(), opBy(2, 0, opAt(2, 3, created("a", "", "2"))), opBy(3, 0, opAt(4, 5, Op{Kind: FindName, Name: "a", Seen: []Seen{
				state(1, "a", true, 1), {ID: "2", Name: "a", Active: true, Marker: 2, Origin: 2},
			}})),
		}},
		{"by hand", "", nil, []*Op{create(), byAdministrator(2, opAt(2, 3, deactivated("1"))), opBy(3, 1, opAt(50, 51, shows(state(2, "a", false, 1))))}},
		{"before an edit by hand", "read: not stale", nil, []*Op{create(), byAdministrator(2, opAt(2, 3, deactivated("1"))), opBy(3, 1, opAt(50, 51, shows(state(1, "a", true, 1))))}},
		{"backwards", "read: never backwards", nil, []*Op{
			create(), rename(), opBy(3, 1, opAt(4, 5, shows(state(2, "b", true, 2)))), opBy(4, 1, opAt(6, 7, shows(state(1, "a", true, 1)))),
		}},
		{"backwards through another", "", nil, []*Op{
			create(), rename(), opBy(3, 1, opAt(4, 5, shows(state(2, "b", true, 2)))), opBy(4, 2, opAt(6, 7, shows(state(1, "a", true, 1)))),
		}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			reads := &Reads{Lag: 20 * time.Millisecond, Disturbances: tt.disturbances}
			expectRule(t, reads.Check(&Partition{Ops: tt.ops}), tt.rule)
		})
	}
}

func TestMembersInAnAnswerAreNoOlderThanTheLag(t *testing.T) {
	group := func(ids ...string) Op {
		return Op{Group: true, Kind: Read, Subject: "g", Seen: []Seen{{ID: "g", Members: append([]string{}, ids...)}}}
	}
	add := func() *Op { return opBy(1, 0, opAt(0, 1, membersOp(AddMembers, "m"))) }
	remove := func() *Op { return opBy(2, 0, opAt(2, 3, membersOp(RemoveMembers, "m"))) }
	for _, tt := range []struct {
		label, rule string
		sliced      bool
		ops         []*Op
	}{
		{"in", "", false, []*Op{add(), opBy(3, 0, opAt(4, 5, group("m")))}},
		{"lags", "", false, []*Op{add(), remove(), opBy(3, 1, opAt(4, 5, group("m")))}},
		{"lags through the same", "read: members not stale", false, []*Op{add(), remove(), opBy(3, 0, opAt(4, 5, group("m")))}},
		{"lags too long", "read: members not stale", false, []*Op{add(), remove(), opBy(3, 1, opAt(50, 51, group("m")))}},
		{"found, too long after", "read: members not stale", false, []*Op{
			add(), remove(), opBy(3, 1, opAt(50, 51, Op{Group: true, Kind: FindMember, Subject: "g", Members: []string{"m"}})),
		}},
		{"never added", "read: members not stale", false, []*Op{opBy(1, 0, opAt(0, 1, membersOp(Create))), opBy(3, 1, opAt(4, 5, group("m")))}},
		{"the answer to a change without the change", "read: own write", false, []*Op{
			opBy(1, 0, opAt(0, 1, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
		}},
		{"a sliced group's, when another request has removed it meanwhile", "", true, []*Op{
			opBy(1, 0, opAt(0, 5, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
			opBy(2, 1, opAt(1, 4, membersOp(RemoveMembers, "m"))),
		}},
		{"a small group's, when another request has removed it meanwhile", "read: own write", false, []*Op{
			opBy(1, 0, opAt(0, 5, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
			opBy(2, 1, opAt(1, 4, membersOp(RemoveMembers, "m"))),
		}},
		{"a sliced group's, when another request had removed it before", "read: own write", true, []*Op{
			opBy(2, 1, opAt(0, 1, membersOp(RemoveMembers, "m"))),
			opBy(1, 0, opAt(2, 5, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
		}},
		{"a second copy", "read: each member once", true, []*Op{add(), opBy(3, 0, opAt(4, 5, group("m", "m")))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			reads := &Reads{Lag: 20 * time.Millisecond}
			expectRule(t, reads.Check(&Partition{Members: []string{"m"}, Sliced: tt.sliced, Ops: tt.ops}), tt.rule)
		})
	}
}

// A search by externalId or by member that finds nothing is as fresh as the replica's watch.
func TestASearchThatFindsNothingIsNoOlderThanTheLag(t *testing.T) {
	none := func(call int) *Op {
		return opAt(call, call+1, Op{Kind: FindExternal, ExternalID: "e", Outcome: Empty})
	}
	create := func() *Op { return opBy(1, 0, opAt(0, 1, created("a", "e", "1"))) }
	for _, tt := range []struct {
		label, rule  string
		disturbances []Disturbance
		ops          []*Op
	}{
		{"through another replica", "", nil, []*Op{create(), opBy(2, 1, none(4))}},
		{"through the replica that acknowledged it", "read: search not stale", nil, []*Op{create(), opBy(2, 0, none(4))}},
		{"through another replica, too long after", "read: search not stale", nil, []*Op{create(), opBy(2, 1, none(50))}},
		{"through another replica, behind by a fault", "", []Disturbance{{Slot: 1, From: 0, To: time.Second}}, []*Op{create(), opBy(2, 1, none(50))}},
		{"through another replica that has shown it", "read: search not stale", nil, []*Op{create(), opBy(2, 1, opAt(2, 3, shows(withExternalID(state(1, "a", true, 1), "e")))), opBy(3, 1, none(4))}},
		{"through a restarted replica", "", nil, []*Op{
			create(), opBy(2, 1, opAt(2, 3, shows(withExternalID(state(1, "a", true, 1), "e")))), {ID: 3, Kind: FindExternal, ExternalID: "e", Outcome: Empty, Process: Process{1, 2}, Call: 4e6, Return: 5e6},
		}},
		{"before it was acknowledged", "", nil, []*Op{opBy(1, 0, opAt(0, 9, created("a", "e", "1"))), opBy(2, 0, none(4))}},
		{"after a deletion", "", nil, []*Op{create(), opBy(2, 0, opAt(2, 3, deleted("1"))), opBy(3, 0, none(50))}},
		{"after a deletion of unknown outcome", "", nil, []*Op{create(), opBy(2, 0, opAt(2, -1, withOutcome(deleted("1"), Unknown))), opBy(3, 0, none(50))}},
		{"before a deletion", "read: search not stale", nil, []*Op{create(), opBy(2, 0, none(4)), opBy(3, 0, opAt(6, 7, deleted("1")))}},
		{"of a disabled user", "read: search not stale", nil, []*Op{create(), opBy(2, 0, opAt(2, 3, deactivated("1"))), opBy(3, 0, none(50))}},
		{"of another externalId", "", nil, []*Op{opBy(1, 0, opAt(0, 1, created("a", "f", "1"))), opBy(2, 0, none(50))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			reads := &Reads{Lag: 20 * time.Millisecond, Disturbances: tt.disturbances}
			expectRule(t, reads.Check(&Partition{Ops: tt.ops}), tt.rule)
		})
	}
}

func TestASearchByMemberThatFindsNothingIsNoOlderThanTheLag(t *testing.T) {
	group := func() *Op { return opBy(1, 0, opAt(0, 1, membersOp(Create))) }
	add := func() *Op { return opBy(2, 0, opAt(2, 3, membersOp(AddMembers, "m"))) }
	shown := func() *Op {
		return opAt(4, 5, Op{Group: true, Kind: Read, Subject: "g", Seen: []Seen{{ID: "g", Members: []string{}}}})
	}
	for _, tt := range []struct {
		label, rule string
		ops         []*Op
	}{
		{"through another replica", "", []*Op{group(), add(), opBy(3, 1, opAt(4, 5, notAMember("m")))}},
		{"through the replica that acknowledged it", "read: members not stale", []*Op{group(), add(), opBy(3, 0, opAt(4, 5, notAMember("m")))}},
		{"through another replica, too long after", "read: members not stale", []*Op{group(), add(), opBy(3, 1, opAt(50, 51, notAMember("m")))}},
		{"after a removal", "", []*Op{group(), add(), opBy(3, 0, opAt(4, 5, membersOp(RemoveMembers, "m"))), opBy(4, 0, opAt(6, 7, notAMember("m")))}},
		{"when the group is not seen yet", "", []*Op{opBy(1, 0, opAt(0, 1, membersOp(Create, "m"))), opBy(2, 1, opAt(4, 5, notAMember("m")))}},
		{"when the group has been seen", "read: members not stale", []*Op{opBy(1, 0, opAt(0, 1, membersOp(Create, "m"))), opBy(2, 1, shown()), opBy(3, 1, opAt(6, 7, notAMember("m")))}},
		{"when the group must have been seen", "read: members not stale", []*Op{opBy(1, 0, opAt(0, 1, membersOp(Create, "m"))), opBy(2, 1, opAt(50, 51, notAMember("m")))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			reads := &Reads{Lag: 20 * time.Millisecond}
			expectRule(t, reads.Check(&Partition{Team: "g", Members: []string{"m"}, Ops: tt.ops}), tt.rule)
		})
	}
}

func expectRule(t *testing.T, violations []Violation, rule string) {
	t.Helper()
	for _, v := range violations {
		if v.Rule == rule {
			return
		}
	}
	if rule != "" || len(violations) > 0 {
		t.Errorf("%v, want %q", violations, rule)
	}
}
