package credential

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// findSecret finds the Secret of the credential's name. It reads live what the cache does not have: Secrets of other
// types, and new ones.
func (r *Reconciler) findSecret(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	secret := &corev1.Secret{}
	err := r.Get(ctx, client.ObjectKeyFromObject(c), secret)
	if apierrors.IsNotFound(err) {
		err = r.Live.Get(ctx, client.ObjectKeyFromObject(c), secret)
		auth.Redact(secret) // as the cache does
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading Secret %s/%s: %w", c.Namespace, c.Name, err)
	}
	found.secret, found.foreign = secret, secret.Type != v1alpha1.SecretTypeSCIMCredential
	return nil
}

// mintSecret creates a Secret with a new token for a credential that has a slot, has not expired, and has no Secret.
// It adds the finalizer first, which fails if the credential is being deleted.
func (r *Reconciler) mintSecret(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	ours := found.secret != nil && isMinted(found.secret, c)
	due := found.secret == nil && policy.CredentialHoldsSlot(c) && !policy.CredentialExpired(found.expiry, found.now)
	if !ours && !due {
		return nil
	}
	if err := r.addFinalizer(ctx, c); err != nil || ours {
		return err
	}
	token, err := auth.NewToken(r.Random)
	if err != nil {
		return err
	}
	secret := newSecret(c, token, r.Endpoint)
	err = r.Create(ctx, secret)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // the credential will be deleted with its namespace
	}
	if err != nil {
		return fmt.Errorf("creating Secret %s/%s: %w", c.Namespace, c.Name, err)
	}
	auth.Redact(secret)
	found.secret, found.minted = secret, true
	ctrl.LoggerFrom(ctx).Info("Minted a token", "secret", secret.Name)
	return nil
}

func newSecret(c *v1alpha1.SCIMCredential, token, endpoint string) *corev1.Secret {
	data := map[string][]byte{
		v1alpha1.SecretKeyToken:     []byte(token),
		v1alpha1.SecretKeyTokenHash: []byte(auth.HashToken(token).String()),
	}
	if endpoint != "" {
		data[v1alpha1.SecretKeyEndpoint] = []byte(endpoint)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace,
			Name:      c.Name,
			Labels:    map[string]string{v1alpha1.LabelCredential: labelValue(c.Name)},
		},
		Type: v1alpha1.SecretTypeSCIMCredential,
		Data: data,
	}
}

// isMinted reports whether the controller minted the Secret for the credential. It compares names, not UIDs, because
// a credential that is restored from a backup has a new UID.
func isMinted(secret *corev1.Secret, c *v1alpha1.SCIMCredential) bool {
	return secret.Type == v1alpha1.SecretTypeSCIMCredential && secret.Labels[v1alpha1.LabelCredential] == labelValue(c.Name)
}

// labelValue returns name. If it is too long for a label, labelValue returns its beginning and a digest.
func labelValue(name string) string {
	if len(name) <= validation.LabelValueMaxLength {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	suffix := "-" + hex.EncodeToString(digest[:5])
	return name[:validation.LabelValueMaxLength-len(suffix)] + suffix
}

// completeSecret validates the Secret, and writes tokenHash and endpoint into it: with the hash, the token can be
// removed, and with the endpoint, the person who hands the token out has its address too.
func (r *Reconciler) completeSecret(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	if found.secret == nil || found.foreign {
		return nil
	}
	hash, err := auth.SecretHash(found.secret)
	if err != nil {
		found.secretProblem = err
		return nil
	}
	before := found.secret.DeepCopy()
	if stored, ok := auth.StoredHash(found.secret); !ok || stored != hash {
		found.secret.Data[v1alpha1.SecretKeyTokenHash] = []byte(hash.String())
	}
	if r.Endpoint != "" {
		found.secret.Data[v1alpha1.SecretKeyEndpoint] = []byte(r.Endpoint)
	}
	// An immutable Secret cannot be completed. It authenticates by its token.
	immutable := found.secret.Immutable != nil && *found.secret.Immutable
	if immutable || maps.EqualFunc(before.Data, found.secret.Data, equalBytes) {
		return nil
	}
	// The merge patch leaves the token unchanged, because both copies are redacted.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, found.secret, patch); err != nil {
		return fmt.Errorf("writing %s and %s to Secret %s/%s: %w",
			v1alpha1.SecretKeyTokenHash, v1alpha1.SecretKeyEndpoint, c.Namespace, c.Name, err)
	}
	auth.Redact(found.secret)
	return nil
}

func equalBytes(a, b []byte) bool { return string(a) == string(b) }

func (r *Reconciler) addFinalizer(ctx context.Context, c *v1alpha1.SCIMCredential) error {
	return r.patchFinalizer(ctx, c, ctrlutil.AddFinalizer)
}

// patchFinalizer adds or removes the finalizer. It updates the metadata of c, but not the status, which earlier steps
// have changed.
func (r *Reconciler) patchFinalizer(ctx context.Context, c *v1alpha1.SCIMCredential, change func(client.Object, string) bool) error {
	after := c.DeepCopy()
	if !change(after, v1alpha1.FinalizerToken) {
		return nil
	}
	patch := client.MergeFromWithOptions(c, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, after, patch); err != nil {
		return fmt.Errorf("changing the finalizer %s of SCIMCredential %s/%s: %w", v1alpha1.FinalizerToken, c.Namespace, c.Name, err)
	}
	c.ObjectMeta = after.ObjectMeta
	return nil
}
