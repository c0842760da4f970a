package chaos

import "context"

// largeCreates is in how many creates of a group one has the pool as members.
const largeCreates = 6

// emptyExternalID is how often, of a hundred, a user is created without an externalId.
const emptyExternalID = 20

// sameExternalID is how often, of a hundred, a create has the externalId of the user that was seen last under its name,
// so that disabled users are restored.
const sameExternalID = 50

// weighted is how often, of a hundred, a request is of a kind.
type weighted struct {
	kind   Kind
	weight int
}

var (
	userRequests = []weighted{
		{Create, 20}, {Rename, 12}, {Deactivate, 8}, {Activate, 5}, {Delete, 13}, {Read, 12}, {FindName, 18}, {FindExternal, 12},
	}
	groupRequests = []weighted{{Create, 24}, {Rename, 14}, {Delete, 16}, {Read, 14}, {FindName, 32}}
)

func (p *player) choose(requests []weighted) Kind {
	n := p.random.IntN(100)
	for _, r := range requests {
		if n -= r.weight; n < 0 {
			return r.kind
		}
	}
	return requests[0].kind
}

// aboutNames returns a request about users or groups that compete for a few names, and the resource that it is about.
func (p *player) aboutNames(s *nameSet) (o Op, known Seen) {
	requests := userRequests
	if s.group {
		requests = groupRequests
	}
	known, found := s.known(p.random)
	o = Op{Partition: s.partition, Group: s.group, Kind: p.choose(requests)}
	switch o.Kind {
	case FindName, FindExternal:
	default:
		if !found {
			o.Kind = Create
		}
	}
	p.complete(&o, s, known)
	return o, known
}

// changeNamed sends a request about users or groups that compete for a few names, and often asks any replica at once for
// its effect.
func (p *player) changeNamed(ctx context.Context, s *nameSet) {
	o, known := p.aboutNames(s)
	sent := p.send(ctx, o, s)
	if sent.Writes() && sent.Outcome != Unsent && p.random.IntN(2) == 0 {
		p.followUp(ctx, s, sent, known)
	}
}

// complete sets what a request is about and what it asks for.
func (p *player) complete(o *Op, s *nameSet, known Seen) {
	switch o.Kind {
	case Create:
		o.Name = pick(p.random, s.names)
		o.ExternalID = p.externalID(s, o.Name)
		o.Members = p.oneIn(largeCreates, s.pool)
	case FindName:
		o.Name = pick(p.random, s.names)
	case FindExternal:
		o.ExternalID = pick(p.random, s.externalIDs)
	case Rename:
		o.Subject, o.Name, o.Put = known.ID, pick(p.random, s.names), p.random.IntN(2) == 0
		o.Origin = known.Origin
		if !s.group {
			o.ExternalID = known.ExternalID
		}
	default:
		o.Subject = known.ID
	}
	// The version of a large group may be one that a create under way has only begun to write.
	if (o.Kind == Rename || o.Kind == Deactivate) && len(known.Members) == 0 && p.random.IntN(3) == 0 {
		o.IfVersion, o.IfMarker = known.Version, known.Marker
	}
}

func (p *player) externalID(s *nameSet, name string) string {
	if len(s.externalIDs) == 0 || p.random.IntN(100) < emptyExternalID {
		return ""
	}
	if last, found := s.lastNamed(name); found && p.random.IntN(100) < sameExternalID {
		return last.ExternalID
	}
	return pick(p.random, s.externalIDs)
}

// lastNamed returns the resource that was seen last under a name.
func (n *nameSet) lastNamed(name string) (last Seen, found bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.ids {
		if s.Name == name {
			last, found = s, true
		}
	}
	return last, found
}

// followUp asks for the effect of a write, or does what a provider does next: search, create again, restore.
func (p *player) followUp(ctx context.Context, s *nameSet, sent *Op, before Seen) {
	o := Op{Partition: s.partition, Group: s.group}
	id, name, externalID := sent.about(), sent.Name, sent.ExternalID
	if name == "" {
		name, externalID = before.Name, before.ExternalID
	}
	if s.group {
		externalID = ""
	}
	switch n := p.random.IntN(10); {
	case n < 3 && id != "":
		o.Kind, o.Subject = Read, id
	case n < 6 && name != "":
		o.Kind, o.Name = FindName, name
	case n < 9 && name != "":
		o.Kind, o.Name, o.ExternalID = Create, name, externalID
	case externalID != "":
		o.Kind, o.ExternalID = FindExternal, externalID
	default:
		return
	}
	p.send(ctx, o, s)
}

// toggle disables or enables a user that is a member of teams, and stays one.
func (p *player) toggle(ctx context.Context, s *nameSet) {
	known, found := s.known(p.random)
	if !found {
		return
	}
	o := Op{Partition: s.partition, Kind: Deactivate, Subject: known.ID}
	if p.random.IntN(2) == 0 {
		o.Kind = Activate
	}
	p.send(ctx, o, s)
}
