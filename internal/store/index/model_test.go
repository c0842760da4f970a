package index

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// model is an index that looks at every object.
type model struct {
	objects map[client.ObjectKey]*group
	addedAt map[client.ObjectKey]map[string]uint64
}

func (m *model) set(g *group, revision uint64) {
	key := client.ObjectKeyFromObject(g)
	before := m.addedAt[key]
	m.objects[key], m.addedAt[key] = g, map[string]uint64{}
	for _, member := range keysOf(g).Members {
		at, listed := before[member]
		if !listed {
			at = revision
		}
		m.addedAt[key][member] = at
	}
}

func (m *model) remove(g *group) {
	delete(m.objects, client.ObjectKeyFromObject(g))
	delete(m.addedAt, client.ObjectKeyFromObject(g))
}

// of returns the ids of the objects of a namespace that a function accepts.
func (m *model) of(namespace string, accepts func(Keys) bool) []string {
	all := []string{}
	for key, g := range m.objects {
		if key.Namespace == namespace && accepts(keysOf(g)) {
			all = append(all, key.Name)
		}
	}
	slices.Sort(all)
	return all
}

// names returns the keys of one kind that the objects of a namespace have, each once.
func (m *model) names(namespace string, key func(Keys) string) []string {
	set := map[string]bool{}
	for k, g := range m.objects {
		if name := key(keysOf(g)); k.Namespace == namespace && name != "" {
			set[name] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (m *model) sharedNames(namespace string) []string {
	count := map[string]int{}
	for key, g := range m.objects {
		if name := keysOf(g).Name; key.Namespace == namespace && name != "" {
			count[name]++
		}
	}
	maps.DeleteFunc(count, func(_ string, n int) bool { return n < 2 })
	return slices.Sorted(maps.Keys(count))
}

// page returns the ids of a page, and the total.
func (m *model) page(namespace string, after *scim.Position, startIndex, count int, without map[string]bool) ([]string, int) {
	var all []*group
	for key, g := range m.objects {
		if key.Namespace == namespace && keysOf(g).Listed && !without[key.Name] {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, CompareAge[*group])
	selected := []string{}
	passed := 0
	for _, g := range all {
		position := scim.Position{Created: g.CreationTimestamp.Time, ID: g.Name}
		if after != nil && (scim.Order{}).Compare(position, *after) <= 0 {
			continue
		}
		if passed++; passed >= startIndex && len(selected) < count {
			selected = append(selected, g.Name)
		}
	}
	return selected, len(all)
}

// trial feeds an index and a model with the same events.
type trial struct {
	*testing.T
	random *rand.Rand
	index  *Index[*group]
	model  model
	listed uint64
	newest uint64
}

var (
	namespaces = []string{"acme", "other"}
	names      = []string{"", "n1", "n2", "n3"}
	userIDs    = []string{"u1", "u2", "u3", "u4"}
)

func newTrial(t *testing.T, random *rand.Rand) *trial {
	tr := &trial{T: t, random: random, model: model{map[client.ObjectKey]*group{}, map[client.ObjectKey]map[string]uint64{}}}
	tr.index = New(keysOf, func(string) uint64 { return tr.listed })
	return tr
}

func (tr *trial) pick(from []string) string { return from[tr.random.IntN(len(from))] }

func (tr *trial) someGroup() *group {
	tr.newest++
	g := newGroup(fmt.Sprintf("g%d", tr.random.IntN(12)), int(tr.newest),
		inNamespace(tr.pick(namespaces)), named(tr.pick(names)), identified(tr.pick(names)), createdAt(int64(tr.random.IntN(4))))
	for _, u := range userIDs {
		if tr.random.IntN(3) == 0 {
			listing(u)(g)
		}
	}
	tr.random.Shuffle(len(g.Spec.Members), func(i, j int) {
		g.Spec.Members[i], g.Spec.Members[j] = g.Spec.Members[j], g.Spec.Members[i]
	})
	switch tr.random.IntN(5) {
	case 0:
		hidden(g)
	case 1:
		former(g)
	}
	return g
}

// event changes, creates or deletes one object.
func (tr *trial) event() {
	g := tr.someGroup()
	switch tr.random.IntN(6) {
	case 0:
		tr.index.OnDelete(g)
		tr.model.remove(g)
	case 1:
		tr.index.OnDelete(cache.DeletedFinalStateUnknown{Obj: g})
		tr.model.remove(g)
	case 2: // the informer lists again, and what it lists is not newer than the list
		tr.listed = tr.newest
		tr.index.OnUpdate(nil, g)
		tr.model.set(g, 0)
	default:
		tr.index.OnUpdate(nil, g)
		tr.model.set(g, tr.newest)
	}
}

func (tr *trial) check(what string, got, want []string) {
	tr.Helper()
	if slices.Sort(got); !slices.Equal(got, want) {
		tr.Fatalf("at revision %d, %s: %q, want %q", tr.newest, what, got, want)
	}
}

func (tr *trial) checkKeys() {
	for _, namespace := range namespaces {
		for _, name := range names[1:] {
			tr.check("named "+name, ids(tr.index.Named(namespace, name)), tr.model.of(namespace, func(k Keys) bool { return k.Name == name }))
			tr.check("formerly named "+name, ids(tr.index.FormerlyNamed(namespace, name)), tr.model.of(namespace, func(k Keys) bool { return k.FormerName == name }))
			tr.check("identified by "+name, ids(tr.index.Identified(namespace, name)), tr.model.of(namespace, func(k Keys) bool { return k.ExternalID == name }))
		}
		for _, u := range userIDs {
			tr.check("listing "+u, tr.index.Listing(namespace, u), tr.model.of(namespace, func(k Keys) bool { return slices.Contains(k.Members, u) }))
		}
		shared := tr.model.sharedNames(namespace)
		tr.check("names", tr.index.Names(namespace), tr.model.names(namespace, func(k Keys) string { return k.Name }))
		tr.check("former names", tr.index.FormerNames(namespace), tr.model.names(namespace, func(k Keys) string { return k.FormerName }))
		tr.check("shared names", tr.index.SharedNames(namespace), shared)
	}
	if got := len(tr.index.all()); got != len(tr.model.objects) {
		tr.Fatalf("at revision %d: %d objects, want %d", tr.newest, got, len(tr.model.objects))
	}
	for key, g := range tr.model.objects {
		e := tr.index.Get(key.Namespace, key.Name)
		if e == nil || e.Object != g {
			tr.Fatalf("at revision %d: %s is %v", tr.newest, key, e)
		}
		for member, at := range tr.model.addedAt[key] {
			if e.AddedAt(member) != at {
				tr.Fatalf("at revision %d: %s lists %s since %d, want %d", tr.newest, key, member, e.AddedAt(member), at)
			}
		}
	}
}

func (tr *trial) checkPage() {
	namespace, startIndex, count := tr.pick(namespaces), tr.random.IntN(6), tr.random.IntN(6)
	var after *scim.Position
	if tr.random.IntN(2) == 0 {
		after = &scim.Position{Created: atSecond(int64(tr.random.IntN(4))), ID: fmt.Sprintf("g%d", tr.random.IntN(12))}
	}
	without := map[string]bool{}
	for range tr.random.IntN(3) {
		without[fmt.Sprintf("g%d", tr.random.IntN(12))] = true
	}
	objects, total := tr.index.Page(namespace, after, startIndex, count, without)
	want, wantTotal := tr.model.page(namespace, after, startIndex, count, without)
	if got := page(objects, total); !slices.Equal(got, want) || total != wantTotal {
		tr.Fatalf("at revision %d: page after %v from %d without %v: %q of %d, want %q of %d",
			tr.newest, after, startIndex, without, got, total, want, wantTotal)
	}
}

func TestIndexAnswersAsALookAtEveryObject(t *testing.T) {
	for seed := range uint64(20) {
		tr := newTrial(t, rand.New(rand.NewPCG(seed, 3)))
		for range 150 {
			tr.event()
			tr.checkKeys()
			tr.checkPage()
		}
	}
}

// Readers, an informer and requests that wait run at the same time: with the race detector this shows what the lock does
// not cover.
func TestIndexIsSafeForConcurrentUse(t *testing.T) {
	const events = 3000
	x := newIndex(0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var readers, waiters sync.WaitGroup
	for i := range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				checkSnapshot(t, x, fmt.Sprintf("u%d", i))
			}
		})
		waiters.Go(func() {
			for revision := uint64(1); revision <= events; revision += 50 {
				if err := x.WaitForRevision(ctx, "acme", revision); err != nil {
					t.Error(err)
				}
			}
			if err := x.WaitForEntry(ctx, key("last"), exists); err != nil {
				t.Error(err)
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 4))
	for revision := 1; revision < events; revision++ {
		second := int64(random.IntN(100))
		g := newGroup(fmt.Sprintf("g%d", random.IntN(300)), revision, named("n"), createdAt(second), listing("u0", "u1"))
		if random.IntN(5) == 0 {
			x.OnDelete(g)
		} else {
			x.OnUpdate(nil, g)
		}
	}
	x.addAll(newGroup("last", events))
	waiters.Wait()
	cancel()
	readers.Wait()
}

// checkSnapshot reads the index in every way. What it checks holds at any moment.
func checkSnapshot(t *testing.T, x *Index[*group], user string) {
	entries, lists := x.NamedAndListing("acme", "n", map[string]bool{user: true})
	for _, e := range entries {
		if !lists[e.Object.Name] || e.AddedAt(user) == 0 {
			t.Errorf("%s is not in the list of %s, added at %d", user, e.Object.Name, e.AddedAt(user))
		}
	}
	objects, total := x.Page("acme", nil, 1, 1000, nil)
	if len(objects) != total || !slices.IsSortedFunc(objects, CompareAge[*group]) {
		t.Errorf("a page of %d of %d objects, sorted %t", len(objects), total, slices.IsSortedFunc(objects, CompareAge[*group]))
	}
	x.SharedNames("acme")
	x.Listing("acme", user)
	x.Get("acme", "g1")
	x.Names("acme")
	x.FormerNames("acme")
}
