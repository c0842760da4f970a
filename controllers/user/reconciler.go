// Package user reconciles CloudSSOUsers: whether they have access, who stands for a userName, and their
// way out.
//
//	reconciler.go  the steps in their order
//	leave.go       out of its groups, when deprovisioned or deleted
//	status.go      what a user amounts to
//	events.go      what a person must know
//	watch.go       what makes a user worth another look
package user

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
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

// Reconciler reconciles CloudSSOUsers. SetupWithManager fills in what is not given.
type Reconciler struct {
	// Client reads from the manager's cache.
	client.Client
	// Live reads from the API server.
	Live client.Reader
	// Events records what a person must know.
	Events events.EventRecorder
	// Namesakes are the live users with the userName of u in any spelling, in the order in which they took it,
	// as of u's revision or later. u is not among them while it may be undone.
	Namesakes func(ctx context.Context, u *v1alpha1.CloudSSOUser) ([]*v1alpha1.CloudSSOUser, error)
	// ListsOf are the groups and slices that list the user.
	ListsOf func(namespace, user string) []client.Object
	// AllListsOf are ListsOf for certain. They cost a write, and are asked for before a user is gone.
	AllListsOf func(ctx context.Context, namespace, user string) ([]client.Object, error)
	// Leavers, if not nil, is told of those who lose access, until they have been looked at.
	Leavers *priority.Gate
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	leaving leaving
}

// Reconcile brings one user up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.leaving.take(req.NamespacedName)()
	u := &v1alpha1.CloudSSOUser{}
	if err := r.Get(ctx, req.NamespacedName, u); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if policy.IsSentinel(u) {
		return ctrl.Result{}, nil
	}
	again, err := r.reconcile(ctx, u)
	return controllerutil.Result(ctx, again, err)
}

// reconcile takes the steps. The status comes before what takes longer: it says that a leaver is out.
func (r *Reconciler) reconcile(ctx context.Context, u *v1alpha1.CloudSSOUser) (again time.Duration, err error) {
	if policy.IsGoing(u) {
		return 0, r.finalize(ctx, u)
	}
	if u.DeletionTimestamp == nil {
		if err := controllerutil.EnsureFinalizers(ctx, r.Client, u, finalizersOf(u)...); err != nil {
			return 0, err
		}
	}
	before := u.DeepCopy()
	held, err := controllerutil.Hold(ctx, r.Client, u, u.Spec.Source, &u.Status.Conditions, r.Now())
	if err != nil || policy.IsGoing(u) {
		return 0, err // it comes again, without the guard
	}
	if err := r.judge(ctx, u); err != nil {
		return 0, err
	}
	if sameVerdict(before, u) {
		u.Status = before.Status
	}
	if err := controllerutil.PatchStatus(ctx, r.Client, before, u); err != nil {
		return 0, err
	}
	controllerutil.Emit(r.Events, u, transitions(before, u)...)
	if policy.HasDeparted(u) {
		if err := r.leaveGroups(ctx, u, r.ListsOf(u.Namespace, u.Name)); err != nil {
			return 0, err
		}
	}
	reserved, err := controllerutil.SweepReservation(ctx, r.Client, u, r.Now())
	return controllerutil.Soonest(held, reserved), err
}

func finalizersOf(u *v1alpha1.CloudSSOUser) []string {
	if u.Spec.Source == v1alpha1.SourceSCIM {
		return []string{v1alpha1.FinalizerMemberships, v1alpha1.FinalizerGuard}
	}
	return []string{v1alpha1.FinalizerMemberships}
}

func (r *Reconciler) setDefaults(mgr ctrl.Manager) {
	if r.Client == nil {
		r.Client = mgr.GetClient()
	}
	if r.Live == nil {
		r.Live = mgr.GetAPIReader()
	}
	if r.Events == nil {
		r.Events = mgr.GetEventRecorder("cloudssouser")
	}
	if r.Now == nil {
		r.Now = time.Now
	}
}
