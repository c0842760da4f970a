package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// roundTime is how long one set of names and groups is hot. Histories of a bounded length can be
	// checked however long the run is.
	roundTime = 8 * time.Second
	// refusedPause is how long a client waits that was refused a connection, and switchedOffPause one that is
	// told that synchronization is off.
	refusedPause     = 20 * time.Millisecond
	switchedOffPause = 100 * time.Millisecond
	// recent is how many ids of a cluster are remembered to be asked about.
	recent = 12
)

// Workload is what many clients do, from a seed.
type Workload struct {
	Replicas *Replicas
	History  *History
	Clients  int
	Seed     uint64

	rounds  []*round
	crowd   []string // users whom no group has room for in one object; they never change
	current atomic.Pointer[round]
}

// round is one set of hot names and groups.
type round struct {
	people   []*cluster // users who meet in a few names
	circles  *cluster   // groups that meet in a few names
	teams    []*team
	standing *cluster // the users who are members of teams; they are never deleted
}

// cluster is a few names, and the ids that have or had them.
type cluster struct {
	name        string
	group       bool
	names       []string
	externalIDs []string
	crowd       []string // who are members of a group at times, all of them
	manual      names    // who were made by hand before

	mu  sync.Mutex
	ids []Seen // as last seen
}

// team is a group whose members change.
type team struct {
	partition string
	id, name  string
	members   []string // who may be in it; they are never deleted
	guests    *cluster // users who may be in it too, and may be deleted
	crowd     []string // who join and leave together, if it is a large group
}

// learn remembers a resource as it was seen.
func (c *cluster) learn(seen ...Seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range seen {
		c.ids = slices.DeleteFunc(c.ids, func(old Seen) bool { return old.ID == s.ID })
		c.ids = append(c.ids, s)
		c.ids = c.ids[max(0, len(c.ids)-recent):]
	}
}

func (c *cluster) known(random *rand.Rand) (Seen, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ids) == 0 {
		return Seen{}, false
	}
	return pick(random, c.ids), true
}

func pick[T any](random *rand.Rand, all []T) T { return all[random.IntN(len(all))] }

// Prepare makes what all rounds need.
func (w *Workload) Prepare(ctx context.Context) error {
	err := w.Replicas.configure(ctx, func(d *v1alpha1.CloudSSODirectory) { d.Spec.ExistingUsers = v1alpha1.ExistingUsersAdopt })
	if err != nil {
		return err
	}
	return w.newCrowd(ctx)
}

// Run carries the workload out until ctx ends.
func (w *Workload) Run(ctx context.Context) error {
	first, err := w.newRound(ctx)
	if err != nil {
		return err
	}
	w.current.Store(first)
	var clients sync.WaitGroup
	failures, stopped := make([]error, w.Clients), error(nil)
	for i := range w.Clients {
		clients.Go(func() { failures[i] = w.client(ctx, i+1) })
	}
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

// newRound makes the names up, and the groups and their members for real.
func (w *Workload) newRound(ctx context.Context) (*round, error) {
	n := len(w.rounds)
	r := &round{
		people: []*cluster{newCluster(n, "ada", 3, 3), newCluster(n, "bob", 2, 2)},
		circles: &cluster{
			name: fmt.Sprintf("round %d circles", n), group: true,
			names: []string{fmt.Sprintf("red circle %d", n), fmt.Sprintf("blue circle %d", n)}, crowd: w.crowd,
		},
		standing: newCluster(n, "team", 5, 0),
	}
	w.rounds = append(w.rounds, r) // at once: what an unfinished round leaves is checked too
	c, err := NewClient(0, w.Replicas, w.History)
	if err != nil {
		return nil, err
	}
	player := &player{Client: c, random: rand.New(rand.NewPCG(w.Seed, uint64(1000+n)))}
	for _, people := range r.people {
		if err := w.byHand(ctx, people); err != nil {
			return nil, err
		}
	}
	for i, name := range r.standing.names {
		if _, err := player.insist(ctx, Op{Partition: r.standing.name, Kind: Create, Name: name, ExternalID: fmt.Sprintf("team-%d-%d", n, i)}, r.standing); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"readers", "writers", everybody} {
		t := &team{partition: fmt.Sprintf("round %d team %s", n, name), name: fmt.Sprintf("%s %d", name, n), guests: r.people[0]}
		for _, s := range r.standing.ids {
			t.members = append(t.members, s.ID)
		}
		if t.id, err = player.insist(ctx, Op{Partition: t.partition, Group: true, Kind: Create, Name: t.name, Members: t.members[:2]}, nil); err != nil {
			return nil, err
		}
		if name == everybody {
			t.crowd = w.crowd
			if err := player.enlist(ctx, t); err != nil {
				return nil, err
			}
		}
		r.teams = append(r.teams, t)
	}
	return r, nil
}

// everybody is the team that has a crowd.
const everybody = "everybody"

func newCluster(round int, name string, names, externalIDs int) *cluster {
	c := &cluster{name: fmt.Sprintf("round %d %s", round, name)}
	for i := range names {
		c.names = append(c.names, fmt.Sprintf("%s%d.r%d@example.com", name, i, round))
	}
	for i := range externalIDs {
		c.externalIDs = append(c.externalIDs, fmt.Sprintf("%s-%d-%d", name, round, i))
	}
	return c
}

// byHand makes users of some of the names, who are there to be adopted.
func (w *Workload) byHand(ctx context.Context, c *cluster) error {
	for _, name := range c.names[:len(c.names)/2] {
		u := &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.Replicas.Environment.Namespace, Name: manualMark + name[:strings.Index(name, "@")]},
			Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: name},
		}
		c.manual = append(c.manual, holder{id: u.Name, name: name, active: true, live: true, manual: true})
		err := errors.New("not tried")
		for err != nil && !apierrors.IsAlreadyExists(err) { // an attempt may have been stored
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err = w.Replicas.Environment.Admin.Create(context.WithoutCancel(ctx), u.DeepCopy()); err != nil {
				pause(ctx, refusedPause)
			}
		}
	}
	return nil
}

