package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// The second attempt follows at once: the first one may have gone by an index that is a moment old. Before the
	// third one firstDelay passes, about what a write takes, which doubles up to maxDelay. Each delay is drawn between
	// nothing and twice that, so that writers that conflict do not meet again.
	firstDelay = 5 * time.Millisecond
	maxDelay   = 500 * time.Millisecond
	// retryAfter is what a client is asked to wait after a 503: long enough for an API server to restart, short against
	// a provider's patience.
	retryAfter = 5 * time.Second
)

// errStale says that an object is no longer what a write was computed from. It never leaves the package.
var errStale = errors.New("the object has changed")

// attempts paces the attempts of one request at one object, which other writers may overtake. They are bounded by the
// request's time, not by their number: many writers of one object all get their turn.
type attempts struct {
	store     *Store
	namespace string
	id        string
	backoff   backoff
}

// backoff spreads the attempts of writers that overtake each other.
type backoff struct {
	failed int // attempts
	delay  time.Duration
}

// wait waits after an attempt that was overtaken, or returns the context's error.
func (b *backoff) wait(ctx context.Context) error {
	if b.failed++; b.failed == 1 {
		return nil
	}
	b.delay = min(max(2*b.delay, firstDelay), maxDelay)
	return sleep(ctx, rand.N(2*b.delay)) //nolint:gosec // G404: spreads writers, guards nothing
}

func (s *Store) newAttempts(namespace, id string) *attempts {
	return &attempts{store: s, namespace: namespace, id: id}
}

// retry calls attempt until it returns another error than errStale, or none.
func (s *Store) retry(ctx context.Context, namespace, id string, attempt func() error) error {
	return repeat(ctx, attempt, s.newAttempts(namespace, id).next)
}

// finish is retry for the rest of a write of which a part is stored. It does not read the switch: that part is not undone
// when the switch is turned off, so a refusal would be untrue.
func (s *Store) finish(ctx context.Context, namespace, id string, attempt func() error) error {
	return repeat(ctx, attempt, s.newAttempts(namespace, id).pause)
}

// repeat calls attempt until it returns another error than errStale, or none, and next before each further attempt. An error of
// next ends it.
func repeat(ctx context.Context, attempt func() error, next func(context.Context) error) error {
	for {
		if err := attempt(); !errors.Is(err, errStale) {
			return err
		}
		if err := next(ctx); err != nil {
			return err
		}
	}
}

// next waits before the next attempt, and reads the switch live: a request that was under way when an administrator
// turned it off must not overwrite what the administrator does then.
func (a *attempts) next(ctx context.Context) error {
	if err := a.pause(ctx); err != nil {
		return err
	}
	return a.store.checkSwitch(ctx, a.namespace)
}

// pause waits before the next attempt.
func (a *attempts) pause(ctx context.Context) error {
	if err := a.backoff.wait(ctx); err != nil {
		return contended(a.namespace, a.id, fmt.Errorf("%d attempts were overtaken by other writers: %w", a.backoff.failed, err))
	}
	a.store.Retry()
	return nil
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
