package user

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// maxConcurrentReconciles keeps a deactivated user from waiting behind a full import, on two cores.
const maxConcurrentReconciles = 8

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.SetDefaults(mgr)
	newList := func() client.ObjectList { return &v1alpha1.CloudSSOUserList{} }
	namesakes := controllerutil.NewNamesakes(r.Names)
	if err := mgr.Add(namesakes); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssouser").
		For(&v1alpha1.CloudSSOUser{}, builder.WithPredicates(unsettled)).
		Watches(&v1alpha1.CloudSSOUser{}, r.prioritizeDeactivations()).
		Watches(&v1alpha1.CloudSSOUser{}, namesakes.Enqueue(), builder.WithPredicates(nameChanges)).
		Watches(&v1alpha1.CloudSSODirectory{}, controllerutil.EnqueueDependents(r.Client, newList, dependsOnSwitch), builder.WithPredicates(controllerutil.SwitchChanges)).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// dependsOnSwitch reports whether a user depends on the switch: its deletion may be held, or owner references may stay.
func dependsOnSwitch(o metav1.Object) bool { return policy.IsBeingDeleted(o) || policy.HasOwners(o) }

// unsettled selects the users that need something done: an operator that starts does not reconcile each of a
// directory, nor a user whose status it has just written. Namesakes.Enqueue selects those that share a name.
var unsettled = predicate.NewPredicateFuncs(func(o client.Object) bool {
	u, ok := o.(*v1alpha1.CloudSSOUser)
	return ok && !isSettled(u)
})

// nameChanges selects the changes after which another user may hold a userName. A status that does not show a conflict any
// more is one of them, because a former leader may have written it. So is an object that is read whole, because a trimmed
// one is not reconciled.
var nameChanges = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOUser)
	after, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOUser)
	return ok1 && ok2 && (before.Spec.UserName != after.Spec.UserName || before.Status.ClaimedName != after.Status.ClaimedName ||
		policy.IsLive(before) != policy.IsLive(after) || cachetransform.IsTrimmed(before) != cachetransform.IsTrimmed(after) ||
		before.Status.State == v1alpha1.UserConflict && after.Status.State != v1alpha1.UserConflict)
}}

// deactivationPriority is higher than that of any other request of the queue.
const deactivationPriority = 100

// prioritizeDeactivations returns a handler that lets users who lose access overtake an import, in the queue and on the
// way to the API server.
func (r *Reconciler) prioritizeDeactivations() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[ctrl.Request]) {
		before, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOUser)
		after, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOUser)
		queue, ok3 := q.(priorityqueue.PriorityQueue[ctrl.Request])
		if ok1 && ok2 && ok3 && isEffective(before) && !isEffective(after) {
			key := client.ObjectKeyFromObject(after)
			r.deactivations.begin(key, r.Priority)
			queue.AddWithOpts(priorityqueue.AddOpts{Priority: new(deactivationPriority)}, ctrl.Request{NamespacedName: key})
		}
	}}
}

// deactivations are those of users who lose access, until the user has been reconciled.
type deactivations struct{ byUser sync.Map }

func (d *deactivations) begin(user client.ObjectKey, gate *priority.Gate) {
	deactivation := gate.New()
	deactivation.Begin()
	if earlier, underWay := d.byUser.Swap(user, deactivation); underWay {
		earlier.(*priority.Deactivation).End() //nolint:errcheck,forcetypeassert // nothing else is stored
	}
}

// take returns the deactivation of a user that is about to be reconciled: not one that begins during the reconcile.
func (d *deactivations) take(user client.ObjectKey) *priority.Deactivation {
	if deactivation, underWay := d.byUser.LoadAndDelete(user); underWay {
		return deactivation.(*priority.Deactivation) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	return (*priority.Gate)(nil).New()
}

// isEffective reports whether a user has effect, as far as spec and the last known conflict tell.
func isEffective(u *v1alpha1.CloudSSOUser) bool {
	return policy.IsEffective(u, u.Status.State == v1alpha1.UserConflict)
}
