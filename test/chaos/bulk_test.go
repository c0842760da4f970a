package chaos

import (
	"net/http"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// together makes operations one bulk request that takes from 2 to 3 milliseconds, or is never answered.
func together(ret int, ops ...Op) (batch []*Op) {
	for _, o := range ops {
		o.Batch = 1
		batch = append(batch, opAt(2, ret, o))
	}
	return batch
}

func TestOperationsOfABulkRequestAreInOrder(t *testing.T) {
	created := opAt(0, 1, created("a", "", "1"))
	for _, tt := range []struct {
		label string
		legal bool
		batch []*Op
		end   Op
	}{
		{"in order", true, together(3, renamed("1", "b"), renamed("1", "c")), ends(user(3, "1", "c"))},
		{"the first done last", false, together(3, renamed("1", "b"), renamed("1", "c")), ends(user(2, "1", "b"))},
		{"the second not found before the first", false, together(3, deactivated("1"), withOutcome(deleted("1"), NotFound)), ends(disabled(user(2, "1", "a")))},
		{"deleted, and not found afterwards", true, together(3, deleted("1"), withOutcome(renamed("1", "b"), NotFound)), ends(deprovisioned(user(1, "1", "a")))},
		{"not found, and deleted afterwards", false, together(3, withOutcome(renamed("1", "b"), NotFound), deleted("1")), ends(deprovisioned(user(1, "1", "a")))},
		{"of unknown outcome, the second alone", true, together(-1, withOutcome(renamed("1", "b"), Unknown), withOutcome(renamed("1", "c"), Unknown)), ends(user(3, "1", "c"))},
		{"one refused between", true, together(3, renamed("1", "b"), withOutcome(deactivated("1"), Forbidden), renamed("1", "c")), ends(user(4, "1", "c"))},
	} {
		t.Run(tt.label, func(t *testing.T) {
			p := &Partition{Ops: append([]*Op{created}, append(tt.batch, opAt(9, -1, tt.end))...)}
			for i, o := range p.Ops {
				o.ID, o.Client = i+1, i
			}
			if result := p.histories(nil)[0].check(0); (result == porcupine.Ok) != tt.legal {
				t.Errorf("%s, want legal: %v", result, tt.legal)
			}
		})
	}
}

func TestMembersInABulkRequestAreInOrder(t *testing.T) {
	for _, tt := range []struct {
		label string
		legal bool
		batch []*Op
		end   Op
	}{
		{"added and removed", true, together(3, membersOp(AddMembers, "m"), membersOp(RemoveMembers, "m")), membersOp(Final)},
		{"added and removed, and there", false, together(3, membersOp(AddMembers, "m"), membersOp(RemoveMembers, "m")), membersOp(Final, "m")},
		{"removed and added", true, together(3, membersOp(RemoveMembers, "m"), membersOp(AddMembers, "m")), membersOp(Final, "m")},
	} {
		t.Run(tt.label, func(t *testing.T) {
			p := &Partition{Team: "g", Members: []string{"m"}, Ops: append(tt.batch, opAt(9, -1, tt.end))}
			for i, o := range p.Ops {
				o.ID, o.Client = i+1, i
			}
			if result := p.histories(nil)[0].check(0); (result == porcupine.Ok) != tt.legal {
				t.Errorf("%s, want legal: %v", result, tt.legal)
			}
		})
	}
}

func TestAReadAfterABulkRequestShowsItsLastOperation(t *testing.T) {
	for _, tt := range []struct {
		label, rule string
		read        *Op
	}{
		{"the second", "", opAt(50, 51, shows(state(3, "c", true, 3)))},
		{"the first", "read: not stale", opAt(50, 51, shows(state(2, "b", true, 2)))},
	} {
		t.Run(tt.label, func(t *testing.T) {
			ops := append([]*Op{opBy(1, 0, opAt(0, 1, created("a", "", "1")))}, together(3, renamed("1", "b"), renamed("1", "c"))...)
			opBy(2, 0, ops[1])
			opBy(3, 0, ops[2])
			reads := &Reads{Lag: 20 * time.Millisecond}
			expectRule(t, reads.Check(&Partition{Ops: append(ops, opBy(4, 1, tt.read))}), tt.rule)
		})
	}
}

func TestEachResultOfABulkRequestIsAnOutcome(t *testing.T) {
	result := func(status, key string, value any) map[string]any {
		return map[string]any{"bulkId": "7", "status": status, key: value}
	}
	for _, tt := range []struct {
		label   string
		o       Op
		result  map[string]any
		outcome Outcome
		id      string
	}{
		{"created", created("a", "", ""), result("201", "location", "https://x/scim/v2/Users/a-1"), Done, "a-1"},
		{"taken", created("a", "", ""), result("409", "response", map[string]any{"detail": "taken"}), Conflict, ""},
		{"deleted", deleted("1"), result("204", "location", "https://x/scim/v2/Users/1"), Done, ""},
		{"renamed", renamed("1", "b"), result("200", "location", "https://x/scim/v2/Users/1"), Done, ""},
		{"gone", renamed("1", "b"), result("404", "response", map[string]any{}), NotFound, ""},
		{"switched off", renamed("1", "b"), result("403", "response", map[string]any{}), Forbidden, ""},
		{"out of reach", renamed("1", "b"), result("503", "response", map[string]any{}), Unknown, ""},
		{"left out", renamed("1", "b"), nil, Unexpected, ""},
	} {
		t.Run(tt.label, func(t *testing.T) {
			answer := &provider.Response{Status: http.StatusOK, Body: map[string]any{"Operations": []any{tt.result}}}
			o := tt.o
			o.recordResult(resultsOf(answer)["7"])
			if o.Outcome != tt.outcome || o.Result != tt.id || len(o.Seen) > 0 {
				t.Errorf("%s %q %v, want %s %q", o.Outcome, o.Result, o.Seen, tt.outcome, tt.id)
			}
		})
	}
}
