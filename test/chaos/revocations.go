package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// leaseDuration is how long the other replicas wait before they replace a leader that has died.
	leaseDuration = 5 * time.Second
	// promptly is within what time access is promised to be gone if no fault touches the API server or the replica that answered,
	// and within what time after the lease if that replica dies.
	promptly = time.Second
	// liveBound is what is demanded instead of promptly. The replicas share two processors with their clients, the control plane
	// and other tests, and run with the race detector: some of a hundred take longer than a second. It is less than the lease, so
	// that the next leader is too late for a replica that does not revoke what it has acknowledged.
	liveBound = 4 * promptly
	// takeover is what is demanded less than promised if the replica that answered dies and led. The next leader begins within a
	// second after the lease (ADR 32), and has to share the machine meanwhile.
	takeover = 2 * time.Second
	// revocationBound is how long after the answer a subject may be in a binding, outages of the API server not counted. What a
	// machine without processor time adds to it and to liveBound, slowest measures.
	revocationBound = leaseDuration + promptly + takeover
)

// revocation is an acknowledged change that takes access away: of a user everywhere, or through one group.
type revocation struct {
	op    *Op    // nil if it is a suspension
	user  string // "" if it is of members of a group
	group string
	slot  int           // of the replica that acknowledged it; that of byHand if an administrator made it
	call  time.Duration // when it was sent, and
	at    time.Duration // when it was acknowledged
}

func (v revocation) String() string {
	if v.op != nil {
		return fmt.Sprintf("#%d (%s)", v.op.ID, v.op.Kind)
	}
	return "the suspension of " + v.user
}

// Revocations is the promise that access ends soon after the answer to a request that takes it away. A subject whose access
// another request may have brought back, or another user of that name may have, is not judged from that request on.
type Revocations struct {
	Disturbances []Disturbance

	// Undisturbed is how long after each answer the last subject was gone from every binding, if no fault touched the API
	// server or the replica that answered; Disturbed is the same for the other answers. Orphaned is that for those of Disturbed
	// whose replica was killed at once after the answer.
	Undisturbed, Disturbed, Orphaned []time.Duration
	// Unjudged is how many were overtaken by other changes, each subject of them.
	Unjudged int

	ops       []*Op
	changes   *changes
	presences map[string][]Presence // by subject
}

// Check checks all revocations against what was seen of the bindings.
func (r *Revocations) Check(ops []*Op, suspensions []Suspension, presences []Presence, o Objects) (violations []Violation) {
	r.ops, r.changes, r.presences = ops, newChanges(ops, o), map[string][]Presence{}
	through := map[string]map[string]bool{} // the subjects of each principal
	for _, p := range presences {
		r.presences[p.Subject] = append(r.presences[p.Subject], p)
		if through[p.Principal] == nil {
			through[p.Principal] = map[string]bool{}
		}
		through[p.Principal][p.Subject] = true
	}
	for _, v := range revocations(ops, suspensions) {
		violations = append(violations, r.judge(v, r.ends(v, through[throughGroup(v.group)]))...)
	}
	return violations
}

// accessEnd is when a revocation has taken the access of one subject.
type accessEnd struct {
	Presence      // the last one
	until         time.Duration
	isOvertaken   bool          // another request may have given the access again
	took, outages time.Duration // since the answer, and for how much of that the API server was away
}

// ends returns the ends of the subjects that had the access which a revocation takes. through are the subjects that
// had a role through its group.
func (r *Revocations) ends(v revocation, through map[string]bool) (all []accessEnd) {
	add := func(user, subject string) {
		if e, found := r.endOf(v, user, subject); found {
			all = append(all, e)
		}
	}
	if v.user != "" {
		for name := range r.changes.names[v.user] {
			add(v.user, subjectOf(name))
		}
		return all
	}
	for subject := range through {
		for _, user := range r.changes.users[userNameOf(subject)] {
			if v.op.revokes(user) {
				add(user, subject)
			}
		}
	}
	return all
}

