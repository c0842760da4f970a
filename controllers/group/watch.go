package group

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// sliceInterval is how often a group is looked at for its slices' sake, at most: a push writes many, and every look
	// is at all members.
	sliceInterval = time.Second
	// membersInterval is the same for the sake of its own list: a push changes it many times a second, and the write of a
	// status makes the next change wait.
	membersInterval = 500 * time.Millisecond
	// rollShare makes calling the roll of one group take one part in so many of the time, at most: that of a hundred
	// thousand takes some tenths of a second, and a push is to have the processor.
	rollShare = 20
	// longestPause bounds how late the status of a large group may come, on whatever machine.
	longestPause = 30 * time.Second
)

// maxConcurrentReconciles is few: groups are heavy, and nobody's access waits for their status.
const maxConcurrentReconciles = 2

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.setDefaults(mgr)
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.CloudSSOMembershipSlice{}, membership.GroupField, groupOfSlice); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssogroup").
		For(&v1alpha1.CloudSSOGroup{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: isUrgent})).
		Watches(&v1alpha1.CloudSSOGroup{}, r.enqueueChanged()).
		Watches(&v1alpha1.CloudSSOGroup{}, controllerutil.EnqueueRivals(r.Namesakes), builder.WithPredicates(nameMoves)).
		Watches(&v1alpha1.CloudSSOUser{}, handler.EnqueueRequestsFromMapFunc(r.groupsOf), builder.WithPredicates(comesOrGoes)).
		Watches(&v1alpha1.CloudSSOMembershipSlice{}, r.enqueueGroup()).
		Watches(&v1alpha1.CloudSSODirectory{}, controllerutil.EnqueueOfDirectory(r.Client, func() client.ObjectList { return &v1alpha1.CloudSSOGroupList{} }, dependsOnSwitch), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// dependsOnSwitch reports whether a group may become another when the switch is turned: whether it is held, and
// whether members that name nobody stay.
func dependsOnSwitch(o client.Object) bool {
	g, ok := o.(*v1alpha1.CloudSSOGroup)
	return ok && (controllerutil.IsBeingDeleted(g) || controllerutil.ReasonOf(g.Status.Conditions, v1alpha1.ConditionReady) == v1alpha1.ReasonUnknownMembers)
}

// nameMoves lets those changes through that may decide anew who stands for a displayName.
var nameMoves = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOGroup)
	is, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOGroup)
	return ok1 && ok2 && (was.Spec.DisplayName != is.Spec.DisplayName ||
		was.Status.DisplayName != is.Status.DisplayName || policy.IsLiveGroup(was) != policy.IsLiveGroup(is))
}}

// comesOrGoes lets those changes of a user through that its groups count.
var comesOrGoes = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOUser)
	is, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOUser)
	return ok1 && ok2 && policy.HasDeparted(was) && !policy.HasDeparted(is)
}}

// groupsOf are the groups that a user is a member of.
func (r *Reconciler) groupsOf(_ context.Context, u client.Object) []ctrl.Request {
	var requests []ctrl.Request
	for _, name := range r.GroupsOf(u.GetNamespace(), u.GetName()) {
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKey{Namespace: u.GetNamespace(), Name: name}})
	}
	return requests
}

func groupOfSlice(o client.Object) []string { return []string{membership.GroupOf(o)} }

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// isUrgent reports whether a change of a group is of more than its members, its status and its annotations, which wait
// for membersInterval, and for the next call of a large group's roll.
func isUrgent(e event.UpdateEvent) bool {
	was, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOGroup)
	is, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOGroup)
	return ok1 && ok2 && (was.UID != is.UID || was.Spec.Source != is.Spec.Source || nameMoves.Update(e) ||
		controllerutil.IsBeingDeleted(was) != controllerutil.IsBeingDeleted(is) || !controllerutil.HasFinalizers(is, finalizersOf(is)...))
}

// enqueueChanged enqueues a group for every change that is not urgent, a while later: see enqueueGroup.
func (r *Reconciler) enqueueChanged() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
		if isUrgent(e) {
			return
		}
		key := client.ObjectKeyFromObject(e.ObjectNew)
		q.AddAfter(ctrl.Request{NamespacedName: key}, max(r.rolls.pause(key), membersInterval))
	}}
}

// enqueueGroup enqueues the group of a slice, a while later: a queue holds a request that is added again before
// its time once.
func (r *Reconciler) enqueueGroup() handler.EventHandler {
	later := func(q queue, o client.Object) {
		key := client.ObjectKey{Namespace: o.GetNamespace(), Name: membership.GroupOf(o)}
		q.AddAfter(ctrl.Request{NamespacedName: key}, max(r.rolls.pause(key), sliceInterval))
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { later(q, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { later(q, e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { later(q, e.Object) },
	}
}

// rolls is how long it took to call the roll of each group, where that was long.
type rolls struct{ took sync.Map }

// note is told of each call; of a group that is gone, that it took nothing.
func (r *rolls) note(group client.ObjectKey, took time.Duration) {
	if took*rollShare <= sliceInterval {
		r.took.Delete(group)
		return
	}
	r.took.Store(group, took)
}

// pause is how long the next call of a large group's roll waits; zero if the group is not known to be large.
func (r *rolls) pause(group client.ObjectKey) time.Duration {
	if took, long := r.took.Load(group); long {
		return min(took.(time.Duration)*rollShare, longestPause) //nolint:errcheck,forcetypeassert // note stores nothing else
	}
	return 0
}
