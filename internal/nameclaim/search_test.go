package nameclaim

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
)

// TestEveryAcknowledgedUserHoldsItsName searches every interleaving of every mix of three operations, from each start.
// The operations are the real code. Each request of theirs is a point at which the search decides which of them is
// answered next, and which dies. A write that a dead operation had sent may still be carried out at any later time, or
// never. What must hold at every point:
//
//   - A user that was acknowledged under a name, or accepted by a controller, and still has the name, holds its claim.
//     So there is never a second one.
//   - Once all have ended, no claim blocks its name: a create of it succeeds, or restores or adopts the user who has it.
//
// With the race detector it is too slow, and adds nothing: one of raceStride mixes of three runs then, beside every mix of
// two. "make test-names", a part of make verify, runs all.
func TestEveryAcknowledgedUserHoldsItsName(t *testing.T) {
	for _, start := range starts {
		t.Run(start.name, func(t *testing.T) {
			s := newSearch(start, nothing)
			explore := func(mix []int) bool {
				trace := s.run(mix)
				if trace != nil {
					t.Error(strings.Join(trace, "\n"))
				}
				return trace == nil
			}
			if !raceDetector {
				s.everyMix(maxOperations, explore)
			} else {
				s.everyMix(maxOperations-1, explore)
				number := 0
				s.everyMix(maxOperations, func(mix []int) bool {
					number++
					return number%raceStride != 0 || explore(mix)
				})
			}
			t.Logf("%d mixes, %d states, %d histories of an operation", s.mixes, s.states, len(s.nodes))
		})
	}
}

const raceStride = 100

// TestEachRuleIsNeeded leaves out one rule at a time: there is an interleaving then in which an acknowledged user does
// not hold its name.
func TestEachRuleIsNeeded(t *testing.T) {
	for _, test := range []struct {
		rule  rule
		start start
		mix   []string
	}{
		{refreshOwn, bothHeld, []string{"rename A to x"}},
		{waitBeforeTakeOver, bothHeld, []string{"create as x", "create as x", "deprovision A"}},
		{releaseByVersion, bothHeld, []string{"rename A to x"}},
		{claimBeforeObject, leftOver, []string{"create as x", "create as x"}},
		{keepAfterFailure, bothHeld, []string{"rename A to x", "rename A to x"}},
		{lookIntoIndex, beforeClaims, []string{"create as x"}},
		{refreshBeforeAdoption, manualLeftOver, []string{"create as x", "create as x", "edit M by hand to X"}},
		{acceptByVersion, manualHolder, []string{"deprovision B", "edit M by hand to X", "edit M by hand to Y"}},
	} {
		t.Run(test.rule.String(), func(t *testing.T) {
			var mix []int
			for _, name := range test.mix {
				mix = append(mix, slices.IndexFunc(operations, func(o operation) bool { return o.name == name }))
			}
			if trace := newSearch(test.start, nothing).run(mix); trace != nil {
				t.Fatalf("with all rules:\n%s", strings.Join(trace, "\n"))
			}
			trace := newSearch(test.start, test.rule).run(mix)
			if trace == nil {
				t.Fatal("the search finds nothing wrong without this rule")
			}
			if last := trace[len(trace)-1]; !strings.Contains(last, "was acknowledged as") {
				t.Errorf("without this rule the search finds only: %s", last)
			}
			t.Logf("without this rule:\n%s", strings.Join(trace, "\n"))
		})
	}
}

// rule is what a search leaves out, to show that it is needed.
type rule uint8

const (
	nothing rule = iota
	refreshOwn
	waitBeforeTakeOver
	releaseByVersion
	claimBeforeObject
	keepAfterFailure
	lookIntoIndex
	refreshBeforeAdoption
	acceptByVersion
)

func (r rule) String() string {
	return [...]string{
		"nothing", "refresh one's own claim", "wait before a take-over", "release by resourceVersion", "claim before object",
		"no release after a failed write", "look into the index", "refresh before an adoption", "accept by resourceVersion",
	}[r]
}

// start is a world in which operations begin.
type start struct {
	name   string
	users  map[userID]user
	claims map[spelling]userID
}

