// Package objects is what the controllers of users and groups do alike: finalizers, reservations that
// were abandoned, deletions that are held, and statuses that are written only when they change.
package objects

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// ConflictInterval is when to look again after a write that came too late: the cache has heard of the
	// other one by then. Nothing failed, so it is no error and no reason to back off.
	ConflictInterval = 100 * time.Millisecond
	// HoldGrace is how old a deletion is when it counts as held: the operator's own deletions lift the
	// guard right after they begin.
	HoldGrace = time.Second
)

// IsFence reports whether an object is a sentinel of the SCIM side, and nobody.
func IsFence(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelFence] != "" }

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

// DropFinalizer takes a finalizer off an object. One that is gone already is fine.
func DropFinalizer(ctx context.Context, c client.Client, o client.Object, finalizer string) error {
	next := slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return f == finalizer })
	return client.IgnoreNotFound(setFinalizers(ctx, c, o, next))
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

// RecordHeld notes in the conditions that a deletion is held, and returns when to look again: an object
// that has just begun to be deleted is not held yet.
func RecordHeld(conditions *[]metav1.Condition, o client.Object, now time.Time) time.Duration {
	if age := now.Sub(o.GetDeletionTimestamp().Time); age < HoldGrace {
		return HoldGrace - age
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionDeletionHeld, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynchronizationEnabled,
		ObservedGeneration: o.GetGeneration(),
		Message: "being deleted, and held with full effect: synchronized objects go only while SCIM synchronization is switched off; " +
			"to let it go, set spec.scimSynchronization of CloudSSODirectory default to Disabled",
	})
	return 0
}

// IsHeld reports whether a deletion was noted as held.
func IsHeld(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionDeletionHeld)
}

// Switch is the position of a namespace's switch, as the cache has it.
func Switch(ctx context.Context, c client.Reader, namespace string) (v1alpha1.Synchronization, error) {
	d := &v1alpha1.CloudSSODirectory{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading CloudSSODirectory %s/%s: %w", namespace, v1alpha1.DirectoryName, err)
	}
	return policy.SwitchOf(d), nil
}
