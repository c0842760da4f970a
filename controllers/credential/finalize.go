package credential

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// finalize deletes the minted Secret of a credential, and then removes the finalizer. Otherwise the old token would
// be valid again if the credential is created again. An external Secret stays. A credential that is being deleted
// authenticates no request, so the token is already refused.
func (r *Reconciler) finalize(ctx context.Context, c *v1alpha1.SCIMCredential) error {
	if !ctrlutil.ContainsFinalizer(c, v1alpha1.FinalizerToken) {
		return nil
	}
	if err := r.deleteMinted(ctx, c); err != nil {
		return fmt.Errorf("deleting Secret %s/%s along with its credential: %w", c.Namespace, c.Name, err)
	}
	return client.IgnoreNotFound(r.patchFinalizer(ctx, c, ctrlutil.RemoveFinalizer))
}

// deleteMinted deletes the Secret if it was minted. It reads live, because the cache may not have a new Secret yet.
func (r *Reconciler) deleteMinted(ctx context.Context, c *v1alpha1.SCIMCredential) error {
	secret := &corev1.Secret{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(c), secret); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !isMinted(secret, c) {
		return nil
	}
	return client.IgnoreNotFound(r.Delete(ctx, secret, client.Preconditions(metav1.Preconditions{
		UID: &secret.UID, ResourceVersion: &secret.ResourceVersion,
	})))
}
