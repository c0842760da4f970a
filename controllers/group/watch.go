package group

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// maxConcurrentReconciles is small: groups are heavy, and no access waits for their status.
const maxConcurrentReconciles = 2

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.SetDefaults(mgr)
	newList := func() client.ObjectList { return &v1alpha1.CloudSSOGroupList{} }
	namesakes := controllerutil.NewNamesakes(r.Names)
	if err := mgr.Add(namesakes); err != nil {
		return err
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.CloudSSOMembershipSlice{}, membership.GroupField, groupOfSlice); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssogroup").
		For(&v1alpha1.CloudSSOGroup{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: isUrgent})).
		Watches(&v1alpha1.CloudSSOGroup{}, r.enqueueChanged()).
		Watches(&v1alpha1.CloudSSOGroup{}, namesakes.Enqueue(), builder.WithPredicates(nameChanges)).
		Watches(&v1alpha1.CloudSSOUser{}, r.enqueueGroupsOf(), builder.WithPredicates(memberChanges)).
		Watches(&v1alpha1.CloudSSOUser{}, r.enqueueManualGroupsOf()).
		Watches(&v1alpha1.CloudSSOMembershipSlice{}, r.enqueueGroup()).
		Watches(&v1alpha1.CloudSSODirectory{}, controllerutil.EnqueueDependents(r.Client, newList, dependsOnSwitch), builder.WithPredicates(controllerutil.SwitchChanges)).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
}

// dependsOnSwitch reports whether a group depends on the switch: its deletion may be held, or owner references or members
// that are no users may stay.
func dependsOnSwitch(o metav1.Object) bool {
	g, ok := o.(*v1alpha1.CloudSSOGroup)
	return ok && (policy.IsBeingDeleted(g) || policy.HasOwners(g) || controllerutil.ReasonOf(g.Status.Conditions, v1alpha1.ConditionReady) == v1alpha1.ReasonUnknownMembers)
}

// nameChanges selects the changes after which another group may hold a displayName. An object that is read whole is one of
// them, because a trimmed one is not reconciled.
var nameChanges = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOGroup)
	after, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOGroup)
	return ok1 && ok2 && (before.Spec.DisplayName != after.Spec.DisplayName || before.Status.ClaimedName != after.Status.ClaimedName ||
		policy.IsLive(before) != policy.IsLive(after) || cachetransform.IsTrimmed(before) != cachetransform.IsTrimmed(after))
}}

// memberChanges selects the changes of a user that change what each of its groups counts.
var memberChanges = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOUser)
	after, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOUser)
	return ok1 && ok2 && (policy.IsLive(before) != policy.IsLive(after) || before.Spec.Source != after.Spec.Source)
}}

// enqueueManualGroupsOf returns a handler that enqueues the Manual groups of a user that gets or loses effect, because they
// count effective members. Many users may do so at once, so a group waits like one whose own list changes.
func (r *Reconciler) enqueueManualGroupsOf() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
		before, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOUser)
		after, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOUser)
		if !ok1 || !ok2 || ineffectiveBecause(memberLive, before) == ineffectiveBecause(memberLive, after) {
			return
		}
		for _, list := range r.Memberships.MemberListsOf(after.Namespace, after.Name) {
			if policy.SourceOf(list) == v1alpha1.SourceManual {
				key := client.ObjectKey{Namespace: after.Namespace, Name: membership.GroupOf(list)}
				q.AddAfter(ctrl.Request{NamespacedName: key}, max(r.scans.pause(key), membersInterval))
			}
		}
	}}
}

// enqueueGroupsOf returns a handler that enqueues the groups of a user: a large one when its next scan is due.
func (r *Reconciler) enqueueGroupsOf() handler.EventHandler {
	return onEachEvent(func(q queue, u client.Object) {
		for _, name := range r.Memberships.GroupsOf(u.GetNamespace(), u.GetName()) {
			key := client.ObjectKey{Namespace: u.GetNamespace(), Name: name}
			q.AddAfter(ctrl.Request{NamespacedName: key}, r.scans.pause(key))
		}
	})
}

// onEachEvent returns a handler that calls handle with the object of each event, as it is then.
func onEachEvent(handle func(queue, client.Object)) handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { handle(q, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { handle(q, e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { handle(q, e.Object) },
	}
}

func groupOfSlice(o client.Object) []string { return []string{membership.GroupOf(o)} }

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// isUrgent reports whether a change of a group concerns more than its members, its status and its annotations, which wait
// for membersInterval, and for the next scan of a large group.
func isUrgent(e event.UpdateEvent) bool {
	before, ok1 := e.ObjectOld.(*v1alpha1.CloudSSOGroup)
	after, ok2 := e.ObjectNew.(*v1alpha1.CloudSSOGroup)
	return ok1 && ok2 && (before.UID != after.UID || before.Spec.Source != after.Spec.Source || nameChanges.Update(e) ||
		policy.IsBeingDeleted(before) != policy.IsBeingDeleted(after) || policy.HasOwners(after) || !controllerutil.HasFinalizers(after, finalizersOf(after)...))
}

// enqueueChanged returns a handler that enqueues a group for every change that is not urgent, a while later: see
// enqueueGroup.
func (r *Reconciler) enqueueChanged() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
		if isUrgent(e) {
			return
		}
		key := client.ObjectKeyFromObject(e.ObjectNew)
		q.AddAfter(ctrl.Request{NamespacedName: key}, max(r.scans.pause(key), membersInterval))
	}}
}

// enqueueGroup returns a handler that enqueues the group of a slice, a while later. The queue keeps one request for each
// group, so many changes within that time cause one reconcile.
func (r *Reconciler) enqueueGroup() handler.EventHandler {
	return onEachEvent(func(q queue, o client.Object) {
		key := client.ObjectKey{Namespace: o.GetNamespace(), Name: membership.GroupOf(o)}
		q.AddAfter(ctrl.Request{NamespacedName: key}, max(r.scans.pause(key), sliceInterval))
	})
}
