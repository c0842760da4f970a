package slice

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	r.SetDefaults(mgr)
	newList := func() client.ObjectList { return &v1alpha1.CloudSSOMembershipSliceList{} }
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssomembershipslice").
		For(&v1alpha1.CloudSSOMembershipSlice{}).
		Watches(&v1alpha1.CloudSSOGroup{}, handler.EnqueueRequestsFromMapFunc(r.slicesOf), builder.WithPredicates(terminations)).
		Watches(&v1alpha1.CloudSSODirectory{}, controllerutil.EnqueueDependents(r.Client, newList, dependsOnSwitch), builder.WithPredicates(controllerutil.SwitchChanges)).
		Complete(r)
}

// dependsOnSwitch reports whether a slice depends on the switch: its deletion may be held, or it waits for its group.
func dependsOnSwitch(o metav1.Object) bool { return policy.SourceOf(o) == v1alpha1.SourceSCIM }

// terminations selects groups that are terminating: a slice that is created too late goes with its group.
var terminations = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return policy.IsTerminating(e.Object) },
	UpdateFunc: func(e event.UpdateEvent) bool { return policy.IsTerminating(e.ObjectNew) },
}

func (r *Reconciler) slicesOf(ctx context.Context, g client.Object) (requests []ctrl.Request) {
	var found v1alpha1.CloudSSOMembershipSliceList
	err := r.List(ctx, &found, client.InNamespace(g.GetNamespace()), client.MatchingFields{membership.GroupField: g.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Looking for the slices of a terminating group failed", "group", client.ObjectKeyFromObject(g))
	}
	for i := range found.Items {
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&found.Items[i])})
	}
	return requests
}
