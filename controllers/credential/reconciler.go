package credential

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
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

// secretConflictInterval is how often a credential looks again whose name a foreign Secret has: Secrets of
// other types are not watched, so that none of them is kept in memory.
const secretConflictInterval = time.Minute

// Reconciler reconciles SCIMCredentials. SetupWithManager fills in what is not given.
type Reconciler struct {
	// Client reads from a cache with the SecretCacheOptions.
	client.Client
	// Live reads from the API server.
	Live client.Reader
	// Events records what a person must know.
	Events events.EventRecorder
	// Endpoint is the SCIM base URL, for the Secrets. Empty: Secrets name none.
	Endpoint string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Random is where tokens come from. Default: crypto/rand.Reader.
	Random io.Reader
}

// findings are what the steps of one reconcile found out.
type findings struct {
	now    time.Time
	expiry time.Time
	// holders are who holds the directory's slots, known if the credential holds none.
	holders []string
	// secret is the credential's, redacted; nil if there is none. foreign: it is of another type.
	secret  *corev1.Secret
	foreign bool
	// secretProblem says what is wrong with the Secret.
	secretProblem error
	// minted: the Secret was made just now.
	minted bool
	// rivals have the same token.
	rivals []client.ObjectKey
}

// Reconcile brings one credential up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	c := &v1alpha1.SCIMCredential{}
	if err := r.Get(ctx, req.NamespacedName, c); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	again, err := r.reconcile(ctx, c)
	return controllerutil.Result(ctx, again, err)
}

func (r *Reconciler) reconcile(ctx context.Context, c *v1alpha1.SCIMCredential) (again time.Duration, err error) {
	if !c.DeletionTimestamp.IsZero() {
		return 0, r.finalize(ctx, c)
	}
	before := c.DeepCopy()
	found, err := r.take(ctx, c)
	if err != nil {
		return 0, err
	}
	found.record(c)
	if err := r.patchStatus(ctx, before, c); err != nil {
		return 0, err
	}
	controllerutil.Emit(r.Events, c, transitions(before, c, found.minted)...)
	return found.nextLook(), nil
}

// take takes the steps that change something, or look at something, outside the credential's status.
func (r *Reconciler) take(ctx context.Context, c *v1alpha1.SCIMCredential) (*findings, error) {
	found := &findings{now: r.Now(), expiry: policy.CredentialExpiry(c)}
	for _, step := range []func(context.Context, *v1alpha1.SCIMCredential, *findings) error{
		r.holdSlot,
		r.findSecret,
		r.mintSecret,
		r.completeSecret,
		r.findRivals,
	} {
		if err := step(ctx, c, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// nextLook returns when something changes that no watch tells of; zero if nothing does.
func (f *findings) nextLook() time.Duration {
	next := policy.CredentialNextChange(f.expiry, f.now)
	if f.foreign {
		return controllerutil.Soonest(next, secretConflictInterval)
	}
	return next
}

func (r *Reconciler) setDefaults(mgr ctrl.Manager) {
	if r.Client == nil {
		r.Client = mgr.GetClient()
	}
	if r.Live == nil {
		r.Live = mgr.GetAPIReader()
	}
	if r.Events == nil {
		r.Events = mgr.GetEventRecorder("scimcredential")
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Random == nil {
		r.Random = rand.Reader
	}
}
