package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

const (
	// roundTime is how long clients use one set of names and groups. It bounds the length of a history, so that it can
	// be checked however long the run is.
	roundTime = 8 * time.Second
	// refusedPause is how long a client waits after a refused connection, and switchedOffPause after a 403, which says
	// that synchronization is off.
	refusedPause     = 20 * time.Millisecond
	switchedOffPause = 100 * time.Millisecond
	// unavailablePause is how long a client waits after a 503, at most. Providers wait for Retry-After. Each write that is
	// answered 503 is of unknown outcome, and a history with many of them cannot be decided.
	unavailablePause = 2 * time.Second
	// claimInterval is between two looks at whether a Manual user holds its name.
	claimInterval = 100 * time.Millisecond
	// recent is how many ids of a set of names a client may ask about.
	recent = 12
)

// Workload is the requests of many clients, from a seed.
type Workload struct {
	Replicas *Replicas
	History  *History
	Clients  int
	Seed     uint64
	// Sightings say who has access.
	Sightings *Sightings

	// NamespacesCreated is how many namespaces came, of those that come and go.
	NamespacesCreated int

	rounds  []*round
	pool    []string // users that fill large groups; they do not change
	current atomic.Pointer[round]

	mu         sync.Mutex
	partitions map[string]string // by userName or displayName
}

// round is one set of names and groups.
type round struct {
	users     []*nameSet // users that compete for a few names
	groups    *nameSet   // groups that compete for a few names
	teams     []*team
	permanent *nameSet // the users that are members of teams; they are never deleted
}

// nameSet is a few names, and the ids of objects that have or had them.
type nameSet struct {
	partition   string
	group       bool
	names       []string
	externalIDs []string
	pool        []string // of groups: their members, all of them or none
	manual      holders  // users that were made by hand before the first request

	mu  sync.Mutex
	ids []Seen // as last seen
}

// team is a group whose members change.
type team struct {
	partition string
	id, name  string
	members   []string // the users that may be in it and are never deleted
	guests    *nameSet // users that may be in it too, and may be deleted
	pool      []string // users that are added and removed together, if it is a large group
}

// learn remembers resources as they were seen.
func (n *nameSet) learn(seen ...Seen) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range seen {
		n.ids = slices.DeleteFunc(n.ids, func(old Seen) bool { return old.ID == s.ID })
		n.ids = append(n.ids, s)
		n.ids = n.ids[max(0, len(n.ids)-recent):]
	}
}

// known returns one of the resources that were seen.
func (n *nameSet) known(random *rand.Rand) (Seen, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.ids) == 0 {
		return Seen{}, false
	}
	return pick(random, n.ids), true
}

// all returns every resource that was seen and is remembered.
func (n *nameSet) all() []Seen {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ids)
}

func pick[T any](random *rand.Rand, all []T) T { return all[random.IntN(len(all))] }

// Prepare creates what all rounds need.
func (w *Workload) Prepare(ctx context.Context) error {
	w.partitions = map[string]string{}
	err := w.Replicas.configure(ctx, func(d *v1alpha1.CloudSSODirectory) { d.Spec.ExistingUsers = v1alpha1.ExistingUsersAdopt })
	if err != nil {
		return err
	}
	if w.pool, err = w.Replicas.createPool(ctx); err != nil {
		return err
	}
	if err := w.Replicas.createTargets(ctx); err != nil {
		return err
	}
	return w.Replicas.createCanaries(ctx, w.pool)
}

// Run sends requests until ctx ends.
func (w *Workload) Run(ctx context.Context) error {
	first, err := w.newRound(ctx)
	if err != nil {
		return err
	}
	w.current.Store(first)
	var clients sync.WaitGroup
	failures, stopped := make([]error, w.Clients+1), error(nil)
	for i := range w.Clients {
		clients.Go(func() { failures[i] = w.client(ctx, i+1) })
	}
	clients.Go(func() { failures[w.Clients] = w.changeNamespaces(ctx) })
	for ticker := time.NewTicker(roundTime); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			next, err := w.newRound(ctx)
			if err == nil {
				w.current.Store(next)
			} else if ctx.Err() == nil {
				stopped = errors.Join(stopped, err)
			}
		}
	}
	clients.Wait()
	return errors.Join(stopped, errors.Join(failures...))
}

func (w *Workload) client(ctx context.Context, number int) error {
	c, err := NewClient(number, w.Replicas, w.History)
	if err != nil {
		return err
	}
	player := &player{Client: c, random: rand.New(rand.NewPCG(w.Seed, uint64(number)))}
	for ctx.Err() == nil {
		player.turn(context.WithoutCancel(ctx), w.current.Load())
	}
	return nil
}

