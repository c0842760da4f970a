package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// fault breaks something and repairs it. It concerns all replicas, or the one that it is given.
type fault struct {
	name   string
	global bool
	do     func(f *Faults, ctx context.Context, slot int) error
	// leader says that it is given the leader.
	leader bool
}

// deactivator is the client number of the faults that send a request themselves.
const deactivator = 1001

// killedWithin is after what time the leader is killed that a deactivation was sent to another replica: about as long as
// the deactivation takes to be stored, answered, and carried out in the bindings.
const killedWithin = 20 * time.Millisecond

// gracefulStop is the fault that must lose no request.
const gracefulStop = "replica stopped gracefully"

// killedAfterDeactivation ends the names of the faults after which another replica has to take away the access of a user than the one
// that has acknowledged it: the leader, or the next one.
const killedAfterDeactivation = "killed after a deactivation"

// The quick faults leave deletions possible: an API server that has just started refuses them for half a
// minute.
var quickFaults = []fault{
	{"replica killed", false, (*Faults).kill, false},
	{gracefulStop, false, (*Faults).terminate, false},
	{"watches cut", false, (*Faults).cut, false},
	{"etcd paused", true, (*Faults).pauseEtcd, false},
	{"replica cut off silently", false, (*Faults).blackHole, false},
	{"answers of the API server lost", false, (*Faults).mute, false},
	{"synchronization switched off", true, (*Faults).switchOff, false},
	{"leader killed at a deactivation", false, (*Faults).killLeaderAtDeactivation, true},
	{"replica " + killedAfterDeactivation, false, (*Faults).killAcknowledger, false},
	{"leader " + killedAfterDeactivation, false, (*Faults).killAcknowledger, true},
	{"clock of access jumped", false, (*Faults).jumpClock, false},
}

var slowFaults = []fault{
	{"leader killed", true, (*Faults).killLeader, false},
	{"replica refused by the API server", false, (*Faults).refuse, false},
	{"etcd killed", true, (*Faults).killEtcd, false},
	{"API server restarted", true, (*Faults).restartAPIServer, false},
	{"API server restarted three times", true, (*Faults).restartAPIServerThrice, false},
	{"API server killed", true, (*Faults).killAPIServer, false},
}

const (
	// recoveryTimeout is when a run gives up waiting for a replica to recover from a fault.
	recoveryTimeout = 2 * time.Minute
	// servingTimeout is how long after the start of an API server each replica must serve again, if the API server was
	// started restartsTolerated times at most in restartsWindow, that start included.
	servingTimeout    = 10 * time.Second
	restartsTolerated = 3
	restartsWindow    = 2 * time.Minute
	// backOffTimeout is the same after more starts: client-go waits up to half a minute before it lists again.
	backOffTimeout = 30 * time.Second
)

// Faults injects one fault after the other.
type Faults struct {
	Replicas *Replicas
	History  *History
	Random   *rand.Rand
	Clock    Clock
	// Pause is the longest time between two faults.
	Pause time.Duration
	// Log reports each fault as it begins.
	Log func(format string, args ...any)
	// PartitionOf returns the partition that a userName belongs to, or "".
	PartitionOf func(name string) string
	// Client sends the requests that are part of a fault.
	Client *Client
	// Deactivation returns the deactivation of a user who has access. It reports false if there are no users yet.
	Deactivation func(random *rand.Rand) (Op, bool)

	// Disturbances, Counts and Recovery say when faults were injected, how often, and how long replicas took to catch up
	// afterwards, at most.
	Disturbances []Disturbance
	Counts       map[string]int
	Recovery     map[string]time.Duration
	// Offs are the times in which synchronization was switched off.
	Offs []*Off
	// Jumps are the times in which the clock was wrong.
	Jumps []Period
	// Problems are replicas that did not stop as requested, or that served again too late.
	Problems []string

	starts []time.Duration // of the API server
}

// Run injects faults until ctx ends: each of them once in a random order, then random ones. It finishes the last one.
func (f *Faults) Run(ctx context.Context, all []fault) error {
	f.Counts, f.Recovery = map[string]int{}, map[string]time.Duration{}
	if len(all) == 0 {
		<-ctx.Done()
		return nil
	}
	order := f.Random.Perm(len(all))
	for n := 0; ; n++ {
		if !f.idle(ctx, f.Pause/4, f.Pause) {
			return nil
		}
		which := f.Random.IntN(len(all))
		if n < len(order) {
			which = order[n]
		}
		if err := f.inject(context.WithoutCancel(ctx), all[which]); err != nil {
			return err
		}
	}
}

