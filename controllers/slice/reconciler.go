// Package slice reconciles CloudSSOMembershipSlices: it collects those that hold nobody, or whose group is
// gone, and holds the others as long as their directory is synchronized. Who is a member is the group's matter.
//
//	reconciler.go  the steps in their order
//	collect.go     slices that are of no use any more
//	watch.go       what makes a slice worth another look
package slice

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssogroups;cloudssomembershipslices,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssomembershipslices,verbs=delete
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=get;list;watch

// Reconciler reconciles CloudSSOMembershipSlices. SetupWithManager fills in what is not given.
type Reconciler struct {
	// Client reads from the manager's cache.
	client.Client
	// Live reads from the API server.
	Live client.Reader
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Reconcile brings one slice up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s := &v1alpha1.CloudSSOMembershipSlice{}
	if err := r.Get(ctx, req.NamespacedName, s); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if policy.IsSentinel(s) || policy.IsGoing(s) {
		return ctrl.Result{}, nil
	}
	again, err := r.reconcile(ctx, s)
	return controllerutil.Result(ctx, again, err)
}

func (r *Reconciler) reconcile(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) (again time.Duration, err error) {
	useless, again, err := r.isUseless(ctx, s)
	switch {
	case err != nil:
		return 0, err
	case useless:
		return 0, r.collect(ctx, s)
	case s.DeletionTimestamp != nil:
		return again, r.letGo(ctx, s)
	case s.Spec.Source == v1alpha1.SourceSCIM:
		return again, controllerutil.EnsureFinalizers(ctx, r.Client, s, v1alpha1.FinalizerGuard)
	}
	return again, nil
}

// letGo lifts the guard of a slice that somebody deletes, unless its directory is synchronized.
func (r *Reconciler) letGo(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) error {
	position, err := controllerutil.SwitchOf(ctx, r.Client, s.Namespace)
	if err != nil || policy.HoldsDeletion(s, s.Spec.Source, position) {
		return err
	}
	return controllerutil.DropFinalizer(ctx, r.Client, s, v1alpha1.FinalizerGuard)
}

func (r *Reconciler) setDefaults(mgr ctrl.Manager) {
	if r.Client == nil {
		r.Client = mgr.GetClient()
	}
	if r.Live == nil {
		r.Live = mgr.GetAPIReader()
	}
	if r.Now == nil {
		r.Now = time.Now
	}
}