// newRound makes up names, and creates groups, their members and assignments.
func (w *Workload) newRound(ctx context.Context) (*round, error) {
	n := len(w.rounds)
	r := &round{
		users: []*nameSet{newNameSet(n, "ada", 3, 3), newNameSet(n, "bob", 2, 2)},
		groups: &nameSet{
			partition: fmt.Sprintf("round %d groups", n), group: true,
			names: []string{fmt.Sprintf("red group %d", n), fmt.Sprintf("blue group %d", n)}, pool: w.pool,
		},
		permanent: newNameSet(n, "team", 5, 0),
	}
	w.rounds = append(w.rounds, r) // at once, because the objects of an unfinished round are checked too
	c, err := NewClient(0, w.Replicas, w.History)
	if err != nil {
		return nil, err
	}
	player := &player{Client: c, random: rand.New(rand.NewPCG(w.Seed, uint64(1000+n)))}
	for _, s := range append(slices.Clone(r.users), r.groups) {
		for _, name := range s.names {
			w.register(name, s.partition)
		}
		if err := w.createByHand(ctx, s); err != nil {
			return nil, err
		}
	}
	for i, name := range r.permanent.names {
		o := Op{Partition: r.permanent.partition, Kind: Create, Name: name, ExternalID: fmt.Sprintf("team-%d-%d", n, i)}
		if _, _, err := w.createSurely(ctx, player, o, r.permanent); err != nil {
			return nil, err
		}
	}
	if err := w.createTeams(ctx, player, r, n); err != nil {
		return nil, err
	}
	return r, w.assign(ctx, r, n)
}

// largeTeam is the team that the pool is in.
const largeTeam = "large"

func (w *Workload) createTeams(ctx context.Context, player *player, r *round, n int) (err error) {
	for _, name := range []string{"readers", "writers", largeTeam} {
		t := &team{partition: fmt.Sprintf("round %d team %s", n, name), guests: r.users[0]}
		for _, s := range r.permanent.ids {
			t.members = append(t.members, s.ID)
		}
		o := Op{Partition: t.partition, Group: true, Kind: Create, Name: fmt.Sprintf("%s %d", name, n), Members: t.members[:2]}
		if t.id, t.name, err = w.createSurely(ctx, player, o, nil); err != nil {
			return err
		}
		if name == largeTeam {
			t.pool = w.pool
			if err := player.addPool(ctx, t); err != nil {
				return err
			}
		}
		r.teams = append(r.teams, t)
	}
	return nil
}

// register remembers which partition a name belongs to.
func (w *Workload) register(name, partition string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partitions[name] = partition
}

// partitionOf returns the partition that a userName or displayName belongs to, or "".
func (w *Workload) partitionOf(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.partitions[fold.Name(name)]
}

func newNameSet(round int, name string, names, externalIDs int) *nameSet {
	s := &nameSet{partition: fmt.Sprintf("round %d %s", round, name)}
	for i := range names {
		s.names = append(s.names, fmt.Sprintf("%s%d.r%d@example.com", name, i, round))
	}
	for i := range externalIDs {
		s.externalIDs = append(s.externalIDs, fmt.Sprintf("%s-%d-%d", name, round, i))
	}
	return s
}

