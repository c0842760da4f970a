package slice

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// SetupWithManager adds the reconciler to mgr. The controller of groups adds the index by membership.GroupField.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.setDefaults(mgr)
	held := controllerutil.EnqueueOfDirectory(r.Client, func() client.ObjectList { return &v1alpha1.CloudSSOMembershipSliceList{} }, controllerutil.IsBeingDeleted)
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssomembershipslice").
		For(&v1alpha1.CloudSSOMembershipSlice{}).
		Watches(&v1alpha1.CloudSSOGroup{}, handler.EnqueueRequestsFromMapFunc(r.slicesOf), builder.WithPredicates(ends)).
		Watches(&v1alpha1.CloudSSODirectory{}, held, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}

// ends lets the end of a group through: slices that come too late go with it.
var ends = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return policy.IsGoing(e.Object) },
	UpdateFunc: func(e event.UpdateEvent) bool { return policy.IsGoing(e.ObjectNew) },
}

func (r *Reconciler) slicesOf(ctx context.Context, g client.Object) (requests []ctrl.Request) {
	var found v1alpha1.CloudSSOMembershipSliceList
	err := r.List(ctx, &found, client.InNamespace(g.GetNamespace()), client.MatchingFields{membership.GroupField: g.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Looking for the slices of a group that is gone", "group", client.ObjectKeyFromObject(g))
	}
	for i := range found.Items {
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&found.Items[i])})
	}
	return requests
}
