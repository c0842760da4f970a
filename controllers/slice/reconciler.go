// Package slice reconciles CloudSSOMembershipSlices: it collects those that are empty, or whose group is gone, and protects
// the others from deletion while their directory is synchronized. The controller of groups looks after the members.
//
//	reconciler.go  the steps in their order
//	collect.go     slices that are not needed any more
//	watch.go       which changes need a reconcile
package slice

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssogroups;cloudssomembershipslices,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssomembershipslices,verbs=delete
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles CloudSSOMembershipSlices. SetupWithManager fills in what Base does not have.
type Reconciler struct {
	controllerutil.Base
}

// Reconcile brings one slice up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSOMembershipSlice{}, r.reconcile)
}

func (r *Reconciler) reconcile(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) (requeueAfter time.Duration, err error) {
	if policy.IsTerminating(s) {
		return 0, nil
	}
	collectable, requeueAfter, err := r.isCollectable(ctx, s)
	switch {
	case err != nil:
		return 0, err
	case collectable:
		return 0, r.collect(ctx, s)
	case policy.IsBeingDeleted(s):
		return requeueAfter, r.dropGuard(ctx, s)
	case s.Spec.Source == v1alpha1.SourceSCIM:
		if err := controllerutil.EnsureFinalizers(ctx, r.Client, s, v1alpha1.FinalizerGuard); err != nil {
			return 0, err
		}
		return requeueAfter, r.DropOwners(ctx, s)
	}
	return requeueAfter, nil
}

// dropGuard takes the guard off a slice that is being deleted, unless its directory is synchronized.
func (r *Reconciler) dropGuard(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) error {
	position, err := controllerutil.SwitchOf(ctx, r.Client, s.Namespace)
	if err != nil || policy.ProtectsDeletion(s, position) {
		return err
	}
	return controllerutil.DropFinalizers(ctx, r.Client, s, v1alpha1.FinalizerGuard)
}
