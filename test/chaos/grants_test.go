package chaos

import (
	"testing"
	"time"
)

// User 1 has the name a from second 1 on, and is in group g from second 3 on. Its subject gets into a binding at second 60.
func TestAccessIsGrantedToEffectiveUsersAlone(t *testing.T) {
	const rule, through = "access: granted to effective users", "CloudSSOGroup/g"
	member := func(kind Kind) Op { return ofGroup(withSubject(membersOp(kind, "1"), "g")) }
	suspended := func(second int) []Suspension {
		at := time.Duration(second) * time.Second
		return []Suspension{{User: "1", Call: at - time.Second, Return: at, Done: true}}
	}
	// Until second 58 a deactivation is longer ago than a grant takes.
	longAgo := 58 - int(longestGrant/time.Second)
	fault := []Disturbance{{Slot: 1, From: time.Duration(longAgo) * time.Second, To: 58 * time.Second, Fault: "watches cut"}}
	for _, tt := range []struct {
		label, rule, principal string
		ops                    []*Op
		suspensions            []Suspension
		disturbances           []Disturbance
		overtaken              int
	}{
		{label: "a member"},
		{label: "the principal itself", principal: "CloudSSOUser/1"},
		{label: "another user than the principal", rule: rule, principal: "CloudSSOUser/2"},
		{label: "no principal", rule: rule, principal: "?"},
		{label: "a member of another group", rule: rule, principal: "CloudSSOGroup/h"},
		{label: "disabled", rule: rule, ops: []*Op{secondsAt(longAgo-1, longAgo, deactivated("1"))}},
		{label: "disabled just now", ops: []*Op{secondsAt(58, 59, deactivated("1"))}, overtaken: 1},
		{label: "disabled later", ops: []*Op{secondsAt(60, 61, deactivated("1"))}},
		{label: "disabled, while a fault began", ops: []*Op{secondsAt(longAgo-1, longAgo, deactivated("1"))}, disturbances: fault, overtaken: 1},
		{label: "disabled long before a fault", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1"))}, disturbances: fault},
		{label: "not certainly disabled", ops: []*Op{secondsAt(9, 10, withOutcome(deactivated("1"), Unknown))}},
		{label: "disabled and enabled", ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(11, 12, activated("1"))}},
		{label: "disabled, and perhaps enabled", ops: []*Op{secondsAt(9, 10, deactivated("1")), opAt(11000, -1, withOutcome(activated("1"), Unknown))}},
		{label: "disabled and enabled at the same time", ops: []*Op{secondsAt(9, 12, deactivated("1")), secondsAt(10, 11, activated("1"))}},
		{label: "disabled and restored", ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(11, 12, created("a", "", "1"))}},
		{label: "enabled and disabled", rule: rule, ops: []*Op{secondsAt(9, 10, activated("1")), secondsAt(11, 12, deactivated("1"))}},
		{label: "disabled, and enabled after the grant", rule: rule, ops: []*Op{secondsAt(9, 10, deactivated("1")), secondsAt(61, 62, activated("1"))}},
		{label: "deleted", rule: rule, ops: []*Op{secondsAt(9, 10, deleted("1"))}},
		{label: "deleted, and another user of the name is no member", rule: rule, ops: []*Op{secondsAt(9, 10, deleted("1")), secondsAt(11, 12, created("a", "", "2"))}},
		{label: "deleted, and another user of the name is a member", ops: []*Op{
			secondsAt(9, 10, deleted("1")), secondsAt(11, 12, created("a", "", "2")), secondsAt(13, 14, ofGroup(withSubject(membersOp(AddMembers, "2"), "g"))),
		}},
		{label: "suspended", rule: rule, suspensions: suspended(10)},
		{label: "suspended just now", suspensions: suspended(59), overtaken: 1},
		{label: "renamed", rule: rule, ops: []*Op{secondsAt(9, 10, renamed("1", "b"))}},
		{label: "renamed and renamed back", ops: []*Op{secondsAt(9, 10, renamed("1", "b")), secondsAt(11, 12, renamed("1", "a"))}},
		{label: "removed", rule: rule, ops: []*Op{secondsAt(9, 10, member(RemoveMembers))}},
		{label: "removed just now", ops: []*Op{secondsAt(58, 59, member(RemoveMembers))}, overtaken: 1},
		{label: "removed and added", ops: []*Op{secondsAt(9, 10, member(RemoveMembers)), secondsAt(11, 12, member(AddMembers))}},
		{label: "removed, and perhaps by a create without an answer added", ops: []*Op{
			secondsAt(9, 10, member(RemoveMembers)), opAt(11000, -1, ofGroup(Op{Kind: Create, Members: []string{"1"}, Outcome: Unknown})),
		}},
		{label: "another member removed", ops: []*Op{secondsAt(9, 10, ofGroup(withSubject(membersOp(RemoveMembers, "2"), "g")))}},
		{label: "the group emptied", rule: rule, ops: []*Op{secondsAt(9, 10, ofGroup(Op{Kind: EmptyGroup, Subject: "g"}))}},
		{label: "the group deleted", rule: rule, ops: []*Op{secondsAt(9, 10, ofGroup(deleted("g")))}},
		{label: "removed, and disabled at another time", ops: []*Op{
			secondsAt(55, 58, deactivated("1")), secondsAt(55, 56, member(RemoveMembers)), secondsAt(58, 59, member(AddMembers)),
		}, overtaken: 1},
	} {
		t.Run(tt.label, func(t *testing.T) {
			p := present(through, 60, -1)
			if tt.principal != "" {
				p.Principal = tt.principal
			}
			g := &Grants{Disturbances: tt.disturbances}
			ops := append([]*Op{secondsAt(0, 1, created("a", "", "1")), secondsAt(2, 3, member(AddMembers))}, tt.ops...)
			expectRule(t, g.Check(ops, tt.suspensions, []Presence{p}, Objects{}), tt.rule)
			if len(g.Overtaken) != tt.overtaken {
				t.Errorf("overtaken: %v, want %d", g.Overtaken, tt.overtaken)
			}
		})
	}
}

func TestASubjectOfNoUserIsNotGrantedAnything(t *testing.T) {
	g := &Grants{}
	ops := []*Op{secondsAt(20, 21, created("a", "", "1")), secondsAt(20, 21, ofGroup(membersOp(Create, "1")))}
	for label, p := range map[string]Presence{
		"of a name that no user had":  {Principal: "CloudSSOGroup/g", Subject: subjectOf("b"), From: 30 * time.Second},
		"before the user was created": {Principal: "CloudSSOGroup/g", Subject: subjectOf("a"), From: 10 * time.Second},
	} {
		t.Run(label, func(t *testing.T) {
			expectRule(t, g.Check(ops, nil, []Presence{p}, Objects{}), "access: granted to effective users")
		})
	}
	expectRule(t, g.Check(ops, nil, []Presence{{Principal: "CloudSSOGroup/g", Subject: subjectOf("a"), From: 22 * time.Second}}, Objects{}), "")
}
