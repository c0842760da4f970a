package credential

import (
	"context"
	"fmt"
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

// completeSpec writes what the declaration leaves out: spec.expiresAt, and the hash of a new token.
func (r *Reconciler) completeSpec(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	spec := c.Spec.DeepCopy()
	if spec.ExpiresAt == nil {
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
	// The resourceVersion is a precondition, so that a hash that was declared in the meantime is not replaced.
	after := withSpec(c, spec)
	if err := r.Patch(ctx, after, client.MergeFromWithOptions(c, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing the spec of SCIMCredential %s/%s: %w", c.Namespace, c.Name, err)
	}
	c.ObjectMeta, c.Spec = after.ObjectMeta, after.Spec
	return nil
}

func withSpec(c *v1alpha1.SCIMCredential, spec *v1alpha1.SCIMCredentialSpec) *v1alpha1.SCIMCredential {
	c = c.DeepCopy()
	c.Spec = *spec
	return c
}

// mint creates a Secret with a new token, and sets its hash in spec. It writes the status before, which fails if the
// credential has changed: no Secret is then left over.
func (r *Reconciler) mint(ctx context.Context, c *v1alpha1.SCIMCredential, spec *v1alpha1.SCIMCredentialSpec, found *findings) error {
	token, err := auth.NewToken(r.Random, c.Namespace)
	if err != nil {
		return err
	}
	hash := auth.HashToken(token)
	c.Status.SecretName = secretName(c.Name, hash)
	if err := r.patchStatus(ctx, c, found); err != nil {
		return err
	}
	// The option keeps the client from waiting for a cache of Secrets, which the operator may not read.
	err = r.Create(ctx, newSecret(c, token, r.Endpoint), client.DisableReadYourWritesConsistency)
	if apierrors.IsForbidden(err) {
		found.refused = err
		return nil
	}
	if err != nil {
		return err
	}
	ctrl.LoggerFrom(ctx).Info("Minted a token", "secret", c.Status.SecretName)
	spec.TokenHash, found.minted = hash.String(), true
	return nil
}

// newSecret returns the Secret that status.secretName of the credential names.
func newSecret(c *v1alpha1.SCIMCredential, token, endpoint string) *corev1.Secret {
	data := map[string][]byte{v1alpha1.SecretKeyToken: []byte(token)}
	if endpoint != "" {
		data[v1alpha1.SecretKeyEndpoint] = []byte(endpoint)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace,
			Name:      c.Status.SecretName,
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
