// Package directory reconciles CloudSSODirectories. Their status shows the switch and since when it stands so, the
// number of users, groups and credentials, and the writes that were refused while the switch was Disabled.
//
//	reconciler.go  the steps in their order
//	status.go      the status and its conditions
//	counters.go    the number of users and groups, from watch events
//	metrics.go     the metrics of directories and credentials
//	events.go      the Events of a change of status
//	activate.go    whether a directory is activated
//	resume.go      the switch, turned on again at a time
//	withheld.go    deactivations that wait for an administrator's decision
//	selection.go   whether its namespace may be a directory
//	policies.go    whether the admission policies are installed
//	watch.go       which changes need a reconcile
package directory

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/namespaceselector"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories;cloudssousers;cloudssogroups;scimcredentials,verbs=get;list;watch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reconciles CloudSSODirectories. SetupWithManager sets the defaults.
type Reconciler struct {
	controllerutil.Base
	controllerutil.NameOwner
	// Endpoint is the SCIM base URL.
	Endpoint string
	// Selector says which namespaces may be directories; nil selects every one.
	Selector *namespaceselector.Selector

	counters *counters
	policies *policyCheck
}

// Reconcile updates one directory's status, and turns its switch on when spec.resumeAt says so. The patch of the status has
// only the changed fields, because the SCIM service writes lastRequestTime and refusedWrites into the same status.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSODirectory{}, r.reconcile)
}

func (r *Reconciler) reconcile(ctx context.Context, d *v1alpha1.CloudSSODirectory) (requeueAfter time.Duration, err error) {
	if r.Selector != nil && r.Selector.Of(d.Namespace) == policy.NamespaceUnknown && r.Selector.Denied() == nil {
		return syncInterval, nil // its labels are not known yet, which is a matter of milliseconds
	}
	var credentials v1alpha1.SCIMCredentialList
	if err := r.List(ctx, &credentials, client.InNamespace(d.Namespace)); err != nil {
		return 0, fmt.Errorf("counting the credentials of namespace %s: %w", d.Namespace, err)
	}
	now := r.Now()
	resumes, notResumed := r.resume(ctx, d, now)
	if apierrors.IsConflict(notResumed) || apierrors.IsNotFound(notResumed) {
		return 0, notResumed
	}
	before := d.DeepCopy()
	pending, err := r.activate(ctx, d, now)
	if err != nil {
		return 0, err
	}
	computeStatus(d, r.Selector.Of(d.Namespace), r.Endpoint, r.counters.of(d.Namespace), credentials.Items, now, r.policies.condition.Load())
	r.recordSelection(d, metav1.NewTime(now))
	if notResumed != nil {
		r.reportNotResumed(ctx, d, notResumed)
	}
	if err := r.patchStatus(ctx, before, d); err != nil {
		return 0, err
	}
	r.Emit(d, statusEvents(before, d)...)
	return controllerutil.Soonest(resumes, controllerutil.Soonest(pending, untilResynced(d, now))), nil
}

// patchStatus writes the status. If it removes refused writes, the resourceVersion is a precondition, because a replica may
// have added more in the meantime. If it activates the directory, too, because the directory may have been deleted and
// restored in the meantime.
func (r *Reconciler) patchStatus(ctx context.Context, before, after *v1alpha1.CloudSSODirectory) error {
	forgets := before.Status.RefusedWrites != nil && after.Status.RefusedWrites == nil
	if !forgets && policy.IsActivated(before) == policy.IsActivated(after) {
		return controllerutil.PatchStatus(ctx, r.Client, before, after)
	}
	return controllerutil.PatchStatusOf(ctx, r.Client, before, after)
}

// untilResynced returns the time until an acknowledged push takes effect; zero if it already has. Its time is in the future if
// the clock that wrote it is ahead.
func untilResynced(d *v1alpha1.CloudSSODirectory, now time.Time) time.Duration {
	at, err := policy.ResyncedAt(d)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}
