package chaos

import (
	"testing"
	"time"
)

// by makes the operation number id, through a replica.
func by(id, slot int, o *Op) *Op {
	o.ID, o.Life = id, Life{Slot: slot}
	return o
}

func shows(seen ...Seen) Op { return Op{Kind: Read, Seen: seen} }

// written is the state that the request of that number wrote.
func state(marker int, name string, active bool, modified int) Seen {
	return Seen{ID: "1", Name: name, Active: active, Marker: marker, Origin: 1, Modified: time.UnixMilli(int64(modified))}
}

func TestPositiveReads(t *testing.T) {
	create := func() *Op { return by(1, 0, at(0, 1, created("a", "", "1"))) }
	rename := func() *Op { return by(2, 0, at(2, 3, renamed("1", "b"))) }
	for _, tt := range []struct {
		label, rule string // "" of a good one
		windows     []Window
		ops         []*Op
	}{
		{"the newest", "", nil, []*Op{create(), rename(), by(3, 0, at(4, 5, shows(state(2, "b", true, 2))))}},
		{"lags through another replica", "", nil, []*Op{create(), rename(), by(3, 1, at(4, 5, shows(state(1, "a", true, 1))))}},
		{"lags through the same replica", "read: not stale", nil, []*Op{create(), rename(), by(3, 0, at(4, 5, shows(state(1, "a", true, 1))))}},
		{"lags too long", "read: not stale", nil, []*Op{create(), rename(), by(3, 1, at(50, 51, shows(state(1, "a", true, 1))))}},
		{"lags long, cut off", "", []Window{{Slot: 1, From: 0, To: time.Second}}, []*Op{create(), rename(), by(3, 1, at(50, 51, shows(state(1, "a", true, 1))))}},
		{"lags long, after it was cut off", "read: not stale", []Window{{Slot: 1, From: 0, To: 5 * time.Millisecond}}, []*Op{create(), rename(), by(3, 1, at(50, 51, shows(state(1, "a", true, 1))))}},
		{"another is cut off", "read: not stale", []Window{{Slot: 2, From: 0, To: time.Second}}, []*Op{create(), rename(), by(3, 1, at(50, 51, shows(state(1, "a", true, 1))))}},
		{"there after its deletion", "read: not stale", nil, []*Op{create(), by(2, 0, at(2, 3, deleted("1"))), by(3, 1, at(50, 51, shows(state(1, "a", true, 1))))}},
		{"at the same time", "", nil, []*Op{create(), by(2, 0, at(2, 60, renamed("1", "b"))), by(3, 1, at(50, 51, shows(state(1, "a", true, 1))))}},
		{"invented", "read: nothing invented", nil, []*Op{create(), by(3, 1, at(4, 5, shows(state(7, "a", true, 1))))}},
		{"from the future", "read: nothing from the future", nil, []*Op{create(), by(3, 1, at(1, 2, shows(state(2, "b", true, 1)))), by(2, 0, at(3, 4, renamed("1", "b")))}},
		{"torn", "read: whole", nil, []*Op{create(), rename(), by(3, 0, at(4, 5, shows(state(2, "a", true, 2))))}},
		{"refused and shown", "read: nothing that was refused", nil, []*Op{create(), by(2, 0, at(2, 9, refused("a", ""))), by(3, 1, at(3, 4, shows(state(2, "a", true, 2))))}},
		{"switched off and shown", "read: nothing that was refused", nil, []*Op{
			create(), by(2, 0, at(2, 9, with(renamed("1", "b"), Refused))), by(3, 1, at(3, 4, shows(state(2, "b", true, 2)))),
		}},
		{"backwards", "read: never backwards", nil, []*Op{
			create(), rename(), by(3, 1, at(4, 5, shows(state(2, "b", true, 2)))), by(4, 1, at(6, 7, shows(state(1, "a", true, 1)))),
		}},
		{"backwards through another", "", nil, []*Op{
			create(), rename(), by(3, 1, at(4, 5, shows(state(2, "b", true, 2)))), by(4, 2, at(6, 7, shows(state(1, "a", true, 1)))),
		}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			reads := &Reads{Lag: 20 * time.Millisecond, Windows: tt.windows}
			expectRule(t, reads.Check(&Partition{Ops: tt.ops}), tt.rule)
		})
	}
}

func TestPositiveReadsOfMembers(t *testing.T) {
	group := func(ids ...string) Op {
		return Op{Group: true, Kind: Read, Subject: "g", Seen: []Seen{{ID: "g", Members: append([]string{}, ids...)}}}
	}
	add := func() *Op { return by(1, 0, at(0, 1, members(AddMembers, "m"))) }
	remove := func() *Op { return by(2, 0, at(2, 3, members(RemoveMembers, "m"))) }
	for _, tt := range []struct {
		label, rule string
		sliced      bool
		ops         []*Op
	}{
		{"in", "", false, []*Op{add(), by(3, 0, at(4, 5, group("m")))}},
		{"lags", "", false, []*Op{add(), remove(), by(3, 1, at(4, 5, group("m")))}},
		{"lags through the same", "read: members not stale", false, []*Op{add(), remove(), by(3, 0, at(4, 5, group("m")))}},
		{"lags too long", "read: members not stale", false, []*Op{add(), remove(), by(3, 1, at(50, 51, group("m")))}},
		{"found, too long after", "read: members not stale", false, []*Op{
			add(), remove(), by(3, 1, at(50, 51, Op{Group: true, Kind: FindMember, Subject: "g", Members: []string{"m"}})),
		}},
		{"never added", "read: members not stale", false, []*Op{by(1, 0, at(0, 1, members(Create))), by(3, 1, at(4, 5, group("m")))}},
		{"the answer to a change without the change", "read: own write", false, []*Op{
			by(1, 0, at(0, 1, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
		}},
		{"a sliced group's, when another has taken out meanwhile", "", true, []*Op{
			by(1, 0, at(0, 5, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
			by(2, 1, at(1, 4, members(RemoveMembers, "m"))),
		}},
		{"a small group's, though another has taken out meanwhile", "read: own write", false, []*Op{
			by(1, 0, at(0, 5, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
			by(2, 1, at(1, 4, members(RemoveMembers, "m"))),
		}},
		{"a sliced group's, when another had taken out before", "read: own write", true, []*Op{
			by(2, 1, at(0, 1, members(RemoveMembers, "m"))),
			by(1, 0, at(2, 5, Op{Group: true, Kind: AddMembers, Subject: "g", Members: []string{"m"}, Seen: []Seen{{ID: "g", Members: []string{"n"}}}})),
		}},
		{"a second copy", "read: each member once", true, []*Op{add(), by(3, 0, at(4, 5, group("m", "m")))}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			reads := &Reads{Lag: 20 * time.Millisecond}
			expectRule(t, reads.Check(&Partition{Members: []string{"m"}, Sliced: tt.sliced, Ops: tt.ops}), tt.rule)
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