var (
	scimA = user{userName: upperX, acknowledged: upperX, guarded: true, bound: true}
	scimB = user{userName: upperY, acknowledged: upperY}
	oldA  = user{userName: upperX, acknowledged: upperX, guarded: true, bound: true, unclaimed: true}
	goneD = user{userName: upperX, deprovisioned: true}

	bothHeld = start{
		"A holds X, B holds Y",
		map[userID]user{userA: scimA, userB: scimB, userD: goneD},
		map[spelling]userID{upperX: userA, upperY: userB},
	}
	deprovisionedHolder = start{
		"deprovisioned D has the claim on X, B holds Y",
		map[userID]user{userB: scimB, userD: goneD},
		map[spelling]userID{upperX: userD, upperY: userB},
	}
	leftOver = start{
		"B holds Y, and a claim on X is left over",
		map[userID]user{userB: scimB, userD: goneD},
		map[spelling]userID{upperX: userB, upperY: userB},
	}
	beforeClaims = start{
		"A has X from before claims, B holds Y",
		map[userID]user{userA: oldA, userB: scimB, userD: goneD},
		map[spelling]userID{upperY: userB},
	}
	manualHolder = start{
		"Manual M holds X, B holds Y",
		map[userID]user{userM: {userName: upperX, claimedName: upperX, acknowledged: upperX, manual: true}, userB: scimB},
		map[spelling]userID{upperX: userM, upperY: userB},
	}
	manualNew = start{
		"Manual M is new as X, B holds Y",
		map[userID]user{userM: {userName: upperX, manual: true}, userB: scimB},
		map[spelling]userID{upperY: userB},
	}
	manualLeftOver = start{
		"Manual M holds Y, and a claim on X is left over",
		map[userID]user{userM: {userName: upperY, claimedName: upperY, acknowledged: upperY, manual: true}, userD: goneD},
		map[spelling]userID{upperX: userM, upperY: userM},
	}

	starts = []start{bothHeld, deprovisionedHolder, leftOver, beforeClaims, manualHolder, manualNew, manualLeftOver}
)

// search explores the interleavings of some operations. What an operation does next follows from the answers that it
// was given, so each history of answers runs through the real code once, and is a node.
type search struct {
	rule  rule
	world world
	index [numNames][]userID // of the start

	nodes []node
	roots map[root]int32

	mixes, states int
	mix           []int
	seen          map[string]struct{}
	key           []byte
	trace         []move
	probed        map[string]string
}

// root is an operation that begins.
type root struct {
	operation int
	id        userID
	try       uint8
}

// node is an operation that waits for the answer of a request.
type node struct {
	root    root
	parent  int32
	answer  answer // that led here
	request request
	next    []edge
}

type edge struct {
	answer answer
	node   int32
}

// progress is how far an operation is. Versions that it has seen are labels in nodes, numbered as it met them: what an
// operation does depends on whether versions are equal, not on what they are.
type progress struct {
	state    state
	labels   uint8
	node     int32
	versions [maxLabels]uint8
}

const maxLabels = 40

type state uint8

const (
	ended state = iota
	waiting
	running
	late // it has died, and what it had sent may still be carried out
)

// move is one step of an interleaving.
type move struct {
	operation int8
	kind      byte // 's'tep, 'd'eath, 'l'ate write
	node      int32
	answer    answer
}

func newSearch(from start, rule rule) *search {
	s := &search{rule: rule, roots: map[root]int32{}, seen: map[string]struct{}{}, probed: map[string]string{}}
	for id, u := range from.users {
		u.version = s.world.next()
		s.world.users[id] = u
	}
	for name, holder := range from.claims {
		s.world.claims[name.index()] = claim{holder: holder, version: s.world.next(), uid: s.world.next()}
	}
	for _, manual := range []bool{false, true} {
		for id, u := range s.world.users {
			if u.live() && u.manual == manual {
				s.index[u.userName.index()] = append(s.index[u.userName.index()], userID(id))
			}
		}
	}
	return s
}

// everyMix calls try with every mix of so many operations that have something to work on, until it returns false.
func (s *search) everyMix(size int, try func(mix []int) bool) {
	var choose func(from int, chosen []int) bool
	choose = func(from int, chosen []int) bool {
		if len(chosen) == size {
			return try(chosen)
		}
		for o := from; o < len(operations); o++ {
			if on := operations[o].on; on == firstNew && (len(chosen) == 0 || operations[chosen[0]].on != noUser) ||
				on != firstNew && on != noUser && s.world.users[on].userName == unnamed {
				continue
			}
			if !choose(o, append(chosen, o)) {
				return false
			}
		}
		return true
	}
	choose(0, make([]int, 0, size))
}

