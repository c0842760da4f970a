package chaos

import (
	"context"
	"slices"
	"sync"
)

// aboutMembers is a request about a team's members.
func (p *player) aboutMembers(t *team) Op {
	o := Op{Partition: t.partition, Group: true, Subject: t.id}
	switch n := p.random.IntN(100); {
	case n < 26:
		o.Kind, o.Members = AddMembers, p.some(t, 3)
		o.Members = append(o.Members, p.oneIn(3, t.crowd)...)
		if guest, found := t.guests.known(p.random); found && p.random.IntN(3) == 0 {
			o.Members = append(o.Members, guest.ID)
		}
	case n < 48:
		o.Kind, o.Members = RemoveMembers, append(p.some(t, 2), p.oneIn(8, t.crowd)...)
	case n < 58:
		o.Kind, o.Members, o.Name = ReplaceMembers, append(p.some(t, len(t.members)), p.oneIn(2, t.crowd)...), t.name
	case n < 62:
		o.Kind = EmptyGroup
	case n < 82:
		o.Kind, o.Members = FindMember, p.some(t, 1)
		if crowd := p.oneIn(4, t.crowd); crowd != nil {
			o.Members = []string{pick(p.random, crowd)}
		}
	default:
		o.Kind = Read
	}
	return o
}

// membership does something to a team's members, or asks about them.
func (p *player) membership(ctx context.Context, t *team) {
	o := p.aboutMembers(t)
	slot, alone := p.anywhere(), func() {}
	if t.crowd != nil && o.Writes() && p.random.IntN(2) == 0 {
		alone = p.rival(ctx, slot+1, o, t)
	}
	sent := p.sendTo(ctx, slot, o, nil)
	alone()
	if sent.Writes() && sent.Outcome != Unsent && p.random.IntN(2) == 0 {
		member := pick(p.random, t.members)
		if len(sent.Members) > 0 && slices.Contains(t.members, sent.Members[0]) {
			member = sent.Members[0]
		}
		p.send(ctx, Op{Partition: t.partition, Group: true, Subject: t.id, Kind: FindMember, Members: []string{member}}, nil)
	}
}

// rival asks for the same members, or for others, at the same time through the next replica: those that write
// slices at once know least of each other. It returns how to wait for the answer.
func (p *player) rival(ctx context.Context, slot int, o Op, t *team) (wait func()) {
	o.Members = slices.Clone(o.Members)
	if o.Kind == EmptyGroup {
		o.Members = t.crowd
	} else if p.random.IntN(2) == 0 {
		o.Members = p.some(t, 3)
	}
	o.Kind = AddMembers
	if p.random.IntN(3) == 0 {
		o.Kind = RemoveMembers
	}
	var answered sync.WaitGroup
	answered.Go(func() { p.Send(ctx, slot%len(p.to), o) })
	return answered.Wait
}

// oneIn is a crowd, if there is one, one time in n; else nobody.
func (p *player) oneIn(n int, crowd []string) []string {
	if len(crowd) == 0 || p.random.IntN(n) > 0 {
		return nil
	}
	return crowd
}

// some are at most so many of a team's members, and one at least.
func (p *player) some(t *team, most int) (chosen []string) {
	order := p.random.Perm(len(t.members))
	for _, i := range order[:1+p.random.IntN(most)] {
		chosen = append(chosen, t.members[i])
	}
	return chosen
}
