package credential

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// completeSpec writes what the declaration leaves out: spec.expiresAt, and the hash of a new token. A restored credential
// has a new creation time, which must not give it another year, so it stays unusable without spec.expiresAt.
func (r *Reconciler) completeSpec(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	spec := c.Spec.DeepCopy()
	if spec.ExpiresAt == nil && !policy.IsRestored(c) {
		spec.ExpiresAt = new(policy.CredentialDefaultExpiry(c))
	}
	if policy.CredentialNeedsToken(withSpec(c, spec), found.now) {
		if err := r.mint(ctx, c, spec, found); err != nil {
			return fmt.Errorf("minting a token for SCIMCredential %s/%s: %w", c.Namespace, c.Name, err)
		}
	}
	if equality.Semantic.DeepEqual(*spec, c.Spec) {
		return nil
	}
	minted := spec.TokenHash != c.Spec.TokenHash
	err := r.patchSpec(ctx, c, spec)
	if isRefusal(err) {
		ctrl.LoggerFrom(ctx).Error(err, "The spec of the SCIMCredential stays incomplete; the operator tries to complete it again within a minute.")
		found.refused = auth.Redact(err.Error())
		return nil
	}
	found.minted = minted && err == nil
	return err
}

// patchSpec writes the spec. The resourceVersion is a precondition, so that a hash that was declared in the meantime is not
// replaced.
func (r *Reconciler) patchSpec(ctx context.Context, c *v1alpha1.SCIMCredential, spec *v1alpha1.SCIMCredentialSpec) error {
	after := withSpec(c, spec)
	if err := r.Patch(ctx, after, client.MergeFromWithOptions(c, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing the spec of SCIMCredential %s/%s: %w", c.Namespace, c.Name, err)
	}
	c.ObjectMeta, c.Spec = after.ObjectMeta, after.Spec
	return nil
}

// isRefusal reports whether the API server has refused a write, and would refuse it again: because of a role, a quota, a
// policy or a webhook, which chooses its code.
func isRefusal(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	switch code := status.Status().Code; code {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return false
	default:
		return code >= http.StatusBadRequest && code < http.StatusInternalServerError
	}
}

func withSpec(c *v1alpha1.SCIMCredential, spec *v1alpha1.SCIMCredentialSpec) *v1alpha1.SCIMCredential {
	c = c.DeepCopy()
	c.Spec = *spec
	return c
}

// mint stores a new token and sets its hash in spec. If the API server refuses that, it sets found.refused instead.
func (r *Reconciler) mint(ctx context.Context, c *v1alpha1.SCIMCredential, spec *v1alpha1.SCIMCredentialSpec, found *findings) error {
	token, err := auth.NewToken(r.Random, c.Namespace)
	if err != nil {
		return err
	}
	hash := auth.HashToken(token)
	err = r.createSecret(ctx, c, newSecret(c, secretName(c.Name, hash), token, r.Endpoint), hash, found)
	if isRefusal(err) {
		// Each attempt has another token. Without its hash, the message stays the same.
		found.refused = strings.NewReplacer(hash.String(), "<hash>", hash.Fingerprint(), "<hash>").Replace(auth.Redact(err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	spec.TokenHash = hash.String()
	return nil
}

// withoutCache keeps the client from waiting for a cache: the operator may not read Secrets, and a dry run changes nothing.
const withoutCache = client.DisableReadYourWritesConsistency

// createSecret creates the Secret of a new token. Before that, two dry runs find out whether the API server accepts the
// Secret and the hash in the spec, and the write of the status fails if the credential has changed: otherwise each
// attempt would leave a Secret.
func (r *Reconciler) createSecret(ctx context.Context, c *v1alpha1.SCIMCredential, secret *corev1.Secret, hash auth.TokenHash, found *findings) error {
	after := c.DeepCopy()
	after.Spec.TokenHash = hash.String()
	if err := r.Patch(ctx, after, client.MergeFromWithOptions(c, client.MergeFromWithOptimisticLock{}), client.DryRunAll, withoutCache); err != nil {
		return err
	}
	if err := r.Create(ctx, secret.DeepCopy(), client.DryRunAll, withoutCache); err != nil {
		return err
	}
	c.Status.SecretName = secret.Name
	if err := r.patchStatus(ctx, c, found); err != nil {
		return err
	}
	if err := r.Create(ctx, secret, withoutCache); err != nil {
		return err
	}
	ctrl.LoggerFrom(ctx).Info("Minted a token", "secret", secret.Name)
	return nil
}

// newSecret returns the Secret of a minted token.
func newSecret(c *v1alpha1.SCIMCredential, name, token, endpoint string) *corev1.Secret {
	data := map[string][]byte{v1alpha1.SecretKeyToken: []byte(token)}
	if endpoint != "" {
		data[v1alpha1.SecretKeyEndpoint] = []byte(endpoint)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace,
			Name:      name,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "SCIMCredential", Name: c.Name, UID: c.UID,
			}},
		},
		Type: v1alpha1.SecretTypeSCIMCredential,
		Data: data,
	}
}

// secretName returns the name of the Secret of a minted token: the credential's, cut if it is too long, and the
// fingerprint. Each token has its own Secret, so no Secret has to be read or changed.
func secretName(credential string, hash auth.TokenHash) string {
	suffix := "-" + hash.Fingerprint()
	name := credential[:min(len(credential), validation.DNS1123SubdomainMaxLength-len(suffix))]
	return strings.TrimRight(name, "-.") + suffix
}

// findDuplicate finds another credential of the directory with the same token.
func (r *Reconciler) findDuplicate(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	if c.Spec.TokenHash == "" {
		return nil
	}
	var siblings v1alpha1.SCIMCredentialList
	if err := r.List(ctx, &siblings, client.InNamespace(c.Namespace)); err != nil {
		return fmt.Errorf("looking for another credential with the token of %s/%s: %w", c.Namespace, c.Name, err)
	}
	for i := range siblings.Items {
		if haveSameToken(c, &siblings.Items[i]) {
			found.duplicate = siblings.Items[i].Name
		}
	}
	return nil
}
