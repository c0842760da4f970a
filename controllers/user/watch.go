package user

import (
	"context"
	"sync"

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
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// maxConcurrentReconciles keeps a leaver from waiting behind a full import, on two cores.
const maxConcurrentReconciles = 8

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.setDefaults(mgr)
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssouser").
		For(&v1alpha1.CloudSSOUser{}, builder.WithPredicates(unsettled)).
		Watches(&v1alpha1.CloudSSOUser{}, r.leaversFirst()).
		Watches(&v1alpha1.CloudSSOUser{}, controllerutil.EnqueueRivals(r.Namesakes), builder.WithPredicates(nameMoves)).
		Watches(&v1alpha1.CloudSSODirectory{}, controllerutil.EnqueueOfDirectory(r.Client, func() client.ObjectList { return &v1alpha1.CloudSSOUserList{} }, controllerutil.IsBeingDeleted), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// unsettled lets those users through for whom there is something to do: not each of a directory when an operator starts,
// nor who has just been written a status. Of those who share a name EnqueueRivals sees to it that all are looked at.
var unsettled = predicate.NewPredicateFuncs(func(o client.Object) bool {
	u, ok := o.(*v1alpha1.CloudSSOUser)
	return ok && !isSettled(u)
})

// nameMoves lets those changes through that may decide anew who stands for a userName.
var nameMoves = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOUser)
	is, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOUser)
	return ok1 && ok2 && (was.Spec.UserName != is.Spec.UserName ||
		was.Status.UserName != is.Status.UserName || policy.IsLive(was) != policy.IsLive(is))
}}

// leaverPriority is higher than that of anything else.
const leaverPriority = 100

// leaversFirst lets whoever loses access overtake an import, in the queue and on the way to the API server.
func (r *Reconciler) leaversFirst() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[ctrl.Request]) {
		was, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOUser)
		is, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOUser)
		queue, ok3 := q.(priorityqueue.PriorityQueue[ctrl.Request])
		if ok1 && ok2 && ok3 && hasAccess(was) && !hasAccess(is) {
			key := client.ObjectKeyFromObject(is)
			r.leaving.begin(key, r.Leavers)
			queue.AddWithOpts(priorityqueue.AddOpts{Priority: new(leaverPriority)}, ctrl.Request{NamespacedName: key})
		}
	}}
}

// leaving is who loses access, until that has been looked at.
type leaving struct{ ends sync.Map }

func (l *leaving) begin(user client.ObjectKey, gate *priority.Gate) {
	if earlier, there := l.ends.Swap(user, gate.Begin()); there {
		earlier.(func())() //nolint:errcheck,forcetypeassert // nothing else is stored
	}
}

// take returns what ends the leave of a user who is about to be looked at: not one that begins while that is done.
func (l *leaving) take(user client.ObjectKey) (end func()) {
	if end, there := l.ends.LoadAndDelete(user); there {
		return end.(func()) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	return func() {}
}

func hasAccess(u *v1alpha1.CloudSSOUser) bool {
	return policy.IsEffective(u, u.Status.State == v1alpha1.UserConflict)
}