// judge counts a revocation by its last end, and reports that if it is late.
func (r *Revocations) judge(v revocation, all []accessEnd) []Violation {
	var last *accessEnd
	for _, e := range all {
		if !e.isOvertaken && (last == nil || e.took-e.outages > last.took-last.outages) {
			last = &e
		}
	}
	switch {
	case last == nil:
		r.Unjudged += min(len(all), 1)
	case r.isLate(v, *last):
		return []Violation{{"access: revoked in time", fmt.Sprintf("%s was acknowledged at %s, and binding %s had %s for %s after that, of which the API server was away for %s; %s are allowed",
			v, clock(v.at), last.Binding, last.Subject, last.took.Round(time.Millisecond), last.outages.Round(time.Millisecond), r.boundOf(v, *last).Round(time.Millisecond)), v.requests()}}
	case r.isDisturbed(v, last.until):
		r.Disturbed = append(r.Disturbed, last.took)
		if r.isOrphaned(v) {
			r.Orphaned = append(r.Orphaned, last.took)
		}
	default:
		r.Undisturbed = append(r.Undisturbed, last.took)
	}
	return nil
}

// isLate reports whether a subject was in a binding for longer than it may be.
func (r *Revocations) isLate(v revocation, e accessEnd) bool {
	took := e.took - e.outages
	return took > liveBound && took > r.boundOf(v, e)
}

// boundOf returns how long after the answer to a revocation a subject may be in a binding.
func (r *Revocations) boundOf(v revocation, e accessEnd) time.Duration {
	bound := liveBound
	if r.isDisturbed(v, e.until) {
		bound = boundByLeader(r.Disturbances, v.at, e.until)
	}
	return bound + slowest(r.ops, r.Disturbances, v.at, e.until)
}

// slowest returns how long the slowest request took that was answered after a time and sent before another one: of those that read
// or change one user, wait for no name, and went through a replica that no fault touched. Like a revocation, it takes milliseconds on
// a machine that has processor time.
func slowest(ops []*Op, disturbances []Disturbance, from, to time.Duration) (took time.Duration) {
	for _, o := range ops {
		isOrdinary := !o.Group && o.Batch == 0 && !o.Names() && o.Process != byHand && (o.Outcome == Done || o.Outcome == NotFound)
		touches := func(d Disturbance) bool { return d.Slot == o.Process.Slot && d.From <= o.Return && o.Call <= d.To }
		if isOrdinary && o.Call <= to && from < o.Return && o.Return-o.Call > took && !slices.ContainsFunc(disturbances, touches) {
			took = o.Return - o.Call
		}
	}
	return took
}

// boundByLeader returns how long the leader, or the next one, may take for what it has to do at a time and does at another one,
// outages of the API server not counted. Another fault that begins meanwhile may hit that next leader.
func boundByLeader(disturbances []Disturbance, from, to time.Duration) time.Duration {
	if slices.ContainsFunc(disturbances, func(d Disturbance) bool { return !isOutage(d.Fault) && from < d.From && d.From <= to }) {
		return revocationBound + leaseDuration + takeover
	}
	return revocationBound
}

func (v revocation) requests() []*Op {
	if v.op == nil {
		return nil
	}
	return []*Op{v.op}
}

// throughGroup returns the principal of a binding's subjects that have their role through a group.
func throughGroup(id string) string { return string(v1alpha1.PrincipalGroup) + "/" + id }

