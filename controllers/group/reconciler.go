// Package group reconciles CloudSSOGroups: who stands for a displayName, who is a member, and their way
// out.
//
//	reconciler.go  the steps in their order
//	members.go     members that exist, and members that have departed
//	slices.go      where they are listed, and what goes with the group
//	status.go      what a group amounts to
//	events.go      what a person must know
//	watch.go       what makes a group worth another look
package group

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
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

// Reconciler reconciles CloudSSOGroups. SetupWithManager fills in what is not given.
type Reconciler struct {
	// Client reads from the manager's cache.
	client.Client
	// Live reads from the API server.
	Live client.Reader
	// Events records what a person must know.
	Events events.EventRecorder
	// Namesakes are the groups with the displayName of g in any spelling, in the order in which they took it,
	// as of g's revision or later. g is not among them while it may be undone.
	Namesakes func(ctx context.Context, g *v1alpha1.CloudSSOGroup) ([]*v1alpha1.CloudSSOGroup, error)
	// GroupsOf are the names of the groups that have the user as a member.
	GroupsOf func(namespace, user string) []string
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	rolls rolls
}

// Reconcile brings one group up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	g := &v1alpha1.CloudSSOGroup{}
	if err := r.Get(ctx, req.NamespacedName, g); err != nil {
		r.rolls.note(req.NamespacedName, 0)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if policy.IsSentinel(g) {
		return ctrl.Result{}, nil
	}
	again, err := r.reconcile(ctx, g)
	return controllerutil.Result(ctx, again, err)
}

func (r *Reconciler) reconcile(ctx context.Context, g *v1alpha1.CloudSSOGroup) (again time.Duration, err error) {
	if policy.IsGoing(g) {
		return 0, r.finalize(ctx, g)
	}
	if g.DeletionTimestamp == nil {
		if err := controllerutil.EnsureFinalizers(ctx, r.Client, g, finalizersOf(g)...); err != nil {
			return 0, err
		}
	}
	before := g.DeepCopy()
	held, err := controllerutil.Hold(ctx, r.Client, g, g.Spec.Source, &g.Status.Conditions, r.Now())
	if err != nil || policy.IsGoing(g) {
		return 0, err // it comes again, without the guard
	}
	called, err := r.judge(ctx, g)
	if err != nil {
		return 0, err
	}
	if err := controllerutil.PatchStatus(ctx, r.Client, before, g); err != nil {
		return 0, err
	}
	controllerutil.Emit(r.Events, g, transitions(before, g)...)
	if err := r.takeOut(ctx, g, called); err != nil {
		return 0, err
	}
	reserved, err := controllerutil.SweepReservation(ctx, r.Client, g, r.Now())
	return controllerutil.Soonest(held, reserved), err
}

func finalizersOf(g *v1alpha1.CloudSSOGroup) []string {
	if g.Spec.Source == v1alpha1.SourceSCIM {
		return []string{v1alpha1.FinalizerGuard, v1alpha1.FinalizerSlices}
	}
	return nil
}

func (r *Reconciler) setDefaults(mgr ctrl.Manager) {
	if r.Client == nil {
		r.Client = mgr.GetClient()
	}
	if r.Live == nil {
		r.Live = mgr.GetAPIReader()
	}
	if r.Events == nil {
		r.Events = mgr.GetEventRecorder("cloudssogroup")
	}
	if r.Now == nil {
		r.Now = time.Now
	}
}
