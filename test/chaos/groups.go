package chaos

import (
	"context"
	"slices"
	"sync"
)

// aboutMembers returns a request about a team's members.
func (p *player) aboutMembers(t *team) Op {
	o := Op{Partition: t.partition, Group: true, Subject: t.id}
	switch n := p.random.IntN(100); {
	case n < 26:
		o.Kind, o.Members = AddMembers, p.some(t, 3)
		o.Members = append(o.Members, p.oneIn(3, t.pool)...)
		if guest, found := t.guests.known(p.random); found && p.random.IntN(3) == 0 {
			o.Members = append(o.Members, guest.ID)
		}
	case n < 48:
		o.Kind, o.Members = RemoveMembers, append(p.some(t, 2), p.oneIn(8, t.pool)...)
	case n < 58:
		o.Kind, o.Members, o.Name = ReplaceMembers, append(p.some(t, len(t.members)), p.oneIn(2, t.pool)...), t.name
	case n < 62:
		o.Kind = EmptyGroup
	case n < 82:
		o.Kind, o.Members = FindMember, p.some(t, 1)
		if pool := p.oneIn(4, t.pool); pool != nil {
			o.Members = []string{pick(p.random, pool)}
		}
	default:
		o.Kind = Read
	}
	return o
}

// membership changes a team's members, or asks about them.
func (p *player) membership(ctx context.Context, t *team) {
	o := p.aboutMembers(t)
	slot, await := p.anywhere(), func() {}
	if t.pool != nil && o.Writes() && p.random.IntN(2) == 0 {
		await = p.sendConcurrently(ctx, slot+1, o, t)
	}
	sent := p.sendTo(ctx, slot, o, nil)
	await()
	if sent.Writes() && sent.Outcome != Unsent && p.random.IntN(2) == 0 {
		member := pick(p.random, t.members)
		if len(sent.Members) > 0 && slices.Contains(t.members, sent.Members[0]) {
			member = sent.Members[0]
		}
		p.send(ctx, Op{Partition: t.partition, Group: true, Subject: t.id, Kind: FindMember, Members: []string{member}}, nil)
	}
}

// sendConcurrently changes the same members, or others, at the same time through the next replica, because two writers of
// slices do not see each other's writes at once. It returns a function that waits for the answer.
func (p *player) sendConcurrently(ctx context.Context, slot int, o Op, t *team) (await func()) {
	o.Members = slices.Clone(o.Members)
	if o.Kind == EmptyGroup {
		o.Members = t.pool
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

// oneIn returns the pool one time in n, else no users.
func (p *player) oneIn(n int, pool []string) []string {
	if len(pool) == 0 || p.random.IntN(n) > 0 {
		return nil
	}
	return pool
}

// some returns some of a team's members: one at least, and most at most.
func (p *player) some(t *team, most int) (chosen []string) {
	order := p.random.Perm(len(t.members))
	for _, i := range order[:1+p.random.IntN(most)] {
		chosen = append(chosen, t.members[i])
	}
	return chosen
}
