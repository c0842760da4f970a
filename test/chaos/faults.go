package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// fault breaks something, and mends it. It is about all replicas, or about the one that it is given.
type fault struct {
	name   string
	global bool
	do     func(f *Faults, ctx context.Context, slot int) error
}

// gracefulStop is the fault that must lose no request.
const gracefulStop = "replica stopped gracefully"

// The quick faults leave deletions possible: an API server that has just started refuses them for half a
// minute.
var quickFaults = []fault{
	{"replica killed", false, (*Faults).kill},
	{gracefulStop, false, (*Faults).terminate},
	{"watches cut", false, (*Faults).cut},
	{"etcd paused", true, (*Faults).pauseEtcd},
	{"replica cut off silently", false, (*Faults).blackHole},
	{"answers of the API server lost", false, (*Faults).mute},
	{"synchronization switched off", true, (*Faults).switchOff},
}

var slowFaults = []fault{
	{"leader killed", true, (*Faults).killLeader},
	{"replica refused by the API server", false, (*Faults).refuse},
	{"etcd killed", true, (*Faults).killEtcd},
	{"API server restarted", true, (*Faults).restartAPIServer},
	{"API server killed", true, (*Faults).killAPIServer},
}

// recoveryTimeout is how long a replica may take to answer with certainty again after a fault is over.
const recoveryTimeout = 2 * time.Minute

// Faults injects one fault after the other.
type Faults struct {
	Replicas *Replicas
	History  *History
	Random   *rand.Rand
	// Pause is the longest time between two faults.
	Pause time.Duration
	// Log is told of each fault as it begins.
	Log func(format string, args ...any)

	// Windows, Counts and Recovery say what was done: when, how often, and how long replicas took to answer
	// with certainty again, at most.
	Windows  []Window
	Counts   map[string]int
	Recovery map[string]time.Duration
	// Offs are when synchronization was switched off.
	Offs []*Off
	// Problems are replicas that did not end as they were asked to.
	Problems []string
}

// Run injects faults until ctx ends: all of them once in a random order, then any. The one that is under
// way is finished.
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
	affected := []int{slot}
	if one.global {
		affected = affected[:0]
		for i := range f.Replicas.URLs() {
			affected = append(affected, i)
		}
	}
	from := f.History.Now()
	f.Log("%s %s (replica %d)", clock(from), one.name, slot)
	f.Counts[one.name]++
	if err := one.do(f, ctx, slot); err != nil {
		return fmt.Errorf("%s: %w", one.name, err)
	}
	mended := f.History.Now()
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	for _, i := range affected {
		if err := f.Replicas.AwaitFence(ctx, i); err != nil {
			return errors.Join(fmt.Errorf("after %q: %w", one.name, err), f.Replicas.Dump(context.WithoutCancel(ctx)))
		}
		f.Windows = append(f.Windows, Window{i, from, f.History.Now(), one.name})
	}
	f.Recovery[one.name] = max(f.Recovery[one.name], f.History.Now()-mended)
	return nil
}

// idle waits for a random time, or until ctx ends, which it reports.
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
		f.Problems = append(f.Problems, fmt.Sprintf("replica %d, asked to end at %s: %v", slot, clock(f.History.Now()), err))
	}
	return f.Replicas.start(ctx, slot)
}

func (f *Faults) killLeader(ctx context.Context, slot int) error {
	if leader, found := f.Replicas.Leader(ctx); found {
		slot = leader
	}
	f.Replicas.Kill(slot)
	f.idle(ctx, 0, 8*time.Second) // its lease runs out meanwhile, or does not
	return f.Replicas.start(ctx, slot)
}

func (f *Faults) cut(ctx context.Context, slot int) error {
	for range 1 + f.Random.IntN(4) {
		f.Replicas.proxies[slot].Cut()
		f.idle(ctx, 0, 500*time.Millisecond)
	}
	return nil
}

func (f *Faults) blackHole(ctx context.Context, slot int) error {
	return f.disturb(ctx, slot, BlackHole, 6*time.Second)
}

func (f *Faults) mute(ctx context.Context, slot int) error {
	return f.disturb(ctx, slot, Mute, 2*time.Second)
}

func (f *Faults) refuse(ctx context.Context, slot int) error {
	return f.disturb(ctx, slot, Refuse, 4*time.Second)
}

// disturb puts a replica's proxy into a mode for a while. Then what was held back arrives late, or never.
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
	return f.Replicas.Environment.ControlPlane.RestartAPIServer()
}

func (f *Faults) killAPIServer(ctx context.Context, _ int) error {
	if err := f.Replicas.Environment.ControlPlane.KillAPIServer(); err != nil {
		return err
	}
	f.idle(ctx, 0, 2*time.Second)
	return f.Replicas.Environment.ControlPlane.StartAPIServer()
}

// Mend ends what may still be going on, and returns when every replica answers with certainty.
func (f *Faults) Mend(ctx context.Context) error {
	err := f.Replicas.turn(ctx, v1alpha1.SynchronizationEnabled)
	for i, p := range f.Replicas.proxies {
		p.Set(Forward)
		err = errors.Join(err, f.Replicas.start(ctx, i))
	}
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	for i := range f.Replicas.URLs() {
		err = errors.Join(err, f.Replicas.AwaitFence(ctx, i))
	}
	return err
}

// Troubled reports whether some fault was at work in a time.
func (f *Faults) Troubled(from, to time.Duration) bool {
	for _, w := range f.Windows {
		if w.From <= to && from <= w.To {
			return true
		}
	}
	return false
}

// LostToStops are the requests that a graceful stop left without an answer, with nothing else at work. A
// connection that is refused is not lost: the client tries another replica.
func (f *Faults) LostToStops(ops []*Op) (lost []*Op) {
	for _, w := range f.Windows {
		if w.Fault != gracefulStop {
			continue
		}
		for _, o := range ops {
			if o.Life.Slot == w.Slot && w.From <= o.Call && o.Call <= w.To && o.Status == 0 && !strings.Contains(o.Detail, "connection refused") {
				lost = append(lost, o)
			}
		}
	}
	return lost
}