func (f *Faults) inject(ctx context.Context, one fault) error {
	slot := f.Random.IntN(len(f.Replicas.URLs()))
	if one.leader {
		leader, found := f.awaitLeader(ctx)
		if !found {
			f.Log("%s: no replica leads", one.name)
			return nil
		}
		slot = leader
	}
	affected := []int{slot}
	if one.global {
		affected = affected[:0]
		for i := range f.Replicas.URLs() {
			affected = append(affected, i)
		}
	}
	from, starts := f.History.Now(), len(f.starts)
	f.Log("%s %s (replica %d)", clock(from), one.name, slot)
	f.Counts[one.name]++
	if err := one.do(f, ctx, slot); err != nil {
		return fmt.Errorf("%s: %w", one.name, err)
	}
	repaired := f.History.Now()
	if err := f.awaitCaughtUp(ctx, affected, func(i int) {
		f.Disturbances = append(f.Disturbances, Disturbance{i, from, f.History.Now(), one.name})
		if len(f.starts) > starts {
			f.Problems = append(f.Problems, servedLate(i, f.starts, f.History.Now())...)
		}
	}); err != nil {
		return errors.Join(fmt.Errorf("after %q: %w", one.name, err), f.Replicas.Dump(ctx))
	}
	f.Recovery[one.name] = max(f.Recovery[one.name], f.History.Now()-repaired)
	return nil
}

// awaitLeader returns the leader once there is one. An earlier fault may have killed it.
func (f *Faults) awaitLeader(ctx context.Context) (slot int, found bool) {
	ctx, cancel := context.WithTimeout(ctx, leaseDuration+takeover)
	defer cancel()
	for slot, found = f.Replicas.Leader(ctx); !found && ctx.Err() == nil; slot, found = f.Replicas.Leader(ctx) {
		pause(ctx, canaryInterval)
	}
	return slot, found
}

// awaitCaughtUp waits until each of the replicas has caught up with the API server, and calls caughtUp for it.
func (f *Faults) awaitCaughtUp(ctx context.Context, slots []int, caughtUp func(slot int)) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	if err := f.Replicas.changeCanaries(ctx); err != nil {
		return err
	}
	for _, i := range slots {
		if err := f.Replicas.AwaitCaughtUp(ctx, i); err != nil {
			return err
		}
		caughtUp(i)
	}
	return nil
}

// servedLate reports a replica that served too long after the last start of the API server.
func servedLate(slot int, starts []time.Duration, at time.Duration) (problems []string) {
	last, recent := starts[len(starts)-1], 0
	for _, start := range starts {
		if start >= last-restartsWindow {
			recent++
		}
	}
	limit := servingTimeout
	if recent > restartsTolerated {
		limit = backOffTimeout
	}
	if at-last <= limit {
		return nil
	}
	return []string{fmt.Sprintf("replica %d served again %s after the start of the API server at %s, its %d. start in %s; %s are allowed",
		slot, (at - last).Round(time.Millisecond), clock(last), recent, restartsWindow, limit)}
}

