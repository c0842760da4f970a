package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// kind is all that differs between users, groups, and the slices of groups.
type kind[T client.Object] struct {
	resource *schema.ResourceType
	name     *schema.Attribute // the attribute that is unique: userName, displayName; nil for slices, which take no name
	prefix   string            // of generated names when nothing is left of the slug
	blank    func() T
	copy     func(T) T
	spec     func(T) any // pointer to the spec
	describe func(T) facts
	// attribute is one of those in the spec, if it is: nil if unassigned.
	attribute func(T, *schema.Attribute) (value any, known bool)
	disown    func(T, time.Time) // makes an object that was never acknowledged nobody; nil if the kind has no way to
}

// shared is what all collections of a process have in common.
type shared struct {
	client client.Client // writes; its reads are not used
	live   client.Reader // reads from the API server
	lag    func(resource string, lag time.Duration)
	now    func() time.Time
	newID  func() string
}

// collection is one kind in every namespace: its objects, their index and their fence.
type collection[T client.Object] struct {
	*shared
	kind[T]
	index *index[T]
	fence *fence

	// behind is the revision of the newest acknowledged write that the index had not seen when it was
	// acknowledged. Reads wait for it.
	behind watermark
}

// maxAttempts bounds the rounds of a write that other writers keep overtaking. Each round begins with
// a live read, so ten in a row mean that something is wrong and the client had better come back.
const maxAttempts = 10

// edit applies change to a copy of the object and stores it: with the precondition that the object is
// still what the change was computed from, again on a live read when it is not, after verification
// when it takes a name. A change that changes nothing, or fails, is confirmed on a live read and not
// written; its error is returned as it is.
func (c *collection[T]) edit(ctx context.Context, namespace, id string, change func(T) error) (T, error) {
	var none T
	current, fresh, err := c.find(ctx, namespace, id)
	for range maxAttempts {
		if err != nil {
			return none, err
		}
		next, written := c.copy(current), none
		failed := change(next)
		switch {
		case fresh && failed != nil:
			return none, failed
		case failed == nil && !equality.Semantic.DeepEqual(c.spec(current), c.spec(next)):
			written, err = c.store(ctx, current, next, change)
		case fresh:
			c.settle(ctx, current) // so that no later read shows less than this one
			return current, nil
		default:
			err = errStale
		}
		if err == nil {
			c.settle(ctx, written)
			return written, nil
		}
		if !errors.Is(err, errStale) {
			return none, err
		}
		current, err = c.read(ctx, namespace, id)
		fresh = true
	}
	return none, scim.Unavailable(retryAfter, fmt.Errorf("%s %s/%s: overtaken %d times", c.resource.Name, namespace, id, maxAttempts))
}

func (c *collection[T]) store(ctx context.Context, current, next T, change func(T) error) (T, error) {
	if name := c.describe(next).name; name != "" && name != c.describe(current).name {
		return c.take(ctx, current, name, change)
	}
	return c.write(ctx, current, next)
}

// find is the object as the index has it, or a live read where it has none: a live read is certain,
// and finds what another replica has just written.
func (c *collection[T]) find(ctx context.Context, namespace, id string) (o T, fresh bool, err error) {
	r, err := c.look(ctx, namespace, id)
	if err != nil {
		return o, false, err
	}
	if r != nil && r.isHidden() {
		return o, false, scim.NotFound(c.resource.Name, id)
	}
	if r != nil {
		return r.object, false, nil
	}
	o, err = c.read(ctx, namespace, id)
	return o, true, err
}

// look is what the index has of an id once it is sure, or nil.
func (c *collection[T]) look(ctx context.Context, namespace, id string) (*record[T], error) {
	if err := c.catchUp(ctx); err != nil {
		return nil, err
	}
	r := c.index.record(namespace, id)
	if r == nil || !r.isUnsure() {
		return r, nil
	}
	err := c.index.until(ctx, func() bool {
		r = c.index.record(namespace, id)
		return r == nil || !r.isUnsure()
	})
	return r, c.undecided(namespace, err)
}

// decided waits until the index is sure of everybody whom a request concerns, and shows what this replica has
// acknowledged.
func (c *collection[T]) decided(ctx context.Context, namespace string, concerns func(*record[T]) bool) error {
	if err := c.catchUp(ctx); err != nil {
		return err
	}
	isSure := func() bool { return !c.index.isUnsure(namespace, concerns) }
	if isSure() {
		return nil
	}
	return c.undecided(namespace, c.index.until(ctx, isSure))
}

