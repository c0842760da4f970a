package chaos

import (
	"context"
	"slices"
)

// membership does something to a team's members, or asks about them.
func (p *player) membership(ctx context.Context, t *team) {
	o := Op{Partition: t.partition, Group: true, Subject: t.id}
	switch n := p.random.IntN(100); {
	case n < 26:
		o.Kind, o.Members = AddMembers, p.some(t, 3)
		if guest, found := t.guests.known(p.random); found && p.random.IntN(3) == 0 {
			o.Members = append(o.Members, guest.ID)
		}
	case n < 48:
		o.Kind, o.Members = RemoveMembers, p.some(t, 2)
	case n < 58:
		o.Kind, o.Members, o.Name = ReplaceMembers, p.some(t, len(t.members)), t.name
	case n < 62:
		o.Kind = EmptyGroup
	case n < 82:
		o.Kind, o.Members = FindMember, p.some(t, 1)
	default:
		o.Kind = Read
	}
	sent := p.send(ctx, o, nil)
	if sent.Writes() && sent.Outcome != Unsent && p.random.IntN(2) == 0 {
		member := pick(p.random, t.members)
		if len(sent.Members) > 0 && slices.Contains(t.members, sent.Members[0]) {
			member = sent.Members[0]
		}
		p.send(ctx, Op{Partition: t.partition, Group: true, Subject: t.id, Kind: FindMember, Members: []string{member}}, nil)
	}
}

// some are at most so many of a team's members, and one at least.
func (p *player) some(t *team, most int) (chosen []string) {
	order := p.random.Perm(len(t.members))
	for _, i := range order[:1+p.random.IntN(most)] {
		chosen = append(chosen, t.members[i])
	}
	return chosen
}
