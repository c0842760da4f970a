package access

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// withdrawalInterval is when to look again whether the assignments of a directory that is being deleted have withdrawn: no
// watch tells it.
const withdrawalInterval = 100 * time.Millisecond

// directoryReconciler lets a CloudSSODirectory that is being deleted go after the bindings of its assignments. The finalizer is
// there from the time on when an assignment of the directory first grants.
type directoryReconciler struct{ *Reconciler }

// Reconcile removes the finalizer of one directory that is being deleted, once its assignments have withdrawn.
func (r directoryReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSODirectory{}, r.release)
}

// granting returns the assignments of a directory of which there may be bindings, or of which one may be about to be written.
func (r directoryReconciler) granting(namespace string) (left []types.NamespacedName) {
	for _, key := range append(r.inNamespace(namespace), r.Bindings.Assignments()...) {
		if key.Namespace == namespace && !r.memory.isWithdrawn(key) && !slices.Contains(left, key) {
			left = append(left, key)
		}
	}
	return left
}

// release removes the finalizer. An operator without access has no right to delete the bindings: their assignments say so.
func (r directoryReconciler) release(ctx context.Context, d *v1alpha1.CloudSSODirectory) (after time.Duration, err error) {
	if !policy.IsBeingDeleted(d) || !controllerutil.HasFinalizers(d, v1alpha1.FinalizerBindings) {
		return 0, nil
	}
	if r.Bindings != nil {
		if left := r.granting(d.Namespace); len(left) > 0 || !r.isSwept.Load() {
			r.enqueueAfter(retryInterval, urgentPriority, left...) // the event of the deletion has enqueued them
			return withdrawalInterval, nil
		}
	}
	return 0, controllerutil.DropFinalizers(ctx, r.Client, d, v1alpha1.FinalizerBindings)
}