// run explores one mix. It returns how something went wrong, nil if nothing can.
func (s *search) run(mix []int) []string {
	s.mixes++
	s.mix = mix
	clear(s.seen)
	s.trace = s.trace[:0]
	w := s.world
	for i, o := range mix {
		id := operations[o].on
		if id == noUser {
			id = firstNew + userID(i)
		}
		w.operations[i] = progress{state: waiting, node: s.root(root{o, id, 0})}
	}
	if what := s.explore(&w); what != "" {
		return append(s.explain(), "!! "+what)
	}
	return nil
}

// explore returns what goes wrong from here on, "" if nothing can. s.trace leads there then.
func (s *search) explore(w *world) string {
	s.key = s.encode(s.key[:0], w)
	if _, seen := s.seen[string(s.key)]; seen {
		return ""
	}
	s.seen[string(s.key)] = struct{}{}
	s.states++
	if what := w.violation(s.rule != claimBeforeObject); what != "" {
		return what
	}
	depth, active := len(s.trace), false
	for i := range s.mix {
		switch w.operations[i].state {
		case waiting, running:
			active = true
			n := *w
			s.step(&n, i)
			if what := s.explore(&n); what != "" {
				return what
			}
			s.trace = s.trace[:depth]
			n = *w
			s.die(&n, i)
			if what := s.explore(&n); what != "" {
				return what
			}
			s.trace = s.trace[:depth]
		case late:
			n := *w
			if s.land(&n, i) {
				if what := s.explore(&n); what != "" {
					return what
				}
				s.trace = s.trace[:depth]
			}
		}
	}
	if !active {
		return s.probe(w)
	}
	return ""
}

// step answers the request of an operation.
func (s *search) step(w *world, i int) {
	p := &w.operations[i]
	p.state = running
	a := w.carryOut(p.resolve(s.nodes[p.node].request), false)
	s.trace = append(s.trace, move{int8(i), 's', p.node, a})
	s.advance(p, a)
	last := &s.nodes[p.node]
	if last.request.verb != end {
		return
	}
	if try := last.root.try + 1; last.request.outcome == again && try < maxTries {
		*p = progress{state: running, node: s.root(root{last.root.operation, last.root.id, try})}
		return
	}
	*p = progress{}
}

// die ends an operation before the answer of its request.
func (s *search) die(w *world, i int) {
	p := &w.operations[i]
	s.trace = append(s.trace, move{int8(i), 'd', p.node, answer{}})
	p.state = late
	if !s.nodes[p.node].request.isWrite() {
		*p = progress{}
	}
}

// land carries out what a dead operation had sent, and reports whether that changes anything.
func (s *search) land(w *world, i int) bool {
	p := &w.operations[i]
	r := p.resolve(s.nodes[p.node].request)
	node := p.node
	*p = progress{}
	a := w.carryOut(r, true)
	if a.code != ok {
		return false
	}
	s.trace = append(s.trace, move{int8(i), 'l', node, a})
	return true
}

// probe returns which name is blocked, "" if none is: whatever is still late may never come.
func (s *search) probe(w *world) string {
	s.key = w.encodeStored(s.key[:0])
	what, known := s.probed[string(s.key)]
	if known {
		return what
	}
	key := string(s.key)
	for o := range 2 { // create as x, create as Y
		if what = s.probeName(*w, o); what != "" {
			break
		}
	}
	s.probed[key] = what
	return what
}

func (s *search) probeName(w world, o int) string {
	w.operations = [maxOperations]progress{{state: waiting, node: s.root(root{o, probeUser, 0})}}
	for p := &w.operations[0]; ; {
		r := s.nodes[p.node].request
		if r.verb != end {
			s.advance(p, w.carryOut(p.resolve(r), false))
			continue
		}
		name := []spelling{upperX, upperY}[o]
		switch holder := w.users[r.id]; {
		case r.outcome != created, !holder.live(), !sameName(holder.userName, name), w.claims[name.index()].holder != r.id:
			return fmt.Sprintf("all have ended, and a create as %s is answered: %s %s", name, r.outcome, r.id)
		}
		return w.violation(true)
	}
}

// resolve replaces the labels in a request by versions of the world.
func (p *progress) resolve(r request) request {
	if r.version != 0 {
		r.version = p.versions[r.version-1]
	}
	if r.uid != 0 {
		r.uid = p.versions[r.uid-1]
	}
	return r
}

