package chaos

import "context"

// crowdedCreates is in how many creates of a group one has a crowd.
const crowdedCreates = 6

// emptyExternalID is how often, of a hundred, a user is created without an externalId.
const emptyExternalID = 20

// weighted is how often, of a hundred, something is done.
type weighted struct {
	kind   Kind
	weight int
}

var (
	userTurns = []weighted{
		{Create, 20}, {Rename, 12}, {Deactivate, 8}, {Activate, 5}, {Delete, 13}, {Read, 12}, {FindName, 18}, {FindExternal, 12},
	}
	groupTurns = []weighted{{Create, 24}, {Rename, 14}, {Delete, 16}, {Read, 14}, {FindName, 32}}
)

func (p *player) choose(turns []weighted) Kind {
	n := p.random.IntN(100)
	for _, t := range turns {
		if n -= t.weight; n < 0 {
			return t.kind
		}
	}
	return turns[0].kind
}

// aboutNames is a request about users or groups that meet in a few names, and about whom.
func (p *player) aboutNames(c *cluster) (o Op, known Seen) {
	turns := userTurns
	if c.group {
		turns = groupTurns
	}
	known, found := c.known(p.random)
	o = Op{Partition: c.name, Group: c.group, Kind: p.choose(turns)}
	switch o.Kind {
	case FindName, FindExternal:
	default:
		if !found {
			o.Kind = Create
		}
	}
	p.aim(&o, c, known)
	return o, known
}

// namesake does something to users or groups that meet in a few names; and often asks at once, through any
// replica, what became of it.
func (p *player) namesake(ctx context.Context, c *cluster) {
	o, known := p.aboutNames(c)
	sent := p.send(ctx, o, c)
	if sent.Writes() && sent.Outcome != Unsent && p.random.IntN(2) == 0 {
		p.followUp(ctx, c, sent, known)
	}
}

// aim completes a request: what it is about, and what it asks for.
func (p *player) aim(o *Op, c *cluster, known Seen) {
	switch o.Kind {
	case Create:
		o.Name, o.ExternalID = pick(p.random, c.names), p.externalID(c)
		o.Members = p.oneIn(crowdedCreates, c.crowd)
	case FindName:
		o.Name = pick(p.random, c.names)
	case FindExternal:
		o.ExternalID = pick(p.random, c.externalIDs)
	case Rename:
		o.Subject, o.Name, o.Put = known.ID, pick(p.random, c.names), p.random.IntN(2) == 0
		o.Origin = known.Origin
		if !c.group {
			o.ExternalID = known.ExternalID
		}
	default:
		o.Subject = known.ID
	}
	// The version of a crowd's group may be one of a create under way.
	if (o.Kind == Rename || o.Kind == Deactivate) && len(known.Members) == 0 && p.random.IntN(3) == 0 {
		o.IfVersion, o.IfMarker = known.Version, known.Marker
	}
}

func (p *player) externalID(c *cluster) string {
	if len(c.externalIDs) == 0 || p.random.IntN(100) < emptyExternalID {
		return ""
	}
	return pick(p.random, c.externalIDs)
}

// followUp asks about what a write has just changed, or does what a provider does next: match, create
// again, restore.
func (p *player) followUp(ctx context.Context, c *cluster, sent *Op, before Seen) {
	o := Op{Partition: c.name, Group: c.group}
	id, name, externalID := sent.Subject, sent.Name, sent.ExternalID
	if id == "" {
		id = sent.Result
	}
	if name == "" {
		name, externalID = before.Name, before.ExternalID
	}
	if c.group {
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
	p.send(ctx, o, c)
}

// toggle disables or enables a user who is a member of teams, and stays one.
func (p *player) toggle(ctx context.Context, c *cluster) {
	known, found := c.known(p.random)
	if !found {
		return
	}
	o := Op{Partition: c.name, Kind: Deactivate, Subject: known.ID}
	if p.random.IntN(2) == 0 {
		o.Kind = Activate
	}
	p.send(ctx, o, c)
}
