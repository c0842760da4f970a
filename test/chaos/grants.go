package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// longestGrant is how long before a subject is seen in a binding the leader may have read that its user is effective: an
// informer is as old as lag, and a pass writes one binding after the other.
const longestGrant = 3 * time.Second

// beginning is before every history.
const beginning = -Forever / 2

// Grants is the promise that nothing is granted to a user who was not effective at some time since the grant began: who was
// active, had the name, and was the principal or a member of it. Each of the three may have been at another time, because the
// informers of users and of groups are not equally old.
type Grants struct {
	Disturbances []Disturbance

	// Overtaken is how long before each grant its user had lost the access, if it had. The leader finds that out after the
	// grant, and takes the subject out again.
	Overtaken []time.Duration

	changes  *changes
	ofUser   map[string][]revocation
	ofGroup  map[string][]revocation
	absences map[grant][]absence
}

// grant is a subject that has its role through a principal.
type grant struct{ principal, subject string }

// absence is of one user who may be meant by a subject: when the user certainly was not active, had another name, or was no
// member.
type absence struct {
	user  string
	parts [][]Period
}

// Check checks whenever a binding got a subject.
func (g *Grants) Check(ops []*Op, suspensions []Suspension, presences []Presence, o Objects) (violations []Violation) {
	g.changes, g.absences = newChanges(ops, o), map[grant][]absence{}
	g.ofUser, g.ofGroup = map[string][]revocation{}, map[string][]revocation{}
	for _, v := range revocations(ops, suspensions) {
		g.ofUser[v.user] = append(g.ofUser[v.user], v)
		g.ofGroup[v.group] = append(g.ofGroup[v.group], v)
	}
	for _, p := range presences {
		lost, users := g.lostBefore(p)
		began := g.began(p.From)
		if lost < began { // unless the machine is slow
			began -= slowest(ops, g.Disturbances, began, p.From)
		}
		if lost < began {
			violations = append(violations, Violation{"access: granted to effective users", fmt.Sprintf(
				"binding %s got %s at %s through %s; the grant began at %s at the earliest, and no user of that name was effective from %s on",
				p.Binding, p.Subject, clock(p.From), p.Principal, clock(began), clock(max(lost, 0))), aboutGrant(ops, p, users)})
		} else if lost < p.From {
			g.Overtaken = append(g.Overtaken, p.From-lost)
		}
	}
	return violations
}

// began returns when a grant that was seen at a time has begun at the earliest. A fault may have held up the leader's informers
// or its write; and which replica led is not known.
func (g *Grants) began(at time.Duration) time.Duration {
	began := at - longestGrant
	for _, d := range g.Disturbances {
		if d.From <= at && at-longestGrant <= d.To {
			began = min(began, d.From-longestGrant)
		}
	}
	return began
}

// lostBefore returns until when a user who is meant by a subject may have been effective, up to the time at which a binding got
// the subject, and those users.
func (g *Grants) lostBefore(p Presence) (lost time.Duration, users []string) {
	key := grant{p.Principal, p.Subject}
	all, known := g.absences[key]
	if !known {
		all = g.absencesOf(key)
		g.absences[key] = all
	}
	lost = beginning
	for _, a := range all {
		until := p.From
		for _, part := range a.parts {
			until = min(until, lastOutside(p.From, part))
		}
		lost, users = max(lost, until), append(users, a.user)
	}
	return lost, users
}

// absencesOf returns the absence of each user who may be meant by a subject.
func (g *Grants) absencesOf(of grant) (all []absence) {
	name := userNameOf(of.subject)
	kind, id, _ := strings.Cut(of.principal, "/")
	for _, user := range g.changes.users[name] {
		a := absence{user, [][]Period{g.inactive(user), g.misnamed(user, name)}}
		switch {
		case kind == string(v1alpha1.PrincipalGroup):
			a.parts = append(a.parts, g.outside(user, id))
		case user != id:
			continue
		}
		all = append(all, a)
	}
	return all
}

// inactive returns when a user was not there, disabled, suspended or deprovisioned.
func (g *Grants) inactive(user string) []Period {
	giving := slices.Clone(g.changes.ofUser[user])
	for name := range g.changes.names[user] {
		giving = append(giving, g.changes.nameless(name)...)
	}
	return absentFrom(giving, g.ofUser[user])
}

// misnamed returns when a user had another userName.
func (g *Grants) misnamed(user, name string) []Period {
	giving := g.changes.nameless(name)
	var taking []revocation
	for other := range g.changes.names[user] {
		for _, o := range g.changes.ofName[other] {
			switch {
			case o.about() != user:
			case other == name:
				giving = append(giving, o)
			case o.Outcome == Done:
				taking = append(taking, revocation{op: o, call: o.Call, at: o.Return})
			}
		}
	}
	return absentFrom(giving, taking)
}

// outside returns when a user was not a member of a group, or the group was deleted.
func (g *Grants) outside(user, group string) []Period {
	giving := adding(slices.Concat(g.changes.ofGroup[group], g.changes.ofGroup[""]), user)
	if len(giving) == 0 {
		return []Period{{beginning, Forever}}
	}
	taking := slices.DeleteFunc(slices.Clone(g.ofGroup[group]), func(v revocation) bool { return !v.op.revokes(user) })
	return absentFrom(giving, taking)
}

// nameless returns the creates of a user of a name of which it is not known what they have created.
func (c *changes) nameless(name string) []*Op {
	return slices.DeleteFunc(slices.Clone(c.ofName[name]), func(o *Op) bool { return o.about() != "" })
}

// absentFrom returns when something certainly was not so that the requests give and the revocations take. What no request gives
// has been so from the beginning.
func absentFrom(giving []*Op, taking []revocation) (all []Period) {
	if len(giving) > 0 {
		first, _ := regained(giving, revocation{at: beginning})
		all = append(all, Period{beginning, first})
	}
	for _, v := range taking {
		if cut, isSure := regained(giving, v); isSure {
			all = append(all, Period{v.at, cut})
		}
	}
	return all
}

// lastOutside returns the last moment up to a time that is in none of the periods.
func lastOutside(at time.Duration, all []Period) time.Duration {
	for {
		i := slices.IndexFunc(all, func(p Period) bool { return p.From < at && at <= p.To })
		if i < 0 {
			return at
		}
		at = all[i].From
	}
}

// aboutGrant returns the requests that decide whether users had the access that a binding gives.
func aboutGrant(ops []*Op, p Presence, users []string) (all []*Op) {
	for _, o := range ops {
		changes := func(user string) bool {
			_, touched := o.membership(user)
			return o.about() == user || throughGroup(o.about()) == p.Principal && (touched || o.Kind == Delete)
		}
		if o.Writes() && o.Call <= p.From && slices.ContainsFunc(users, changes) {
			all = append(all, o)
		}
	}
	return all
}
