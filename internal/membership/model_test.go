package membership_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

// store holds the lists of one group, and counts its writes as an API server counts revisions.
type store struct {
	random   *rand.Rand
	revision uint64
	own      []string
	isSliced bool
	slices   map[string][]string
	written  map[string]uint64            // by slice
	addedAt  map[string]map[string]uint64 // by slice, then member
}

func newStore(random *rand.Rand) *store {
	return &store{random: random, slices: map[string][]string{}, written: map[string]uint64{}, addedAt: map[string]map[string]uint64{}}
}

func (s *store) write(slice string, listed []string) uint64 {
	s.revision++
	before := s.addedAt[slice]
	s.addedAt[slice] = map[string]uint64{}
	for _, m := range listed {
		s.addedAt[slice][m] = s.revision
		if at, stays := before[m]; stays {
			s.addedAt[slice][m] = at
		}
	}
	s.slices[slice], s.written[slice] = listed, s.revision
	return s.revision
}

// views returns the slices by name, as an index shows them. ResourceVersion says which write a view is of.
func (s *store) views(d *membership.Delta) []membership.SliceView {
	var views []membership.SliceView
	for _, name := range slices.Sorted(maps.Keys(s.slices)) {
		v := viewsOf(d, 0, slice(name, s.slices[name]...))[0]
		v.Slice.ResourceVersion = fmt.Sprint(s.written[name])
		addedAt := s.addedAt[name]
		v.AddedAt = func(m string) uint64 { return addedAt[m] }
		views = append(views, v)
	}
	return views
}

// store writes one slice of a plan, unless it has been written since: then it returns 0.
func (s *store) store(w membership.SliceWrite) uint64 {
	if w.Current == nil {
		return s.write(fmt.Sprintf("s%06d", s.random.IntN(1_000_000)), names(w.Members))
	}
	if w.Current.ResourceVersion != fmt.Sprint(s.written[w.Current.Name]) {
		return 0
	}
	return s.write(w.Current.Name, names(w.Members))
}

// listed returns how many lists each member is in.
func (s *store) listed() map[string]int {
	count := map[string]int{}
	for _, m := range s.own {
		count[m]++
	}
	for _, listed := range s.slices {
		for _, m := range listed {
			count[m]++
		}
	}
	return count
}

func (s *store) isInSlice(id string) bool {
	for _, listed := range s.slices {
		if slices.Contains(listed, id) {
			return true
		}
	}
	return false
}

