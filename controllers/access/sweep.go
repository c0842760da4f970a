package access

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// sweepParallel is how many assignments the sweep looks at in parallel.
	sweepParallel = 8
	// sweepAttempts is how often the sweep tries to take away what has ended before others may be granted anything: another
	// replica may have written the same binding. A binding of which the API server refuses the change each time holds up
	// nothing else (docs/adr/0022-cost-of-a-grant.md).
	sweepAttempts = 3
	// syncInterval is how often the sweep asks whether the indexes have synced, and how often times are looked at: access
	// begins and ends within a second of the time, also if the clock jumps.
	syncInterval = 100 * time.Millisecond
	// setBackTolerance is by how much the clock may be set back without a look at every assignment: times are kept to a second.
	setBackTolerance = time.Second
)

// sweeper is a manager.Runnable. It takes away what has ended while no leader ran, before anything is granted, and then lets
// the assignments be reconciled. After that it has each reconciled when its time comes.
type sweeper struct{ *Reconciler }

// Start implements manager.Runnable.
func (s sweeper) Start(ctx context.Context) error {
	for !s.Bindings.Synced() || !s.Names.Synced() || s.queue.Load() == nil {
		if !pauseFor(ctx, syncInterval) {
			return nil
		}
	}
	left := s.Bindings.Assignments()
	for attempt := 0; len(left) > 0 && attempt < sweepAttempts; attempt++ {
		if attempt > 0 && !pauseFor(ctx, conflictInterval) {
			return nil
		}
		left = s.sweep(ctx, left)
	}
	s.isSwept.Store(true)
	s.enqueue(urgentPriority, left...)
	s.enqueue(laterPriority, s.everyAssignment(ctx)...)
	s.watchTimes(ctx)
	return nil
}

// watchTimes has assignments reconciled when their times come, until ctx ends. If the clock is set back, it has every one
// reconciled: a time that had come, and for which access began or ended, is ahead again.
func (s sweeper) watchTimes(ctx context.Context) {
	for last := s.Now(); pauseFor(ctx, syncInterval); {
		now := s.Now()
		if isSetBack(last, now) {
			ctrl.LoggerFrom(ctx).Info("The clock was set back; the times of all assignments are looked at again.", "from", last, "to", now)
			s.enqueue(urgentPriority, s.everyAssignment(ctx)...)
		}
		s.enqueue(urgentPriority, s.memory.takeDue(now)...)
		last = now
	}
}

// isSetBack reports whether the wall clock was set back between two readings. The monotonic clock, which Sub prefers, never is.
func isSetBack(last, now time.Time) bool { return last.Round(0).Sub(now.Round(0)) > setBackTolerance }

// sweep revokes what assignments grant no more. It returns those of which it could not: their reconciles go before those that
// grant.
func (s sweeper) sweep(ctx context.Context, all []types.NamespacedName) (left []types.NamespacedName) {
	var mu sync.Mutex
	var looks errgroup.Group
	looks.SetLimit(sweepParallel)
	for _, key := range all {
		looks.Go(func() error {
			err := s.revoke(ctx, key)
			if err == nil || ctx.Err() != nil {
				return nil
			}
			ctrl.LoggerFrom(ctx).Error(err, "What an assignment does not grant any more could not be taken away; it is tried again.", "assignment", key.String())
			mu.Lock()
			defer mu.Unlock()
			left = append(left, key)
			return nil
		})
	}
	_ = looks.Wait() // no function returns an error
	return left
}

// revoke takes away what an assignment grants no more, and grants nothing. An error says that it could not take all away.
func (r *Reconciler) revoke(ctx context.Context, key types.NamespacedName) error {
	if isGone, err := r.removeUnknown(ctx, key); isGone || err != nil {
		return err
	}
	a := &v1alpha1.CloudSSOAccessAssignment{}
	if err := r.Get(ctx, key, a); err != nil {
		return client.IgnoreNotFound(err)
	}
	w := r.memory.pending(key)
	unseen, err := r.unindexed(ctx, w)
	if err != nil {
		return err
	}
	s, err := r.assess(ctx, a, unseen)
	if err != nil {
		return err
	}
	list, err := r.newRoster(ctx, a, s.object, s.rule)
	if err != nil {
		return err
	}
	isOvertaken, err := r.takeAway(ctx, a, s, list, &w)
	if isOvertaken {
		return errOvertaken
	}
	return err
}

// everyAssignment returns the assignments of the cache.
func (r *Reconciler) everyAssignment(ctx context.Context) (keys []types.NamespacedName) {
	var all v1alpha1.CloudSSOAccessAssignmentList
	if err := r.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "The assignments could not be listed; each is reconciled when it changes.")
	}
	for i := range all.Items {
		keys = append(keys, client.ObjectKeyFromObject(&all.Items[i]))
	}
	return append(keys, r.Bindings.Assignments()...)
}

// pauseFor waits, and reports whether ctx has not ended by then.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
