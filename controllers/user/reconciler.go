// Package user reconciles CloudSSOUsers: whether they have effect, which of them holds a userName, and their removal.
//
//	reconciler.go  the steps in their order
//	withheld.go    an administrator's decision on a withheld deactivation
//	leave.go       out of its groups, when deprovisioned or deleted
//	status.go      the status, computed
//	events.go      what a person must know
//	watch.go       which changes need a reconcile
package user

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssousers;cloudssogroups,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssousers/status,verbs=patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles CloudSSOUsers. SetupWithManager fills in what Base does not have.
type Reconciler struct {
	controllerutil.Base
	controllerutil.NameOwner
	Memberships controllerutil.Memberships
	// Remover takes users out of groups. It is the same for all controllers, so that they share writes.
	Remover *controllerutil.MemberRemover
	// Priority, if not nil, is told of users that lose access, until they have been reconciled.
	Priority *priority.Gate
	// Revocations, if not nil, waits until nothing is left of what a user has through access assignments before it goes.
	Revocations controllerutil.RevocationWaiter

	deactivations deactivations
}

// Reconcile brings one user up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.deactivations.take(req.NamespacedName).End()
	return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSOUser{}, r.reconcile)
}

// reconcile takes the steps. The status comes before what takes longer, because it says that a user has no effect.
func (r *Reconciler) reconcile(ctx context.Context, u *v1alpha1.CloudSSOUser) (requeueAfter time.Duration, err error) {
	if policy.IsTerminating(u) {
		return r.finalize(ctx, u)
	}
	if err := controllerutil.EnsureFinalizers(ctx, r.Client, u, finalizersOf(u)...); err != nil {
		return 0, err
	}
	if err := r.DropOwners(ctx, u); err != nil {
		return 0, err
	}
	if policy.IsDecided(u) {
		return 0, r.carryOutDecision(ctx, u) // a reconcile follows, if there is more to do
	}
	position, err := controllerutil.SwitchOf(ctx, r.Client, u.Namespace)
	if err != nil {
		return 0, err
	}
	before := u.DeepCopy()
	held, err := controllerutil.ProtectDeletion(ctx, r.Client, u, position, &u.Status.Conditions, r.Now())
	if err != nil || policy.IsTerminating(u) {
		return 0, err // a reconcile follows, without the guard
	}
	holding, err := r.Determine(ctx, u, u.Status.ClaimedName, position)
	if err != nil {
		return 0, err
	}
	computeStatus(u, holding)
	if err := patchStatus(ctx, r.Client, before, u); err != nil {
		return 0, err
	}
	r.Emit(u, statusEvents(before, u)...)
	if err := r.Claims.Release(ctx, holding.Former); err != nil {
		return 0, err
	}
	if !policy.IsLive(u) {
		err = r.leaveGroups(ctx, u)
	}
	return controllerutil.Soonest(held, holding.RequeueAfter()), err
}

// patchStatus writes the status. That of a Manual user says whether it holds its userName.
func patchStatus(ctx context.Context, c client.Client, before, after *v1alpha1.CloudSSOUser) error {
	if after.Spec.Source == v1alpha1.SourceManual {
		return controllerutil.PatchStatusOf(ctx, c, before, after)
	}
	return controllerutil.PatchStatus(ctx, c, before, after)
}

func finalizersOf(u *v1alpha1.CloudSSOUser) []string {
	if u.Spec.Source == v1alpha1.SourceSCIM {
		return []string{v1alpha1.FinalizerMemberships, v1alpha1.FinalizerGuard}
	}
	return []string{v1alpha1.FinalizerMemberships}
}
