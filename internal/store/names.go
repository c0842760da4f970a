package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// Whoever takes a name verifies it: write, wait until the own write is in the own index, and look. Who
// finds another that took the name at an earlier revision, or at an unknown one, has lost and undoes
// the write. A create verifies after it wrote. Whoever has an object already (rename, restore) first
// reserves the new name on it, verifies, and commits on that reservation, so that the old name is held
// until then. See docs/adr/0002-names.md and the search in names_test.go.

// take gives the object a name that it does not hold, in the course of a change.
func (c *collection[T]) take(ctx context.Context, current T, name string, change func(T) error) (T, error) {
	var none T
	if err := c.vacant(ctx, current, name); err != nil {
		return none, err
	}
	reservation := policy.Reservation{Nonce: c.newID(), Time: c.now(), Name: name}.String()
	reserved, err := c.reserve(ctx, current, reservation)
	if err != nil {
		return none, err
	}
	written, err := c.verified(ctx, reserved, name, reservation, change)
	if err != nil {
		return none, errors.Join(err, c.release(ctx, reserved, reservation))
	}
	return written, nil
}

func (c *collection[T]) verified(ctx context.Context, reserved T, name, reservation string, change func(T) error) (T, error) {
	if err := c.verify(ctx, reserved, name); err != nil {
		return reserved, err
	}
	for range maxAttempts {
		next := c.copy(reserved)
		if err := change(next); err != nil {
			return reserved, err
		}
		if reserved.GetAnnotations()[v1alpha1.AnnotationReservation] != reservation || c.describe(next).name != name {
			return reserved, errStale
		}
		annotate(next, v1alpha1.AnnotationReservation, "")
		written, err := c.write(ctx, reserved, next)
		if !errors.Is(err, errStale) {
			return written, err
		}
		if reserved, err = c.read(ctx, reserved.GetNamespace(), reserved.GetName()); err != nil {
			return reserved, err
		}
	}
	return reserved, errStale
}

func (c *collection[T]) reserve(ctx context.Context, current T, reservation string) (T, error) {
	next := c.copy(current)
	annotate(next, v1alpha1.AnnotationReservation, reservation)
	return c.patch(ctx, current, jsonpatch.Patch{}.TestRevision(current).Annotations(current, next))
}

// release takes a reservation back, unless it is gone already.
func (c *collection[T]) release(ctx context.Context, reserved T, reservation string) error {
	current := c.copy(reserved)
	annotate(current, v1alpha1.AnnotationReservation, reservation)
	next := c.copy(current)
	annotate(next, v1alpha1.AnnotationReservation, "")
	_, err := c.patch(ctx, current, jsonpatch.Patch{}.Annotations(current, next))
	if errors.Is(err, errStale) {
		return nil
	}
	return err
}

// verify returns a Conflict when another holds or reserves the name since before o was written. Any other error
// says that it is not known.
func (c *collection[T]) verify(ctx context.Context, o T, name string) error {
	if err := c.index.await(ctx, revisionOf(o)); err != nil {
		c.fence.late(err)
		return scim.Unavailable(retryAfter, fmt.Errorf("waiting to see %s %s/%s: %w", c.resource.Name, o.GetNamespace(), o.GetName(), err))
	}
	if err := c.decide(ctx, o, name, revisionOf(o)); err != nil {
		return err
	}
	return c.contested(o, name, revisionOf(o))
}

// vacant returns a Conflict when another holds or reserves the name, for certain: one that the index shows
// is looked for again behind a fence.
func (c *collection[T]) vacant(ctx context.Context, o T, name string) error {
	if c.contested(o, name, latest) == nil {
		return nil
	}
	if err := c.pass(ctx); err != nil {
		return err
	}
	if err := c.decide(ctx, o, name, latest); err != nil {
		return err
	}
	return c.contested(o, name, latest)
}

// decide waits until of all who have a name it is known whether they stand, or that o does, or that another does who
// took it before the revision.
func (c *collection[T]) decide(ctx context.Context, o T, name string, revision uint64) error {
	err := c.index.until(ctx, func() bool {
		if c.stands(o, name) {
			return true
		}
		undecided := false
		for _, r := range c.rivals(o, name) {
			if !r.isUndecided() && r.since(name) < revision {
				return true
			}
			undecided = undecided || r.isUndecided()
		}
		return !undecided
	})
	if err != nil {
		return scim.Unavailable(retryAfter, fmt.Errorf("waiting to hear whose %s %q is: %w", c.name.Name, name, err))
	}
	return nil
}

// stands reports whether a controller has found that o is the holder of a name.
func (c *collection[T]) stands(o T, name string) bool {
	r := c.index.record(o.GetNamespace(), o.GetName())
	return r != nil && r.accepted && r.name == name
}

// latest is after every revision.
const latest = ^uint64(0)

// contested returns a Conflict when another object than o took the name before the revision.
func (c *collection[T]) contested(o T, name string, revision uint64) error {
	for _, r := range c.rivals(o, name) {
		if r.isUndecided() && c.stands(o, name) {
			continue // it is the other that will be undone
		}
		if r.since(name) < revision {
			if r.name != name {
				return scim.Conflict("%s is about to become that of %s %q", c.name.Name, c.resource.Name, r.object.GetName())
			}
			return c.taken(r.object)
		}
	}
	return nil
}

// rivals are the others that hold or reserve a name.
func (c *collection[T]) rivals(o T, name string) []*record[T] {
	return slices.DeleteFunc(c.index.named(o.GetNamespace(), name), func(r *record[T]) bool { return r.object.GetName() == o.GetName() })
}

// since is the revision at which a record took a name that it holds or reserves.
func (r *record[T]) since(name string) uint64 {
	if r.name != name {
		return r.reservation.made
	}
	return r.taken
}

func (c *collection[T]) taken(holder client.Object) error {
	return scim.Conflict("%s is already that of %s %q", c.name.Name, c.resource.Name, holder.GetName())
}