// revocations returns the changes that were acknowledged and take access away.
func revocations(ops []*Op, suspensions []Suspension) (all []revocation) {
	for _, o := range ops {
		v := revocation{op: o, slot: o.Process.Slot, call: o.Call, at: o.Return}
		switch {
		case o.Outcome != Done:
			continue
		case !o.Group && (o.Kind == Deactivate || o.Kind == Delete):
			v.user = o.Subject
		case o.Group && (o.Kind == Delete || o.Kind == RemoveMembers || o.Kind == ReplaceMembers || o.Kind == EmptyGroup):
			v.group = o.Subject
		default:
			continue
		}
		all = append(all, v)
	}
	for _, s := range suspensions {
		if s.Done {
			all = append(all, revocation{user: s.User, slot: byHand.Slot, call: s.Call, at: s.Return})
		}
	}
	return all
}

// revokes reports whether a change of a group takes a user out of it.
func (o *Op) revokes(user string) bool {
	in, touched := o.membership(user)
	return o.Kind == Delete || touched && !in
}

// endOf returns the accessEnd of one subject. It reports false if no binding had it from the request on.
func (r *Revocations) endOf(v revocation, user, subject string) (e accessEnd, found bool) {
	cut, isSure := r.changes.next(v, user, userNameOf(subject))
	for _, p := range r.presences[subject] {
		concerns := v.user != "" || p.Principal == throughGroup(v.group)
		if concerns && p.To > v.call && p.From < cut && (!found || p.To > e.To) {
			e.Presence, found = p, true
		}
	}
	e.until = min(e.To, cut)
	e.took = max(e.until-v.at, 0)
	e.outages = outagesOf(r.Disturbances, v.at, e.until)
	e.isOvertaken = !isSure || e.To > cut && !r.isLate(v, e)
	return e, found
}

// Late returns how many revocations took longer than promised although no fault had to do with them.
func (r *Revocations) Late() (n int) {
	for _, took := range r.Undisturbed {
		if took > promptly {
			n++
		}
	}
	return n
}

// isOutage reports whether a fault keeps the API server from answering. From its end on until every replica has caught up
// the time does not count either.
func isOutage(fault string) bool {
	return strings.HasPrefix(fault, "etcd") || strings.HasPrefix(fault, "API server")
}

// isDisturbed reports whether a fault touched the API server, or the replica that acknowledged a revocation, until a time, and
// before it had to be carried out. A change by hand is the leader's to carry out, which may be any replica, or have died before.
func (r *Revocations) isDisturbed(v revocation, until time.Duration) bool {
	from, until := v.call, min(until, v.at+liveBound)
	if v.slot == byHand.Slot {
		from -= leaseDuration + takeover
	}
	return slices.ContainsFunc(r.Disturbances, func(d Disturbance) bool {
		touches := isOutage(d.Fault) || v.slot == byHand.Slot || d.Slot == v.slot
		return touches && d.From <= until && from <= d.To
	})
}

// isOrphaned reports whether a replica was killed at once after it had acknowledged a revocation.
func (r *Revocations) isOrphaned(v revocation) bool {
	return v.op != nil && v.op.Client == deactivator && slices.ContainsFunc(r.Disturbances, func(d Disturbance) bool {
		return strings.HasSuffix(d.Fault, killedAfterDeactivation) && d.Slot == v.slot && d.From <= v.call && v.call <= d.To
	})
}

// outagesOf returns for how much of a time no API server answered.
func outagesOf(disturbances []Disturbance, from, to time.Duration) (total time.Duration) {
	all := slices.DeleteFunc(slices.Clone(disturbances), func(d Disturbance) bool { return !isOutage(d.Fault) })
	slices.SortFunc(all, func(a, b Disturbance) int { return int(a.From - b.From) })
	for _, d := range all {
		if begin, end := max(d.From, from), min(d.To, to); begin < end {
			total += end - begin
			from = end
		}
	}
	return total
}

// changes are the requests that may give access, by what they are about.
type changes struct {
	names   map[string]map[string]bool // userNames that a user may have had, in lower case, by id
	users   map[string][]string        // ids of the users that may have had a userName
	gone    map[string]time.Duration   // when a deletion of a user was acknowledged
	ofUser  map[string][]*Op           // that may enable it
	ofName  map[string][]*Op           // that may give a user the userName
	ofGroup map[string][]*Op
}

