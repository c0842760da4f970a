package chaos

import (
	"testing"
	"time"
)

// present returns a presence of user a's subject in a binding, from and to seconds; without an end if to is negative.
func present(principal string, from, to int) Presence {
	p := Presence{Binding: "ns/cloudsso:acme:x:0", Principal: principal, Subject: subjectOf("a"), From: time.Duration(from) * time.Second, To: Forever}
	if to >= 0 {
		p.To = time.Duration(to) * time.Second
	}
	return p
}

// secondsAt returns a request that was sent and answered at these seconds.
func secondsAt(call, ret int, o Op) *Op { return opAt(call*1000, ret*1000, o) }

// User 1 has the name a from second 1 on. Its access ends by an answer at second 10.
func TestAccessEndsSoonAfterTheAnswer(t *testing.T) {
	const rule, through = "access: revoked in time", "CloudSSOGroup/g"
	late := 11 + int(revocationBound/time.Second)
	add := func() Op { return ofGroup(withSubject(membersOp(AddMembers, "1"), "g")) }
	remove := func() Op { return ofGroup(withSubject(membersOp(RemoveMembers, "1"), "g")) }
	killed := func(second int) []Disturbance {
		return []Disturbance{{Slot: 0, From: time.Duration(second) * time.Second, To: time.Duration(second+1) * time.Second, Fault: "replica " + killedAfterDeactivation}}
	}
	outage := []Disturbance{{Slot: 1, From: 11 * time.Second, To: 15 * time.Second, Fault: "etcd killed"}}
	for _, tt := range []struct {
		label, rule  string
		ops          []*Op
		suspensions  []Suspension
		presences    []Presence
		disturbances []Disturbance
		// undisturbed, disturbed, unjudged and orphaned are how many were counted.
		undisturbed, disturbed, unjudged, orphaned int
	}{
		{label: "in time", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, 11)}, undisturbed: 1},
		{label: "before the answer", ops: []*Op{secondsAt(8, 10, deleted("1"))}, presences: []Presence{present(through, 2, 9)}, undisturbed: 1},
		{label: "before the request", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, 8)}},
		{label: "late", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, late)}},
		{label: "never", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, -1)}},
		{label: "late, and gone before the lease was over", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, 14)}, undisturbed: 1},
		{label: "late, and gone after the lease", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, 15)}},
		{label: "late, and another request was as slow", ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(11, 13, Op{Kind: Read, Subject: "2"})}, presences: []Presence{present(through, 2, 16)}, undisturbed: 1},
		{label: "late, and another request was less slow", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(11, 12, Op{Kind: Read, Subject: "2"})}, presences: []Presence{present(through, 2, 16)}},
		{label: "late, and a fault made another request as slow", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1")), opBy(7, 1, secondsAt(11, 13, Op{Kind: Read, Subject: "2"}))}, presences: []Presence{present(through, 2, 16)}, disturbances: []Disturbance{{Slot: 1, From: 0, To: time.Minute}}},
		{label: "late, and a fault came too late to be the reason", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, 17)}, disturbances: killed(15)},
		{label: "by the next leader", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, late-1)}, disturbances: killed(10), disturbed: 1},
		{label: "by the next leader, late", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, late)}, disturbances: killed(10)},
		{label: "by the leader after the next", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, late)}, disturbances: append(killed(10), killed(16)...), disturbed: 1},
		{label: "by the leader after the next, late", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, late+11)}, disturbances: append(killed(10), killed(16)...)},
		{label: "the answering replica killed at once", ops: []*Op{secondsAt(9, 10, byDeactivator(deactivated("1")))}, presences: []Presence{present(through, 2, 16)}, disturbances: killed(9), disturbed: 1, orphaned: 1},
		{label: "granted late", rule: rule, ops: []*Op{secondsAt(9, 10, deleted("1"))}, presences: []Presence{present(through, 2, 11), present(through, 12, late)}},
		{label: "suspended, by the next leader", suspensions: []Suspension{{User: "1", Call: 9 * time.Second, Return: 10 * time.Second, Done: true}}, presences: []Presence{present(through, 2, 16)}, disturbances: killed(2), disturbed: 1},
		{label: "late, suspended", rule: rule, suspensions: []Suspension{{User: "1", Call: 9 * time.Second, Return: 10 * time.Second, Done: true}}, presences: []Presence{present(through, 2, late)}},
		{label: "late, without an API server", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, late+3)}, disturbances: outage, disturbed: 1},
		{label: "late, without an API server for less", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, late+5)}, disturbances: outage},
		{label: "in time, another replica cut off", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, 11)}, disturbances: []Disturbance{{Slot: 1, From: 0, To: time.Minute}}, undisturbed: 1},
		{label: "in time, the replica cut off", ops: []*Op{secondsAt(9, 10, deactivated("1"))}, presences: []Presence{present(through, 2, 11)}, disturbances: []Disturbance{{Slot: 0, From: 0, To: time.Minute}}, disturbed: 1},
		{label: "refused", ops: []*Op{secondsAt(9, 10, withOutcome(deactivated("1"), PreconditionFailed))}, presences: []Presence{present(through, 2, -1)}},
		{label: "enabled again, and still there", ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(12, 13, activated("1"))}, presences: []Presence{present(through, 2, -1)}, unjudged: 1},
		{label: "enabled again after it was gone", ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(12, 13, activated("1"))}, presences: []Presence{present(through, 2, 11), present(through, 13, -1)}, undisturbed: 1},
		{label: "enabled again too late", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(late, late+1, activated("1"))}, presences: []Presence{present(through, 2, -1)}},
		{label: "enabled at the same time", ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(8, 9, activated("1"))}, presences: []Presence{present(through, 2, -1)}, unjudged: 1},
		{label: "enabled by a request without an answer", ops: []*Op{secondsAt(9, 10, deactivated("1")), opAt(1000, -1, withOutcome(activated("1"), Unknown))}, presences: []Presence{present(through, 2, -1)}, unjudged: 1},
		{label: "enabled before", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(7, 8, activated("1"))}, presences: []Presence{present(through, 2, -1)}},
		{label: "the name given to another user", ops: []*Op{secondsAt(9, 10, deleted("1")), secondsAt(12, 13, created("a", "", "2"))}, presences: []Presence{present(through, 2, -1)}, unjudged: 1},
		{label: "the name was that of another user", ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(2, 3, created("a", "", "2"))}, presences: []Presence{present(through, 2, -1)}, unjudged: 1},
		{label: "the name was that of a deleted user", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(2, 3, created("a", "", "2")), secondsAt(3, 4, deleted("2"))}, presences: []Presence{present(through, 2, -1)}, unjudged: 1},
		{label: "removed in time", ops: []*Op{secondsAt(9, 10, remove())}, presences: []Presence{present(through, 2, 11)}, undisturbed: 1},
		{label: "removed, and there through another group", ops: []*Op{secondsAt(9, 10, remove())}, presences: []Presence{present("CloudSSOGroup/h", 2, -1), present(through, 2, 11)}, undisturbed: 1},
		{label: "removed late", rule: rule, ops: []*Op{secondsAt(9, 10, remove())}, presences: []Presence{present(through, 2, late)}},
		{label: "another member removed", ops: []*Op{secondsAt(9, 10, ofGroup(withSubject(membersOp(RemoveMembers, "2"), "g")))}, presences: []Presence{present(through, 2, -1)}},
		{label: "all removed late", rule: rule, ops: []*Op{secondsAt(9, 10, ofGroup(Op{Kind: EmptyGroup, Subject: "g"}))}, presences: []Presence{present(through, 2, late)}},
		{label: "group deleted late", rule: rule, ops: []*Op{secondsAt(9, 10, ofGroup(deleted("g")))}, presences: []Presence{present(through, 2, late)}},
		{label: "added again", ops: []*Op{secondsAt(9, 10, remove()), secondsAt(11, 12, add())}, presences: []Presence{present(through, 2, -1)}, unjudged: 1},
		{label: "enabled again, and not added", rule: rule, ops: []*Op{secondsAt(9, 10, remove()), secondsAt(11, 12, activated("1"))}, presences: []Presence{present(through, 2, -1)}},
	} {
		t.Run(tt.label, func(t *testing.T) {
			r := &Revocations{Disturbances: tt.disturbances}
			ops := append([]*Op{secondsAt(0, 1, created("a", "", "1"))}, tt.ops...)
			expectRule(t, r.Check(ops, tt.suspensions, tt.presences, Objects{}), tt.rule)
			got := [4]int{len(r.Undisturbed), len(r.Disturbed), r.Unjudged, len(r.Orphaned)}
			if want := [4]int{tt.undisturbed, tt.disturbed, tt.unjudged, tt.orphaned}; got != want {
				t.Errorf("undisturbed, disturbed, unjudged and orphaned: %v, want %v", got, want)
			}
		})
	}
}

func byDeactivator(o Op) Op {
	o.Client = deactivator
	return o
}

func withSubject(o Op, subject string) Op {
	o.Subject = subject
	return o
}

func TestLateRevocationsAreCounted(t *testing.T) {
	r := &Revocations{Undisturbed: []time.Duration{promptly, promptly + 1, 0}, Disturbed: []time.Duration{time.Minute}}
	if got := r.Late(); got != 1 {
		t.Errorf("%d, want 1", got)
	}
}
