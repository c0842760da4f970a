package slice

import (
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/objects"
)

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.setDefaults(mgr)
	held := objects.EnqueueOfDirectory(r.Client, func() client.ObjectList { return &v1alpha1.CloudSSOMembershipSliceList{} }, objects.IsBeingDeleted)
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssomembershipslice").
		For(&v1alpha1.CloudSSOMembershipSlice{}).
		Watches(&v1alpha1.CloudSSODirectory{}, held, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}