// label returns the number by which an operation knows a version.
func (p *progress) label(version uint8) uint8 {
	if version == 0 {
		return 0
	}
	for i, v := range p.versions[:p.labels] {
		if v == version {
			return uint8(i + 1)
		}
	}
	p.versions[p.labels] = version
	p.labels++
	return p.labels
}

// advance tells an operation the answer of its request.
func (s *search) advance(p *progress, a answer) {
	userVersion := p.label(a.user.version)
	a.user = a.user.bare()
	a.user.version = userVersion
	a.claim.running = 0
	a.claim.version, a.claim.uid = p.label(a.claim.version), p.label(a.claim.uid)
	for _, e := range s.nodes[p.node].next {
		if e.answer == a {
			p.node = e.node
			return
		}
	}
	n := s.add(node{root: s.nodes[p.node].root, parent: p.node, answer: a})
	s.nodes[p.node].next = append(s.nodes[p.node].next, edge{a, n})
	p.node = n
}

func (s *search) root(r root) int32 {
	n, known := s.roots[r]
	if !known {
		n = s.add(node{root: r, parent: -1})
		s.roots[r] = n
	}
	return n
}

// add runs the operation of a new node through its history.
func (s *search) add(n node) int32 {
	number := int32(len(s.nodes))
	s.nodes = append(s.nodes, n)
	history := []int32{number}
	for at := n.parent; at >= 0; at = s.nodes[at].parent {
		history = append(history, at)
	}
	c := newCaller(s, nil)
	next, stop := iter.Pull(c.requests(n.root))
	defer stop()
	for i := len(history) - 1; i >= 0; i-- {
		node := &s.nodes[history[i]]
		c.answer = node.answer
		r, _ := next()
		if i == 0 {
			node.request = r
		} else if r != node.request {
			panic(fmt.Sprintf("%s: the same answers led to %s and to %s", operations[n.root.operation].name, node.request, r))
		}
	}
	return number
}

// requests returns the requests of an operation, up to its end.
func (c *caller) requests(r root) iter.Seq[request] {
	return func(yield func(request) bool) {
		defer func() {
			if e := recover(); e != nil && e != any(stopped{}) {
				panic(e)
			}
		}()
		c.yield = yield
		outcome, id := operations[r.operation].run(c, r.id)
		yield(request{verb: end, outcome: outcome, id: id})
	}
}

// encode returns what decides how a world can go on. A version matters if it is that of something stored.
func (s *search) encode(key []byte, w *world) []byte {
	key = w.encodeStored(key)
	var current [256]uint8
	for i, c := range w.claims {
		current[c.version], current[c.uid] = uint8(2*i+1), uint8(2*i+2)
	}
	for id, u := range w.users {
		current[u.version] = uint8(2*numNames + 1 + id)
	}
	current[0] = 0
	set := w.running()
	for _, c := range w.claims {
		key = append(key, c.running&set)
	}
	for i := range s.mix {
		p := &w.operations[i]
		if p.state == late {
			if r := s.nodes[p.node].request; r.version != 0 && current[p.versions[r.version-1]] == 0 {
				*p = progress{} // its precondition can never be met again
			}
		}
		key = append(key, byte(p.state))
		if p.state == ended {
			continue
		}
		key = append(key, byte(p.node), byte(p.node>>8), byte(p.node>>16))
		for _, v := range p.versions[:p.labels] {
			key = append(key, current[v])
		}
	}
	return key
}

// encodeStored returns what is stored, without versions.
func (w *world) encodeStored(key []byte) []byte {
	for _, u := range w.users[userA:] {
		flags := byte(0)
		for i, set := range []bool{u.manual, u.deprovisioned, u.deleting, u.guarded, u.bound, u.unclaimed} {
			if set {
				flags |= 1 << i
			}
		}
		key = append(key, byte(u.userName)<<4|byte(u.claimedName), byte(u.acknowledged), flags)
	}
	for _, c := range w.claims {
		key = append(key, byte(c.holder))
	}
	return key
}

// explain returns the interleaving that led to where the search is.
func (s *search) explain() (lines []string) {
	for _, m := range s.trace {
		operation := fmt.Sprintf("%d (%s)", m.operation+1, operations[s.mix[m.operation]].name)
		r := s.nodes[m.node].request
		switch m.kind {
		case 's':
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", operation, r, m.answer))
		case 'd':
			lines = append(lines, fmt.Sprintf("%s dies before: %s", operation, r))
		case 'l':
			lines = append(lines, fmt.Sprintf("%s, which is dead: %s is carried out late", operation, r))
		}
	}
	return lines
}