func newChanges(ops []*Op, o Objects) *changes {
	c := &changes{map[string]map[string]bool{}, map[string][]string{}, map[string]time.Duration{}, map[string][]*Op{}, map[string][]*Op{}, map[string][]*Op{}}
	for i := range o.Users {
		c.addName(o.Users[i].Name, o.Users[i].Spec.UserName)
	}
	for _, op := range ops {
		c.add(op)
	}
	return c
}

// add records a request that may have had an effect, and the names that its answer shows.
func (c *changes) add(op *Op) {
	if !op.Group {
		for _, s := range op.Seen {
			c.addName(s.ID, s.Name)
		}
	}
	if !op.Writes() || op.Outcome != Done && op.Outcome != Unknown {
		return
	}
	if op.Group {
		c.ofGroup[op.about()] = append(c.ofGroup[op.about()], op)
		return
	}
	switch op.Kind {
	case Create, Activate:
		c.ofUser[op.about()] = append(c.ofUser[op.about()], op)
	case Delete:
		if first, found := c.gone[op.Subject]; op.Outcome == Done && (!found || op.Return < first) {
			c.gone[op.Subject] = op.Return
		}
	}
	if op.Names() {
		c.ofName[op.Name] = append(c.ofName[op.Name], op)
		c.addName(op.about(), op.Name)
	}
}

func (c *changes) addName(user, name string) {
	name = strings.ToLower(name)
	if user == "" || name == "" || c.names[user][name] {
		return
	}
	if c.names[user] == nil {
		c.names[user] = map[string]bool{}
	}
	c.names[user][name] = true
	c.users[name] = append(c.users[name], user)
}

// next returns when the first request was sent after a revocation that may give the subject access again, or Forever. It
// reports false if such a request may have been under way at the same time, or if another user may have had the name.
func (c *changes) next(v revocation, user, name string) (cut time.Duration, isSure bool) {
	granting := c.granting(v, user, name)
	cut, isSure = regained(granting, v)
	return cut, isSure && !slices.ContainsFunc(granting, func(o *Op) bool { return o.Call <= v.at && o.hasGiven(user) })
}

// regained returns when the first of the requests was sent after a revocation, or Forever. It reports false if one of them
// may have been under way at the same time.
func regained(requests []*Op, v revocation) (cut time.Duration, isSure bool) {
	cut, isSure = Forever, true
	for _, o := range requests {
		if o.Call > v.at {
			cut = min(cut, o.Call)
		} else if o.lasts() >= v.call {
			isSure = false
		}
	}
	return cut, isSure
}

// lasts returns until when a request may have its effect.
func (o *Op) lasts() time.Duration {
	if o.Outcome == Unknown {
		return o.latest()
	}
	return o.Return
}

// hasGiven reports whether the request has given its name to another user than the one given.
func (o *Op) hasGiven(user string) bool {
	return o.Names() && !o.Group && o.about() != "" && o.about() != user
}

// granting returns the requests that may give a subject the access again that a revocation takes: that enable the user or add
// it to the group, and those that give its name to another user that was not gone before.
func (c *changes) granting(v revocation, user, name string) (all []*Op) {
	if v.user != "" {
		all = append(all, c.ofUser[user]...)
	} else {
		all = append(all, adding(c.ofGroup[v.group], user)...)
	}
	for _, o := range c.ofName[name] {
		gone, isGone := c.gone[o.about()]
		if wasGone := isGone && gone < v.call; o.about() != user && !wasGone {
			all = append(all, o)
		}
	}
	return all
}

// adding returns those of requests about a group that may have put a user into it.
func adding(requests []*Op, user string) (all []*Op) {
	for _, o := range requests {
		if in, touched := o.membership(user); touched && in {
			all = append(all, o)
		}
	}
	return all
}