func (c *collection[T]) undecided(namespace string, err error) error {
	if err == nil {
		return nil
	}
	return scim.Unavailable(retryAfter, fmt.Errorf("this replica has listed %s resources of %s anew and no controller has accepted or refused the newest of them yet: %w",
		c.resource.Name, namespace, err))
}

// read is the object as it is now.
func (c *collection[T]) read(ctx context.Context, namespace, id string) (T, error) {
	o := c.blank()
	if len(validation.IsDNS1123Subdomain(id)) > 0 { // no object can be called so: the client would not even ask
		return o, scim.NotFound(c.resource.Name, id)
	}
	err := c.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: id}, o)
	if apierrors.IsNotFound(err) {
		return o, scim.NotFound(c.resource.Name, id)
	}
	if err == nil && policy.IsSentinel(o) {
		return o, scim.NotFound(c.resource.Name, id)
	}
	if err != nil {
		return o, c.translate(err)
	}
	return o, nil
}

// create stores a new object, verifies that its name is its own, and asks verify, which may be nil,
// what else to check. When either refuses, the object is undone and the error returned; errStale, if it may well
// succeed now. What cannot be ended in the time of the request is ended after it.
func (c *collection[T]) create(ctx context.Context, o T, verify func(created T) error) (T, error) {
	born := time.Now()
	if err := c.client.Create(ctx, o); err != nil {
		return o, c.translate(err)
	}
	judge := func(ctx context.Context) error {
		err := c.verify(ctx, o, c.describe(o).name)
		if err == nil && verify != nil {
			err = verify(o)
		}
		if r := c.index.record(o.GetNamespace(), o.GetName()); err == nil && r != nil && r.isDoomed() {
			err = errStale // who was there when it was born has left since; nobody was shown it, and it is made anew
		}
		return err
	}
	err := judge(ctx)
	if err == nil {
		return o, nil
	}
	if refused(err) {
		ctx, cancel := tidyUp(ctx)
		defer cancel()
		undone := c.undo(ctx, o)
		if undone == nil {
			return o, err
		}
		judge, err = func(context.Context) error { return errStale }, scim.Unavailable(retryAfter, errors.Join(err, undone))
	}
	go c.finish(o, born.Add(undoLife), judge)
	return o, err
}

// refused reports whether a create has certainly lost. Any other error leaves open what becomes of it.
func refused(err error) bool { return isConflict(err) || errors.Is(err, errStale) }

// finishInterval is how often it is tried to end what a request could not.
const finishInterval = time.Second

// finish brings a create to its end that its request could not: either it stands, or it is undone.
func (c *collection[T]) finish(created T, deadline time.Time, judge func(context.Context) error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	_ = wait.PollUntilContextCancel(ctx, finishInterval, true, func(ctx context.Context) (bool, error) {
		err := judge(ctx)
		if refused(err) {
			err = c.undo(ctx, created)
		}
		return err == nil, nil // a controller finds what is left in the end, and says who stands
	})
}

// pass passes the fence: the index then shows everything that had been written before.
func (c *collection[T]) pass(ctx context.Context) error { return c.translate(c.fence.pass(ctx)) }

// settle waits until the index shows the write, so that every later read on this replica does. If that
// takes too long the write is acknowledged all the same, for it is stored, and reads wait instead.
func (c *collection[T]) settle(ctx context.Context, written T) { c.settleAt(ctx, revisionOf(written)) }

func (c *collection[T]) settleAt(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	written := time.Now()
	err := c.index.await(ctx, revision)
	c.lag(c.resource.Name, time.Since(written))
	if err != nil {
		c.behind.raise(revision)
		c.fence.late(err)
	}
}

// hasCaughtUp reports whether catchUp has nothing to wait for.
func (c *collection[T]) hasCaughtUp() bool { return c.index.hasSeen(c.behind.level()) }

// catchUp waits until the index shows every write that this replica has acknowledged.
func (c *collection[T]) catchUp(ctx context.Context) error {
	if c.hasCaughtUp() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := c.index.await(ctx, c.behind.level()); err != nil {
		c.fence.late(err)
		return scim.Unavailable(retryAfter, fmt.Errorf("%s informer is behind this replica's own writes: %w", c.resource.Name, err))
	}
	return nil
}
