package credential

import (
	"context"
	"io"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=cloudsso.dev,resources=scimcredentials/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// refusedInterval is how often a write that the API server has refused is tried again: a quota of Secrets, say, may have
// been raised.
const refusedInterval = time.Minute

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
	now time.Time
	// stored is the status that the API server has.
	stored v1alpha1.SCIMCredentialStatus
	// holders are the names of the credentials that hold the directory's slots. Set if the credential holds none.
	holders []string
	// minted reports that this reconcile minted the token.
	minted bool
	// refused is why the API server refused a new token, or spec.expiresAt; "" if it did not.
	refused string
	// duplicate is another credential of the directory with the same token; "" if there is none.
	duplicate string
}

// Reconcile brings one credential up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return controllerutil.Reconcile(ctx, r.Client, r.Live, req, &v1alpha1.SCIMCredential{}, r.reconcile)
}

func (r *Reconciler) reconcile(ctx context.Context, c *v1alpha1.SCIMCredential) (requeueAfter time.Duration, err error) {
	if !c.DeletionTimestamp.IsZero() {
		return 0, controllerutil.DropFinalizers(ctx, r.Client, c, v1alpha1.FinalizerToken)
	}
	before := c.DeepCopy()
	found := &findings{now: r.Now(), stored: before.Status}
	for _, step := range []func(context.Context, *v1alpha1.SCIMCredential, *findings) error{
		r.assignSlot,
		r.completeSpec,
		r.findDuplicate,
	} {
		if err := step(ctx, c, found); err != nil {
			return 0, err
		}
	}
	found.writeStatus(c)
	if err := r.patchStatus(ctx, c, found); err != nil {
		return 0, err
	}
	r.Emit(c, statusEvents(before, c, found.minted)...)
	return found.requeueAfter(c), nil
}

// requeueAfter returns the time until the status changes without a watched event; zero if it does not.
func (f *findings) requeueAfter(c *v1alpha1.SCIMCredential) time.Duration {
	next := policy.CredentialNextChange(policy.CredentialExpiry(c), f.now)
	if f.refused != "" {
		return controllerutil.Soonest(next, refusedInterval)
	}
	return next
}