// createByHand creates Manual users of some of the names, to be adopted, and waits until the controller has acquired
// their names. Until then a request may take such a name.
func (w *Workload) createByHand(ctx context.Context, s *nameSet) error {
	if s.group {
		return nil
	}
	for _, name := range s.names[:len(s.names)/2] {
		u := &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.Replicas.Environment.Namespace, Name: manualPrefix + name[:strings.Index(name, "@")]},
			Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: name},
		}
		s.manual = append(s.manual, holder{id: u.Name, name: name, active: true, live: true, manual: true})
		err := surely(ctx, func(ctx context.Context) error {
			return client.IgnoreAlreadyExists(w.Replicas.Environment.Admin.Create(ctx, u.DeepCopy()))
		})
		if err != nil {
			return err
		}
		if err := w.awaitClaimed(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// surely makes a change through the API server, in as many attempts as it takes. An attempt without an answer may have been
// stored, and the next one has to take that for success.
func surely(ctx context.Context, change func(context.Context) error) error {
	for ctx.Err() == nil {
		if change(context.WithoutCancel(ctx)) == nil { // no change ends half-way
			return nil
		}
		pause(ctx, refusedPause)
	}
	return ctx.Err()
}

// awaitClaimed returns when the controller has found a Manual user to hold its userName.
func (w *Workload) awaitClaimed(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	for ctx.Err() == nil {
		current := &v1alpha1.CloudSSOUser{}
		err := w.Replicas.Environment.Admin.Get(ctx, client.ObjectKeyFromObject(u), current)
		if err == nil && current.Status.ClaimedName == current.Spec.UserName {
			return nil
		}
		pause(ctx, claimInterval)
	}
	return ctx.Err()
}

// manualPrefix begins the ids of users that were made by hand.
const manualPrefix = "by-hand-"

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Partitions returns the histories of all rounds, from all requests.
func (w *Workload) Partitions(ops []*Op) (partitions []*Partition) {
	byName := map[string][]*Op{}
	for _, o := range ops {
		byName[o.Partition] = append(byName[o.Partition], o)
	}
	for _, r := range w.rounds {
		for _, s := range r.nameSets() {
			partitions = append(partitions, &Partition{Name: s.partition, Manual: s.manual, Ops: byName[s.partition]})
		}
		for _, t := range r.teams {
			partitions = append(partitions, &Partition{
				Name: t.partition, Team: t.id, Members: slices.Concat(t.members, t.pool), Sliced: t.pool != nil, Ops: byName[t.partition],
			})
		}
	}
	return partitions
}

func (r *round) nameSets() []*nameSet { return append(slices.Clone(r.users), r.groups, r.permanent) }

// player is a client that chooses its requests.
type player struct {
	*Client
	random *rand.Rand
}

// anywhere returns a random replica.
func (p *player) anywhere() int { return p.random.IntN(len(p.to)) }

// send sends a request to a random replica, and learns from the answer.
func (p *player) send(ctx context.Context, o Op, s *nameSet) *Op {
	return p.sendTo(ctx, p.anywhere(), o, s)
}

func (p *player) sendTo(ctx context.Context, slot int, o Op, s *nameSet) *Op {
	sent := p.Send(ctx, slot, o)
	if s != nil {
		s.learn(sent.Seen...)
	}
	p.pauseAfter(ctx, sent)
	return sent
}

// pauseAfter waits as long as an answer asks for.
func (p *player) pauseAfter(ctx context.Context, o *Op) {
	switch {
	case o.Status == http.StatusServiceUnavailable:
		pause(ctx, time.Duration(p.random.Int64N(int64(unavailablePause))))
	case o.Outcome == Unsent:
		pause(ctx, refusedPause)
	case o.Outcome == Forbidden:
		pause(ctx, switchedOffPause)
	}
}

// createSurely creates what a round needs. An attempt that failed may have left a claim, which blocks its name for a
// minute, so each attempt takes another name. What an attempt without an answer has created is found.
func (w *Workload) createSurely(ctx context.Context, p *player, o Op, s *nameSet) (id, name string, err error) {
	whole := context.WithoutCancel(ctx) // no request ends half-way
	first := o.Name
	for attempt := 1; ctx.Err() == nil; attempt++ {
		if attempt > 1 {
			o.Name = fmt.Sprintf("%d-%s", attempt, first)
		}
		w.register(o.Name, o.Partition)
		sent := p.send(whole, o, s)
		if sent.Outcome == Done {
			return sent.Result, o.Name, nil
		}
		found := p.send(whole, Op{Partition: o.Partition, Group: o.Group, Kind: FindName, Name: o.Name}, s)
		if found.Outcome == Done {
			return found.Seen[0].ID, o.Name, nil
		}
	}
	return "", "", ctx.Err()
}

// addPool makes the pool members of a team, in as many attempts as it takes, because a large change converges.
func (p *player) addPool(ctx context.Context, t *team) error {
	for ctx.Err() == nil {
		add := Op{Partition: t.partition, Group: true, Kind: AddMembers, Subject: t.id, Members: t.pool}
		if p.send(context.WithoutCancel(ctx), add, nil).Outcome == Done {
			return nil
		}
	}
	return ctx.Err()
}

// turn sends one request, or a few that belong together.
func (p *player) turn(ctx context.Context, r *round) {
	switch n := p.random.IntN(100); {
	case n < 34:
		p.changeNamed(ctx, r.users[0])
	case n < 54:
		p.changeNamed(ctx, r.users[1])
	case n < 55:
		p.suspend(ctx, pick(p.random, r.users))
	case n < 67:
		p.changeNamed(ctx, r.groups)
	case n < 73:
		p.bulk(ctx, r)
	case n < 76:
		p.toggle(ctx, r.permanent)
	default:
		p.membership(ctx, pick(p.random, r.teams))
	}
}
