package group

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/objects"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// maxConcurrentReconciles is few: groups are heavy, and nobody's access waits for their status.
const maxConcurrentReconciles = 2

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.setDefaults(mgr)
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssogroup").
		For(&v1alpha1.CloudSSOGroup{}).
		Watches(&v1alpha1.CloudSSOGroup{}, objects.EnqueueRivals(r.Namesakes), builder.WithPredicates(nameMoves)).
		Watches(&v1alpha1.CloudSSOUser{}, handler.EnqueueRequestsFromMapFunc(r.groupsOf), builder.WithPredicates(comesOrGoes)).
		Watches(&v1alpha1.CloudSSODirectory{}, objects.EnqueueHeld(r.Client, func() client.ObjectList { return &v1alpha1.CloudSSOGroupList{} }), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: maxConcurrentReconciles}).
		Complete(r)
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