// idle waits for a random time, and returns false if ctx ends before.
func (f *Faults) idle(ctx context.Context, least, most time.Duration) bool {
	select {
	case <-time.After(least + time.Duration(f.Random.Int64N(int64(most-least)))):
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *Faults) kill(ctx context.Context, slot int) error {
	f.Replicas.Kill(slot)
	f.idle(ctx, 0, time.Second)
	return f.Replicas.start(ctx, slot)
}

func (f *Faults) terminate(ctx context.Context, slot int) error {
	if err := f.Replicas.Terminate(slot); err != nil {
		f.Problems = append(f.Problems, fmt.Sprintf("replica %d, stopped at %s: %v", slot, clock(f.History.Now()), err))
	}
	return f.Replicas.start(ctx, slot)
}

func (f *Faults) killLeader(ctx context.Context, slot int) error {
	if leader, found := f.Replicas.Leader(ctx); found {
		slot = leader
	}
	f.Replicas.Kill(slot)
	f.idle(ctx, 0, 8*time.Second) // so that its lease expires, or does not
	return f.Replicas.start(ctx, slot)
}

// killLeaderAtDeactivation kills the leader some milliseconds after a deactivation was sent to the next replica, which has to
// take the user's access away by itself.
func (f *Faults) killLeaderAtDeactivation(ctx context.Context, slot int) error {
	var answered sync.WaitGroup
	if deactivation, found := f.Deactivation(f.Random); found {
		answered.Go(func() { f.Client.Send(ctx, (slot+1)%len(f.Replicas.URLs()), deactivation) })
	}
	f.idle(ctx, 0, killedWithin)
	f.Replicas.Kill(slot)
	answered.Wait()
	f.idle(ctx, 0, time.Second)
	return f.Replicas.start(ctx, slot)
}

// killAcknowledger kills a replica at once after it has answered a deactivation.
func (f *Faults) killAcknowledger(ctx context.Context, slot int) error {
	if deactivation, found := f.Deactivation(f.Random); found {
		f.Client.Send(ctx, slot, deactivation)
	}
	return f.kill(ctx, slot)
}

func (f *Faults) cut(ctx context.Context, slot int) error {
	for range 1 + f.Random.IntN(4) {
		f.Replicas.proxies[slot].Cut()
		f.idle(ctx, 0, 500*time.Millisecond)
	}
	return nil
}

func (f *Faults) blackHole(ctx context.Context, slot int) error {
	return f.disturb(ctx, slot, BlackHole, longestHeld)
}

func (f *Faults) mute(ctx context.Context, slot int) error {
	return f.disturb(ctx, slot, Mute, 2*time.Second)
}

func (f *Faults) refuse(ctx context.Context, slot int) error {
	return f.disturb(ctx, slot, Refuse, 4*time.Second)
}

// disturb puts a replica's proxy into a mode for a while. Then the bytes that were held back arrive late, or never.
func (f *Faults) disturb(ctx context.Context, slot int, m Mode, most time.Duration) error {
	p := f.Replicas.proxies[slot]
	p.Set(m)
	f.idle(ctx, most/4, most)
	if f.Random.IntN(2) == 0 {
		p.Cut()
	}
	p.Set(Forward)
	return nil
}

func (f *Faults) pauseEtcd(ctx context.Context, _ int) error {
	if err := f.Replicas.Environment.ControlPlane.PauseEtcd(); err != nil {
		return err
	}
	f.idle(ctx, time.Second, 5*time.Second)
	return f.Replicas.Environment.ControlPlane.ResumeEtcd()
}

func (f *Faults) killEtcd(ctx context.Context, _ int) error {
	if err := f.Replicas.Environment.ControlPlane.KillEtcd(); err != nil {
		return err
	}
	f.idle(ctx, 0, 2*time.Second)
	return f.Replicas.Environment.ControlPlane.StartEtcd()
}

func (f *Faults) restartAPIServer(_ context.Context, _ int) error {
	if err := f.Replicas.Environment.ControlPlane.RestartAPIServer(); err != nil {
		return err
	}
	f.starts = append(f.starts, f.History.Now())
	return nil
}

// restartAPIServerThrice restarts the API server often enough that a back-off of the informers would grow.
func (f *Faults) restartAPIServerThrice(ctx context.Context, slot int) error {
	for i := range restartsTolerated {
		if i > 0 {
			f.idle(ctx, 0, 10*time.Second)
		}
		if err := f.restartAPIServer(ctx, slot); err != nil {
			return err
		}
	}
	return nil
}

func (f *Faults) killAPIServer(ctx context.Context, _ int) error {
	if err := f.Replicas.Environment.ControlPlane.KillAPIServer(); err != nil {
		return err
	}
	f.idle(ctx, 0, 2*time.Second)
	if err := f.Replicas.Environment.ControlPlane.StartAPIServer(); err != nil {
		return err
	}
	f.starts = append(f.starts, f.History.Now())
	return nil
}

// Recover ends all faults, and returns when every replica has caught up with the API server.
func (f *Faults) Recover(ctx context.Context) error {
	err := f.Replicas.turn(ctx, v1alpha1.SynchronizationEnabled)
	all := []int{}
	for i, p := range f.Replicas.proxies {
		p.Set(Forward)
		err = errors.Join(err, f.Replicas.start(ctx, i))
		all = append(all, i)
	}
	return errors.Join(err, f.awaitCaughtUp(ctx, all, func(int) {}))
}

// LostToStops returns the requests that a graceful stop left without an answer. A connection that is refused is not lost,
// because the client tries another replica.
func (f *Faults) LostToStops(ops []*Op) (lost []*Op) {
	for _, d := range f.Disturbances {
		if d.Fault != gracefulStop {
			continue
		}
		for _, o := range ops {
			if o.Process.Slot == d.Slot && d.From <= o.Call && o.Call <= d.To && o.Status == 0 && !strings.Contains(o.Detail, "connection refused") {
				lost = append(lost, o)
			}
		}
	}
	return lost
}