// manualMark begins the names of users that were made by hand.
const manualMark = "by-hand-"

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Partitions are the histories of all rounds, from all requests.
func (w *Workload) Partitions(ops []*Op) (partitions []*Partition) {
	byName := map[string][]*Op{}
	for _, o := range ops {
		byName[o.Partition] = append(byName[o.Partition], o)
	}
	for _, r := range w.rounds {
		for _, c := range append(slices.Clone(r.people), r.circles, r.standing) {
			partitions = append(partitions, &Partition{Name: c.name, Manual: c.manual, Ops: byName[c.name]})
		}
		for _, t := range r.teams {
			partitions = append(partitions, &Partition{
				Name: t.partition, Members: slices.Concat(t.members, t.crowd), Sliced: t.crowd != nil, Ops: byName[t.partition],
			})
		}
	}
	return partitions
}

// player is one client with a mind of its own.
type player struct {
	*Client
	random *rand.Rand
}

// anywhere is a random replica.
func (p *player) anywhere() int { return p.random.IntN(len(p.to)) }

// send sends a request through a random replica, and learns from the answer.
func (p *player) send(ctx context.Context, o Op, c *cluster) *Op {
	return p.sendTo(ctx, p.anywhere(), o, c)
}

func (p *player) sendTo(ctx context.Context, slot int, o Op, c *cluster) *Op {
	sent := p.Send(ctx, slot, o)
	if c != nil {
		c.learn(sent.Seen...)
	}
	switch sent.Outcome {
	case Unsent:
		pause(ctx, refusedPause)
	case Refused:
		pause(ctx, switchedOffPause)
	}
	return sent
}

// insist creates what a round needs, however often it takes. What an unknown attempt made is found.
func (p *player) insist(ctx context.Context, o Op, c *cluster) (id string, err error) {
	whole := context.WithoutCancel(ctx) // no request is given up half-way
	for ctx.Err() == nil {
		sent := p.send(whole, o, c)
		if sent.Outcome == Done {
			return sent.Result, nil
		}
		found := p.send(whole, Op{Partition: o.Partition, Group: o.Group, Kind: FindName, Name: o.Name}, c)
		if found.Outcome == Done {
			return found.Seen[0].ID, nil
		}
	}
	return "", ctx.Err()
}

// enlist makes a crowd members of their team, however often it takes: a large change converges.
func (p *player) enlist(ctx context.Context, t *team) error {
	for ctx.Err() == nil {
		join := Op{Partition: t.partition, Group: true, Kind: AddMembers, Subject: t.id, Members: t.crowd}
		if p.send(context.WithoutCancel(ctx), join, nil).Outcome == Done {
			return nil
		}
	}
	return ctx.Err()
}

// turn is one thing that a client does.
func (p *player) turn(ctx context.Context, r *round) {
	switch n := p.random.IntN(100); {
	case n < 35:
		p.namesake(ctx, r.people[0])
	case n < 55:
		p.namesake(ctx, r.people[1])
	case n < 67:
		p.namesake(ctx, r.circles)
	case n < 73:
		p.bulk(ctx, r)
	case n < 76:
		p.toggle(ctx, r.standing)
	default:
		p.membership(ctx, pick(p.random, r.teams))
	}
}
