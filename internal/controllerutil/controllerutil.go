// Package objects is what the controllers do alike.
//
//	objects.go  finalizers, reservations that were abandoned, statuses
//	hold.go     deletions that are held
//	rivals.go   whoever else wants a name
//	notice.go   Events, and what they say
package controllerutil

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// conflictInterval is when to look again after a write that came too late: the cache has heard of the
// other one by then. Nothing failed, so it is no error and no reason to back off.
const conflictInterval = 100 * time.Millisecond

// ErrUnsettled says that an object is not yet, or no longer, what it was taken for: its create may be about to be
// undone (docs/adr/0002-names.md).
var ErrUnsettled = errors.New("it is not known yet whether the object stays")

// Result is what a reconcile that ended with err answers; again is when to look once more, zero if only
// a watch tells. A conflict is another look soon, as is ErrUnsettled, and an object that is gone is done with.
func Result(ctx context.Context, again time.Duration, err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) || errors.Is(err, ErrUnsettled) {
		ctrl.LoggerFrom(ctx).V(1).Info("Looking again: something changed meanwhile", "conflict", err.Error())
		return ctrl.Result{RequeueAfter: conflictInterval}, nil
	}
	return ctrl.Result{RequeueAfter: again}, client.IgnoreNotFound(err)
}

// Soonest is the sooner of two times to look again; zero is never.
func Soonest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// PatchStatus writes what differs between two states of an object into its status; nothing if they are
// alike.
func PatchStatus(ctx context.Context, c client.Client, before, after client.Object) error {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	return c.Status().Patch(ctx, after, client.MergeFrom(before))
}

// EnsureFinalizers puts those finalizers on an object that are missing.
func EnsureFinalizers(ctx context.Context, c client.Client, o client.Object, finalizers ...string) error {
	next := slices.Clone(o.GetFinalizers())
	for _, f := range finalizers {
		if !slices.Contains(next, f) {
			next = append(next, f)
		}
	}
	return setFinalizers(ctx, c, o, next)
}

// HasFinalizers reports whether an object has them all.
func HasFinalizers(o client.Object, finalizers ...string) bool {
	return !slices.ContainsFunc(finalizers, func(f string) bool { return !slices.Contains(o.GetFinalizers(), f) })
}

// DropFinalizer takes a finalizer off an object. One that is gone already is fine.
func DropFinalizer(ctx context.Context, c client.Client, o client.Object, finalizer string) error {
	next := slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return f == finalizer })
	return client.IgnoreNotFound(setFinalizers(ctx, c, o, next))
}

// DeleteGuarded deletes an object that is the operator's own to delete, the version given, and takes the guard
// off it.
func DeleteGuarded(ctx context.Context, c client.Client, o client.Object) error {
	uid, version, generation, finalizers := o.GetUID(), o.GetResourceVersion(), o.GetGeneration(), o.GetFinalizers()
	if o.GetDeletionTimestamp() == nil {
		if err := c.Delete(ctx, o, client.Preconditions{UID: &uid, ResourceVersion: &version}); err != nil {
			return client.IgnoreNotFound(err)
		}
		generation++ // as the beginning of a deletion does
	}
	if !slices.Contains(finalizers, v1alpha1.FinalizerGuard) {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(finalizers), func(f string) bool { return f == v1alpha1.FinalizerGuard })
	p, err := jsonpatch.Patch{}.TestUID(o).Test("/metadata/generation", generation).
		Test("/metadata/finalizers", finalizers).Replace("/metadata/finalizers", rest).Encode()
	if err != nil {
		return err
	}
	err = c.Patch(ctx, o, p)
	if jsonpatch.Failed(err) {
		return apierrors.NewConflict(schema.GroupResource{Group: v1alpha1.GroupVersion.Group}, o.GetName(), err)
	}
	return client.IgnoreNotFound(err)
}

// setFinalizers writes the list on the object that it was computed from, or not at all.
func setFinalizers(ctx context.Context, c client.Client, o client.Object, finalizers []string) error {
	if slices.Equal(o.GetFinalizers(), finalizers) {
		return nil
	}
	return patch(ctx, c, o, func() { o.SetFinalizers(finalizers) })
}

// SweepReservation removes a reservation that nobody is going to commit any more (docs/adr/0002-names.md),
// and returns when to look again at one that may be; zero if there is none.
func SweepReservation(ctx context.Context, c client.Client, o client.Object, now time.Time) (time.Duration, error) {
	value, there := o.GetAnnotations()[v1alpha1.AnnotationReservation]
	if !there {
		return 0, nil
	}
	if r, ok := policy.ParseReservation(value); ok && !r.Abandoned(now) {
		return max(r.Time.Add(policy.ReservationLife).Sub(now), 0) + time.Second, nil
	}
	return 0, patch(ctx, c, o, func() {
		annotations := o.GetAnnotations()
		delete(annotations, v1alpha1.AnnotationReservation)
		o.SetAnnotations(annotations)
	})
}

func patch(ctx context.Context, c client.Client, o client.Object, change func()) error {
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", o)
	}
	change()
	return c.Patch(ctx, o, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