// writeOwnList carries out the first step of a request.
func (s *store) writeOwnList(t *testing.T, d *membership.Delta) {
	t.Helper()
	size := 0
	for _, n := range s.listed() {
		size += n
	}
	own, err := d.PlanOwnList(membership.GroupView{
		Members: members(s.own...), IsSliced: s.isSliced, Size: size, IsInSlice: s.isInSlice, MaxSize: unlimited,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.revision++
	s.own, s.isSliced = names(own.Members), own.IsSliced
	d.Record(own.Changed, s.revision)
}

// apply carries out a plan of the slices, of which some writes fail.
func (s *store) apply(d *membership.Delta, p membership.SlicePlan) {
	stored := make([]uint64, len(p.Writes))
	for i, w := range p.Writes {
		if s.random.IntN(4) > 0 {
			stored[i] = s.store(w)
		}
	}
	d.RecordSlices(p, stored)
}

// finish plans and writes until nothing is left to write.
func (s *store) finish(t *testing.T, d *membership.Delta) {
	t.Helper()
	for range 100 {
		p := planSlices(d, members(s.own...), s.views(d))
		if len(p.Writes) == 0 {
			return
		}
		s.apply(d, p)
	}
	t.Fatal("the request has no end")
}

// users are more than two lists hold. Some are hidden.
var users = append(numbered("user", 2*v1alpha1.SliceSize+100), numbered("hidden", 20)...)

func (s *store) someUsers(most int) []string {
	n := s.random.IntN(most)
	all := make([]string, n)
	for i := range all {
		all[i] = users[s.random.IntN(len(users))]
	}
	return all
}

func (s *store) someChanges() []membership.Change {
	changes := make([]membership.Change, 1+s.random.IntN(3))
	for i := range changes {
		most := []int{5, 50, 500}[s.random.IntN(3)]
		switch s.random.IntN(6) {
		case 0:
			changes[i] = replace(s.someUsers(most)...)
		case 1:
			changes[i] = removeMatching(fmt.Sprintf("user-%d", s.random.IntN(10)))
		case 2, 3:
			changes[i] = remove(s.someUsers(most)...)
		default:
			changes[i] = add(s.someUsers(most)...)
		}
	}
	return changes
}

// setAfter returns the members that a set has after changes: the model.
func setAfter(set map[string]bool, changes []membership.Change) map[string]bool {
	after := map[string]bool{}
	maps.Copy(after, set)
	for _, c := range changes {
		switch {
		case c.Op == membership.Replace:
			maps.DeleteFunc(after, func(id string, _ bool) bool { return !isHidden(id) })
		case c.Op == membership.Remove && c.Matches != nil:
			maps.DeleteFunc(after, func(id string, _ bool) bool {
				selected, err := c.Matches(id)
				return err == nil && selected && !isHidden(id)
			})
		case c.Op == membership.Remove:
			for _, id := range c.IDs {
				if !isHidden(id) {
					delete(after, id)
				}
			}
		}
		if c.Op != membership.Remove {
			for _, id := range c.IDs {
				after[id] = true
			}
		}
	}
	return after
}

func (s *store) set() map[string]bool {
	set := map[string]bool{}
	for id := range s.listed() {
		set[id] = true
	}
	return set
}

// copySome adds second copies of some members, as another replica may that adds them at the same time.
func (s *store) copySome() {
	for _, name := range slices.Sorted(maps.Keys(s.slices)) {
		listed := s.slices[name]
		for _, id := range slices.Sorted(maps.Keys(s.set())) {
			if len(listed) < v1alpha1.SliceSize && s.random.IntN(20) == 0 && !slices.Contains(listed, id) {
				listed = append(slices.Clone(listed), id)
			}
		}
		s.write(name, listed)
	}
}

func difference(a, b map[string]bool) string {
	var all []string
	for id := range a {
		if !b[id] {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// Requests one after another, of which some writes fail, on lists that have second copies.
func TestRequestsChangeListsAsTheyChangeASet(t *testing.T) {
	for seed := range uint64(60) {
		s := newStore(rand.New(rand.NewPCG(seed, 1)))
		for range 8 {
			s.copySome()
			before, changes := s.set(), s.someChanges()
			d := delta(changes...)
			s.writeOwnList(t, d)
			if s.isSliced {
				s.finish(t, d)
			}
			got, want := s.set(), setAfter(before, changes)
			if !maps.Equal(got, want) {
				t.Fatalf("seed %d: missing [%s], left over [%s]", seed, difference(want, got), difference(got, want))
			}
			s.checkLists(t, seed, d)
		}
	}
}

// checkLists checks that what a finished request has looked at is in one list, and that no slice is too large.
func (s *store) checkLists(t *testing.T, seed uint64, d *membership.Delta) {
	t.Helper()
	for id, n := range s.listed() {
		if n > 1 && (d.Named[id] || d.MayRemoveUnnamed) {
			t.Fatalf("seed %d: %s is in %d lists", seed, id, n)
		}
	}
	for name, listed := range s.slices {
		if len(listed) > v1alpha1.SliceSize {
			t.Fatalf("seed %d: slice %s lists %d members", seed, name, len(listed))
		}
	}
}

// contested are the users that the requests of a race change.
var contested = numbered("user", 7)

// race is a few requests that change the same users of a sliced group at the same time.
type race struct {
	*testing.T
	*store
	seed    uint64
	changes [][]membership.Change
	deltas  []*membership.Delta
	added   map[string]int // how often each user has become a member
	removed map[string]int // how often each has ceased to be one
}

func newRace(t *testing.T, seed uint64) *race {
	t.Helper()
	r := &race{T: t, store: newStore(rand.New(rand.NewPCG(seed, 2))), seed: seed, added: map[string]int{}, removed: map[string]int{}}
	r.isSliced, r.own = true, append(r.some(contested[:3]), "owned")
	r.write("s1", append(r.some(contested[3:5]), numbered("one", v1alpha1.SliceSize-3)...)) // not all fit
	r.write("s2", append(r.some(contested[5:]), "two"))
	for range 3 {
		change := membership.Change{Op: membership.Op(r.random.IntN(3)), IDs: r.some(contested)}
		r.changes = append(r.changes, []membership.Change{change})
		r.deltas = append(r.deltas, delta(change))
	}
	return r
}

func (r *race) some(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(string) bool { return r.random.IntN(2) == 0 })
}

// count carries out a step of a request, and counts which users it adds or removes.
func (r *race) count(step func()) {
	before := r.set()
	step()
	after := r.set()
	for _, id := range contested {
		switch {
		case after[id] && !before[id]:
			r.added[id]++
		case before[id] && !after[id]:
			r.removed[id]++
		}
	}
}

// run carries out the requests until none has anything left to write. A plan may be made before a write of another
// request, and carried out after it.
func (r *race) run() {
	r.Helper()
	for _, d := range r.deltas {
		r.count(func() { r.writeOwnList(r.T, d) })
	}
	plans, left := make([]*membership.SlicePlan, len(r.deltas)), len(r.deltas)
	for range 1000 {
		switch i := r.random.IntN(len(plans)); {
		case left == 0:
			return
		case r.deltas[i] == nil: // it is done
		case plans[i] != nil:
			r.count(func() { r.apply(r.deltas[i], *plans[i]) })
			plans[i] = nil
		default:
			p := planSlices(r.deltas[i], members(r.own...), r.views(r.deltas[i]))
			if plans[i] = &p; len(p.Writes) == 0 {
				r.deltas[i] = nil
				left--
			}
		}
	}
	r.Fatalf("seed %d: the requests have no end", r.seed)
}

// outcomes returns the members after the requests one after another, in each order.
func (r *race) outcomes() (all []map[string]bool) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		set := r.set()
		for _, i := range order {
			set = setAfter(set, r.changes[i])
		}
		all = append(all, set)
	}
	return all
}

// requests returns how many requests add a user, and how many remove it.
func (r *race) requests(id string) (add, remove int) {
	for _, changes := range r.changes {
		if setAfter(nil, changes)[id] {
			add++
		}
		if !setAfter(map[string]bool{id: true}, changes)[id] {
			remove++
		}
	}
	return add, remove
}

// Requests that interleave end as if, for each member, one had come after another. None adds or removes a member twice:
// it would undo what another was acknowledged for in between.
func TestInterleavedRequestsChangeEachMemberOnce(t *testing.T) {
	for seed := range uint64(400) {
		r := newRace(t, seed)
		outcomes := r.outcomes()
		r.run()
		got := r.set()
		for _, id := range contested {
			if !slices.ContainsFunc(outcomes, func(set map[string]bool) bool { return set[id] == got[id] }) {
				t.Fatalf("seed %d: %s is a member: %t, after no order", seed, id, got[id])
			}
			if add, remove := r.requests(id); r.added[id] > add || r.removed[id] > remove {
				t.Fatalf("seed %d: %s was added %d times by %d requests, and removed %d times by %d",
					seed, id, r.added[id], add, r.removed[id], remove)
			}
			if n := r.listed()[id]; n > 1 {
				t.Fatalf("seed %d: %s is in %d lists", seed, id, n)
			}
		}
	}
}
