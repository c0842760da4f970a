// Package group reconciles CloudSSOGroups: which of them holds a displayName, who is a member, and their removal.
//
//	reconciler.go  the steps in their order
//	members.go     members that exist, and members that have to be taken out
//	finalize.go    what goes before the group
//	status.go      the status, computed
//	events.go      what a person must know
//	watch.go       which changes need a reconcile
//	scantimes.go   how long a look at all members takes
package group

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssousers;cloudssogroups;cloudssomembershipslices,verbs=get;list;watch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssogroups,verbs=patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssomembershipslices,verbs=patch;delete
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssogroups/status,verbs=patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles CloudSSOGroups. SetupWithManager fills in what Base does not have.
type Reconciler struct {
	controllerutil.Base
	controllerutil.NameOwner
	Memberships controllerutil.Memberships
	// Remover takes users out of groups. It is the same for all controllers, so that they share writes.
	Remover *controllerutil.MemberRemover
	// Revocations, if not nil, waits until nothing is left of what users have through a group before it goes.
	Revocations controllerutil.RevocationWaiter

	scans scanTimes
}

// Reconcile brings one group up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSOGroup{}, r.reconcile)
}

func (r *Reconciler) reconcile(ctx context.Context, g *v1alpha1.CloudSSOGroup) (requeueAfter time.Duration, err error) {
	if policy.IsTerminating(g) {
		r.scans.record(client.ObjectKeyFromObject(g), 0)
		return r.finalize(ctx, g)
	}
	if err := controllerutil.EnsureFinalizers(ctx, r.Client, g, finalizersOf(g)...); err != nil {
		return 0, err
	}
	if err := r.DropOwners(ctx, g); err != nil {
		return 0, err
	}
	if !r.Names.HasSeen(g) { // a user that is created or deleted from now on must find this group in the index
		return controllerutil.IndexInterval, nil
	}
	position, err := controllerutil.SwitchOf(ctx, r.Client, g.Namespace)
	if err != nil {
		return 0, err
	}
	before := g.DeepCopy()
	held, err := controllerutil.ProtectDeletion(ctx, r.Client, g, position, &g.Status.Conditions, r.Now())
	if err != nil || policy.IsTerminating(g) {
		return 0, err // a reconcile follows, without the guard
	}
	holding, err := r.Determine(ctx, g, g.Status.ClaimedName, position)
	if err != nil {
		return 0, err
	}
	scan, err := r.scanMembers(ctx, g, position)
	if err != nil {
		return 0, err
	}
	computeStatus(g, holding, scan)
	if err := controllerutil.PatchStatusOf(ctx, r.Client, before, g); err != nil {
		return 0, err
	}
	r.Emit(g, statusEvents(before, g)...)
	if err := r.Claims.Release(ctx, holding.Former); err != nil {
		return 0, err
	}
	requeueAfter = controllerutil.Soonest(held, holding.RequeueAfter())
	if scan.isCut {
		requeueAfter = controllerutil.Soonest(requeueAfter, sliceInterval)
	}
	return requeueAfter, r.takeOut(ctx, g, scan)
}

func finalizersOf(g *v1alpha1.CloudSSOGroup) []string {
	if g.Spec.Source == v1alpha1.SourceSCIM {
		return []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices}
	}
	return []string{v1alpha1.FinalizerClaim}
}
