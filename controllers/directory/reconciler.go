// Package directory reconciles CloudSSODirectories: what the switch stands at, and since when; what there
// is in the directory; and what was missed while the switch was off.
//
//	reconciler.go  the steps in their order
//	status.go      what a directory amounts to
//	census.go      users and groups, counted by what changes
//	events.go      what a person must know
//	watch.go       what makes a directory worth another look
package directory

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories;cloudssousers;cloudssogroups;scimcredentials,verbs=get;list;watch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles CloudSSODirectories. SetupWithManager fills in what is not given.
type Reconciler struct {
	// Client reads from the manager's cache.
	client.Client
	// Events records what a person must know.
	Events events.EventRecorder
	// Endpoint is the SCIM base URL.
	Endpoint string
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	census *census
}

// Reconcile brings one directory's status up to date. Its patch holds what has changed alone: the SCIM
// side writes lastRequestTime and refusedWrites into the same status.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	d := &v1alpha1.CloudSSODirectory{}
	if err := r.Get(ctx, req.NamespacedName, d); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var credentials v1alpha1.SCIMCredentialList
	if err := r.List(ctx, &credentials, client.InNamespace(d.Namespace)); err != nil {
		return ctrl.Result{}, fmt.Errorf("counting the credentials of namespace %s: %w", d.Namespace, err)
	}
	before, now := d.DeepCopy(), r.Now()
	record(d, r.Endpoint, r.census.of(d.Namespace), credentials.Items, now)
	if err := r.patchStatus(ctx, before, d); err != nil {
		return controllerutil.Result(ctx, 0, err)
	}
	controllerutil.Emit(r.Events, d, transitions(before, d)...)
	return ctrl.Result{RequeueAfter: untilResynced(d, now)}, nil
}

// patchStatus strikes refused writes off only if no replica has refused more meanwhile.
func (r *Reconciler) patchStatus(ctx context.Context, before, after *v1alpha1.CloudSSODirectory) error {
	if before.Status.RefusedWrites == nil || after.Status.RefusedWrites != nil {
		return controllerutil.PatchStatus(ctx, r.Client, before, after)
	}
	return r.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// untilResynced is how long it takes until the time of a push that was acknowledged has come, by a clock
// that is ahead; zero if it has.
func untilResynced(d *v1alpha1.CloudSSODirectory, now time.Time) time.Duration {
	at, err := policy.ResyncedAt(d)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

func (r *Reconciler) setDefaults(mgr ctrl.Manager) {
	if r.Client == nil {
		r.Client = mgr.GetClient()
	}
	if r.Events == nil {
		r.Events = mgr.GetEventRecorder("cloudssodirectory")
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	r.census = newCensus()
}
