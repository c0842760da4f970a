// Package nameclaim keeps the CloudSSONameClaims of each directory in line with its users and groups. The requests and
// controllers that give an object its name claim it; this controller acquires what is missing, such as after a restore,
// and deletes what is left over, such as after a crash.
package nameclaim

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssodirectories,verbs=get;list;watch

// interval is how often the claims of a directory are listed: once a day, because each request and controller looks after
// its own, and once when an operator becomes leader, or a directory is changed or activated.
const interval = 24 * time.Hour

// restoreInterval returns how soon the claims of a directory are listed again that is not activated: a restore may still be
// creating users and groups, which the identity provider does not claim names for. It may also wait for a person for days,
// so the interval is a quarter of the directory's age, between 15 seconds and an hour. Its activation lists them too.
func restoreInterval(age time.Duration) time.Duration {
	return min(max(age/4, 15*time.Second), time.Hour)
}

// syncInterval is when to look again whether the index is synced, which takes some tenths of a second more than the cache,
// and when to go on with a sweep.
const syncInterval = time.Second

// Reconciler sweeps the claims of a directory's namespace.
type Reconciler struct {
	controllerutil.Base
	controllerutil.NameOwner
}

// SetupWithManager adds the reconciler to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.SetDefaults(mgr)
	return ctrl.NewControllerManagedBy(mgr).
		Named("cloudssonameclaim").
		For(&v1alpha1.CloudSSODirectory{}, builder.WithPredicates(controllerutil.SwitchChanges)).
		Complete(r)
}

// Reconcile brings the claims of one namespace in line with its users and groups.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.CloudSSODirectory{}, r.reconcile)
}

func (r *Reconciler) reconcile(ctx context.Context, d *v1alpha1.CloudSSODirectory) (requeueAfter time.Duration, err error) {
	if !r.Names.Synced() {
		return syncInterval, nil // a claim that is not missed now would be missed for a day
	}
	swept, err := r.Claims.Sweep(ctx, d.Namespace, r.Names.Holders(d.Namespace))
	if err != nil {
		return 0, err
	}
	if swept.Acquired+swept.Deleted > 0 {
		ctrl.LoggerFrom(ctx).Info("Name claims are in line with users and groups again", "acquired", swept.Acquired, "deleted", swept.Deleted)
	}
	if swept.IsPartial {
		return syncInterval, nil
	}
	if policy.SwitchOf(d) == policy.SwitchAwaitingActivation {
		return restoreInterval(r.Now().Sub(d.CreationTimestamp.Time)), nil
	}
	return interval, nil
}
