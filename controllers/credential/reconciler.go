package credential

import (
	"context"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// secretConflictInterval is how often a credential is reconciled while a Secret of another type has its name. Such
// Secrets are not watched, so that the operator keeps none of them in memory.
const secretConflictInterval = time.Minute

// Reconciler reconciles SCIMCredentials. SetupWithManager sets the defaults.
type Reconciler struct {
	controllerutil.Base
	// Endpoint is the SCIM base URL that is written into the Secrets; "" writes none.
	Endpoint string
	// Random is the source of tokens. Default: crypto/rand.Reader.
	Random io.Reader
}

// findings are the results of the steps of one reconcile.
type findings struct {
	now    time.Time
	expiry time.Time
	// holders are the names of the credentials that hold the directory's slots. Set if the credential holds none.
	holders []string
	// secret is the credential's Secret, redacted; nil if there is none.
	secret *corev1.Secret
	// foreign reports that the Secret has another type than the credential's.
	foreign bool
	// secretProblem says what is wrong with the Secret.
	secretProblem error
	// minted reports that this reconcile minted the Secret.
	minted bool
	// conflicts are the other credentials with the same token.
	conflicts []client.ObjectKey
}

// Reconcile brings one credential up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return controllerutil.Reconcile(ctx, r.Client, req, &v1alpha1.SCIMCredential{}, r.reconcile)
}

func (r *Reconciler) reconcile(ctx context.Context, c *v1alpha1.SCIMCredential) (requeueAfter time.Duration, err error) {
	if !c.DeletionTimestamp.IsZero() {
		return 0, r.finalize(ctx, c)
	}
	before := c.DeepCopy()
	found, err := r.runSteps(ctx, c)
	if err != nil {
		return 0, err
	}
	found.writeStatus(c)
	if err := r.patchStatus(ctx, before, c); err != nil {
		return 0, err
	}
	r.Emit(c, statusEvents(before, c, found.minted)...)
	return found.requeueAfter(), nil
}

// runSteps takes every step but the write of the credential's status.
func (r *Reconciler) runSteps(ctx context.Context, c *v1alpha1.SCIMCredential) (*findings, error) {
	found := &findings{now: r.Now(), expiry: policy.CredentialExpiry(c)}
	for _, step := range []func(context.Context, *v1alpha1.SCIMCredential, *findings) error{
		r.assignSlot,
		r.findSecret,
		r.mintSecret,
		r.completeSecret,
		r.findConflicts,
	} {
		if err := step(ctx, c, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// requeueAfter returns the time until the status changes without a watched event; zero if it does not.
func (f *findings) requeueAfter() time.Duration {
	next := policy.CredentialNextChange(f.expiry, f.now)
	if f.foreign {
		return controllerutil.Soonest(next, secretConflictInterval)
	}
	return next
}
