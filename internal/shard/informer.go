package shard

import (
	"errors"
	"fmt"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// informers are those of one kind, as one. Each delivers in the order of the revisions; together they do not.
type informers []cache.Informer

var _ cache.Informer = informers(nil)

// AddEventHandler is part of cache.Informer.
func (i informers) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.add(func(one cache.Informer) (toolscache.ResourceEventHandlerRegistration, error) {
		return one.AddEventHandler(h)
	})
}

// AddEventHandlerWithResyncPeriod is part of cache.Informer.
func (i informers) AddEventHandlerWithResyncPeriod(h toolscache.ResourceEventHandler, period time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.add(func(one cache.Informer) (toolscache.ResourceEventHandlerRegistration, error) {
		return one.AddEventHandlerWithResyncPeriod(h, period)
	})
}

// AddEventHandlerWithOptions is part of cache.Informer.
func (i informers) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.add(func(one cache.Informer) (toolscache.ResourceEventHandlerRegistration, error) {
		return one.AddEventHandlerWithOptions(h, o)
	})
}

func (i informers) add(to func(cache.Informer) (toolscache.ResourceEventHandlerRegistration, error)) (toolscache.ResourceEventHandlerRegistration, error) {
	r := &registrations{}
	for _, one := range i {
		registration, err := to(one)
		if err != nil {
			return nil, errors.Join(err, i.RemoveEventHandler(r))
		}
		r.with, r.all = append(r.with, one), append(r.all, registration)
	}
	return r, nil
}

// RemoveEventHandler is part of cache.Informer.
func (i informers) RemoveEventHandler(handle toolscache.ResourceEventHandlerRegistration) error {
	r, ok := handle.(*registrations)
	if !ok {
		return fmt.Errorf("%T is not a registration of these informers", handle)
	}
	var failures []error
	for n, one := range r.all {
		failures = append(failures, r.with[n].RemoveEventHandler(one))
	}
	return errors.Join(failures...)
}

// AddIndexers is part of cache.Informer.
func (i informers) AddIndexers(indexers toolscache.Indexers) error {
	for _, one := range i {
		if err := one.AddIndexers(indexers); err != nil {
			return err
		}
	}
	return nil
}

// HasSynced is part of cache.Informer.
func (i informers) HasSynced() bool { return allOf(i, cache.Informer.HasSynced) }

// HasSyncedChecker is part of cache.Informer.
func (i informers) HasSyncedChecker() toolscache.DoneChecker {
	return checkers(each(i, cache.Informer.HasSyncedChecker))
}

// IsStopped is part of cache.Informer.
func (i informers) IsStopped() bool { return allOf(i, cache.Informer.IsStopped) }

// registrations are of one handler with several informers.
type registrations struct {
	with informers
	all  []toolscache.ResourceEventHandlerRegistration
}

// HasSynced is part of toolscache.ResourceEventHandlerRegistration.
func (r *registrations) HasSynced() bool {
	return allOf(r.all, toolscache.ResourceEventHandlerRegistration.HasSynced)
}

// HasSyncedChecker is part of toolscache.ResourceEventHandlerRegistration.
func (r *registrations) HasSyncedChecker() toolscache.DoneChecker {
	return checkers(each(r.all, toolscache.ResourceEventHandlerRegistration.HasSyncedChecker))
}

// checkers are done when all are.
type checkers []toolscache.DoneChecker

// Name is part of toolscache.DoneChecker.
func (c checkers) Name() string { return fmt.Sprintf("%s, in %d namespaces", c[0].Name(), len(c)) }

// Done is part of toolscache.DoneChecker.
func (c checkers) Done() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		for _, one := range c {
			<-one.Done()
		}
		close(done)
	}()
	return done
}

func allOf[T any](all []T, is func(T) bool) bool {
	for _, one := range all {
		if !is(one) {
			return false
		}
	}
	return true
}

func each[T, R any](all []T, of func(T) R) (results []R) {
	for _, one := range all {
		results = append(results, of(one))
	}
	return results
}
