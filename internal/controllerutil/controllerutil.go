// Package controllerutil holds what the controllers have in common.
//
//	controllerutil.go  the skeleton of a reconciler, statuses and finalizers
//	lookup.go          what the controllers read from the index of the SCIM side
//	names.go           which object holds a name
//	namesakes.go       the other objects of a name that changes hands
//	members.go         taking users out of groups
//	removals.go        the removals that share a write
//	protection.go      deletions that are held
//	events.go          Events, and the ends of messages
package controllerutil

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Base is what every reconciler has. SetDefaults fills in what is not given.
type Base struct {
	// Client reads from the manager's cache.
	client.Client
	// Live reads from the API server.
	Live client.Reader
	// Events records what a person must know.
	Events events.EventRecorder
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// SetDefaults fills in what is not given.
func (b *Base) SetDefaults(mgr ctrl.Manager) {
	if b.Client == nil {
		b.Client = mgr.GetClient()
	}
	if b.Live == nil {
		b.Live = mgr.GetAPIReader()
	}
	if b.Events == nil {
		b.Events = mgr.GetEventRecorder(policy.FieldManager)
	}
	if b.Now == nil {
		b.Now = time.Now
	}
}

// Emit records Events on an object, without the tokens that a client may have sent as a name. It records none on an object
// that goes: the Event would outlive it, and the API server refuses Events in a namespace that is being deleted.
func (b *Base) Emit(o client.Object, all ...Event) {
	if policy.IsTerminating(o) {
		return
	}
	for _, e := range all {
		b.Events.Eventf(o, nil, e.kind, e.reason, e.action, "%s", auth.Redact(e.note))
	}
}

// conflictInterval is when to look again after a write that came too late: the cache has the other write by then.
// Nothing failed, so it is no error and no reason to back off.
const conflictInterval = 100 * time.Millisecond

// Reconcile reads the object of a request into o and takes the steps, which return when to look again; zero if only a
// watch tells. A conflict is another look soon. An object that is gone is done with. A trimmed object is left alone until
// its namespace has a directory, unless it is being deleted: then it is read from live.
func Reconcile[T client.Object](ctx context.Context, c, live client.Reader, req ctrl.Request, o T, steps func(context.Context, T) (time.Duration, error)) (ctrl.Result, error) {
	if err := c.Get(ctx, req.NamespacedName, o); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if cachetransform.IsTrimmed(o) {
		if !policy.IsBeingDeleted(o) {
			return ctrl.Result{}, nil
		}
		if err := live.Get(ctx, req.NamespacedName, o); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	after, err := steps(ctx, o)
	if apierrors.IsConflict(err) {
		ctrl.LoggerFrom(ctx).V(1).Info("Looking again: the object has changed in the meantime", "conflict", err.Error())
		return ctrl.Result{RequeueAfter: conflictInterval}, nil
	}
	return ctrl.Result{RequeueAfter: after}, client.IgnoreNotFound(err)
}

// Soonest returns the sooner of two times to look again; zero is never.
func Soonest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// PatchStatus writes the difference between two states of an object into its status; nothing if they are equal.
func PatchStatus(ctx context.Context, c client.Client, before, after client.Object) error {
	return patchStatus(ctx, c, before, after, client.MergeFrom(before))
}

// PatchStatusOf is PatchStatus if the object is still the version that the status was computed from, else a Conflict. What
// a status says about who holds a name must not be written for a name that the object got in the meantime.
func PatchStatusOf(ctx context.Context, c client.Client, before, after client.Object) error {
	return patchStatus(ctx, c, before, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func patchStatus(ctx context.Context, c client.Client, before, after client.Object, p client.Patch) error {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	return c.Status().Patch(ctx, after, p)
}

// EnsureFinalizers adds the finalizers that an object does not have. One that is being deleted can get no more.
func EnsureFinalizers(ctx context.Context, c client.Client, o client.Object, finalizers ...string) error {
	if policy.IsBeingDeleted(o) || HasFinalizers(o, finalizers...) {
		return nil
	}
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", o)
	}
	for _, f := range finalizers {
		ctrlutil.AddFinalizer(o, f)
	}
	return c.Patch(ctx, o, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// HasFinalizers reports whether an object has all of the finalizers.
func HasFinalizers(o client.Object, finalizers ...string) bool {
	return !slices.ContainsFunc(finalizers, func(f string) bool { return !slices.Contains(o.GetFinalizers(), f) })
}

// DropFinalizers takes finalizers off an object, as far as it has them and exists.
func DropFinalizers(ctx context.Context, c client.Client, o client.Object, finalizers ...string) error {
	return dropFinalizers(ctx, c, o, jsonpatch.Patch{}.TestUID(o), finalizers...)
}

// DeleteGuarded deletes an object, if it is still the version given, and takes the guard off it.
func DeleteGuarded(ctx context.Context, c client.Client, o client.Object) error {
	uid, version, generation := o.GetUID(), o.GetResourceVersion(), o.GetGeneration()
	if !policy.IsBeingDeleted(o) {
		if err := c.Delete(ctx, o, client.Preconditions{UID: &uid, ResourceVersion: &version}); err != nil {
			return client.IgnoreNotFound(err)
		}
		generation++ // because a deletion that begins adds one
	}
	return dropFinalizers(ctx, c, o, jsonpatch.Patch{}.TestUID(o).Test("/metadata/generation", generation), v1alpha1.FinalizerGuard)
}

// dropFinalizers takes finalizers off an object that is still what it was read as, and passes the tests.
func dropFinalizers(ctx context.Context, c client.Client, o client.Object, tests jsonpatch.Patch, finalizers ...string) error {
	if !slices.ContainsFunc(finalizers, func(f string) bool { return ctrlutil.ContainsFinalizer(o, f) }) {
		return nil
	}
	return client.IgnoreNotFound(AsConflict(o, c.Patch(ctx, o, tests.RemoveFinalizers(o, finalizers...))))
}

// AsConflict returns the error of a JSON patch of an object: a Conflict if a test has failed.
func AsConflict(o client.Object, err error) error {
	if jsonpatch.Failed(err) {
		return apierrors.NewConflict(schema.GroupResource{Group: v1alpha1.GroupVersion.Group}, o.GetName(), err)
	}
	return err
}
