package controllerutil

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// heldAfter is the age at which a deletion counts as held: the operator's own deletions take the guard off right after
// they begin. The API server cuts deletionTimestamp to whole seconds, so a deletion looks up to a second older than it
// is: two leave at least one.
const heldAfter = 2 * time.Second

// ProtectDeletion holds the deletion of an object while its directory is synchronized, and sets the condition
// DeletionHeld; otherwise it takes the guard off. It returns when to look again. An object that is not being deleted is
// left alone.
func ProtectDeletion(ctx context.Context, c client.Client, o client.Object, position policy.Switch, conditions *[]metav1.Condition, now time.Time) (time.Duration, error) {
	if !policy.IsBeingDeleted(o) {
		return 0, nil
	}
	if !policy.ProtectsDeletion(o, position) {
		return 0, DropFinalizers(ctx, c, o, v1alpha1.FinalizerGuard)
	}
	if age := now.Sub(o.GetDeletionTimestamp().Time); age < heldAfter {
		return heldAfter - age, nil
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionDeletionHeld, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynchronizationEnabled,
		Message: "being deleted, and held with full effect by a finalizer: the admission policies should have refused the deletion " +
			"(the condition PoliciesInstalled of CloudSSODirectory default says what is wrong with them), and without them every user " +
			"who may change finalizers can remove this one; synchronized objects go only while SCIM synchronization is switched off; " +
			"to let it go, set spec.scimSynchronization of CloudSSODirectory default to Disabled",
	})
	return 0, nil
}

// Reasons of the Events on an object that has owner references.
const (
	eventOwnersRemoved = "OwnersRemoved"
	eventOwnersLeft    = "OwnersLeft"
)

// DropOwners takes the owner references off a synchronized object while its directory is Enabled. They were set before, or while
// the object was Manual. If they stayed, the garbage collector would delete the object as soon as the owner is gone and the
// switch is Disabled. If the API server forbids it, an Event says what a person has to do, and everything else goes on.
func (b *Base) DropOwners(ctx context.Context, o client.Object) error {
	if !policy.HasOwners(o) {
		return nil
	}
	position, err := SwitchOf(ctx, b.Client, o.GetNamespace())
	if err != nil || position != policy.SwitchEnabled {
		return err
	}
	const path, why = "/metadata/ownerReferences", "because the garbage collector would delete a synchronized object together with its owner"
	err = b.Patch(ctx, o, jsonpatch.Patch{}.TestUID(o).Test(path, o.GetOwnerReferences()).Remove(path))
	switch {
	case err == nil:
		b.Emit(o, Warning(eventOwnersRemoved, "RemoveOwners", "the operator has removed the owner references of this object, "+why+
			"; the audit log of the API server says who has set them"))
	case apierrors.IsForbidden(err): // the admission plugin OwnerReferencesPermissionEnforcement asks for the right to delete the object
		ctrl.LoggerFrom(ctx).Info("the API server forbids the operator to remove owner references", "object", client.ObjectKeyFromObject(o), "error", err.Error())
		b.Emit(o, Warning(eventOwnersLeft, "RemoveOwners", "this object has owner references, which the API server forbids the operator to remove; "+
			"remove metadata.ownerReferences, "+why))
		return nil
	}
	return AsConflict(o, err)
}

// IsDeletionHeld reports whether the conditions say that a deletion is held.
func IsDeletionHeld(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionDeletionHeld)
}

// EnqueueDependents returns a handler that enqueues the objects of a directory that depend on its switch when the directory
// changes. newList returns an empty list of their kind.
func EnqueueDependents(c client.Reader, newList func() client.ObjectList, depends func(metav1.Object) bool) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, d client.Object) (requests []ctrl.Request) {
		list := newList()
		err := c.List(ctx, list, client.InNamespace(d.GetNamespace()), client.UnsafeDisableDeepCopy)
		if err == nil {
			err = meta.EachListItem(list, func(item runtime.Object) error {
				if o, ok := item.(client.Object); ok && depends(o) {
					requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
				}
				return nil
			})
		}
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Looking for objects that depend on the switch", "namespace", d.GetNamespace())
		}
		return requests
	})
}

// SwitchOf returns what is in effect in a namespace, as the cache has it.
func SwitchOf(ctx context.Context, c client.Reader, namespace string) (policy.Switch, error) {
	d := &v1alpha1.CloudSSODirectory{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)
	switch {
	case apierrors.IsNotFound(err):
		return policy.SwitchOf(nil), nil
	case err != nil:
		return "", fmt.Errorf("reading CloudSSODirectory %s/%s: %w", namespace, v1alpha1.DirectoryName, err)
	}
	return policy.SwitchOf(d), nil
}

// SwitchChanges selects the changes of a directory after which something else may be in effect: those of its spec, and its
// activation.
var SwitchChanges = predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.CloudSSODirectory)
		after, ok2 := e.ObjectNew.(*v1alpha1.CloudSSODirectory)
		return ok1 && ok2 && policy.SwitchOf(before) != policy.SwitchOf(after)
	},
})
