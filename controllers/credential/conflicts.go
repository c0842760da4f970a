package credential

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// indexTokenHash is the field index of Secrets by token hash, over all namespaces.
const indexTokenHash = "tokenHash"

func tokenHashOf(o client.Object) []string {
	secret, ok := o.(*corev1.Secret)
	if !ok {
		return nil
	}
	hash, err := auth.SecretHash(secret)
	if err != nil {
		return nil
	}
	return []string{hash.String()}
}

// findConflicts finds the other credentials of the cluster with the same token.
func (r *Reconciler) findConflicts(ctx context.Context, _ *v1alpha1.SCIMCredential, found *findings) (err error) {
	if found.secret == nil {
		return nil
	}
	found.conflicts, err = r.conflicts(ctx, found.secret)
	if len(found.conflicts) > 0 {
		ctrl.LoggerFrom(ctx).Info("Other credentials have the same token; none of them authenticates", "others", found.conflicts)
	}
	return err
}

// conflicts returns the other credentials whose Secrets have the token of secret.
func (r *Reconciler) conflicts(ctx context.Context, secret *corev1.Secret) ([]client.ObjectKey, error) {
	var conflicts []client.ObjectKey
	for _, hash := range tokenHashOf(secret) {
		var secrets corev1.SecretList
		if err := r.List(ctx, &secrets, client.MatchingFields{indexTokenHash: hash}); err != nil {
			return nil, fmt.Errorf("looking for other Secrets with the token of %s/%s: %w", secret.Namespace, secret.Name, err)
		}
		for i := range secrets.Items {
			key := client.ObjectKeyFromObject(&secrets.Items[i])
			if key == client.ObjectKeyFromObject(secret) {
				continue
			}
			// A Secret without a credential authenticates no request, so it is not a conflict.
			err := r.Get(ctx, key, &v1alpha1.SCIMCredential{})
			if client.IgnoreNotFound(err) != nil {
				return nil, err
			}
			if !apierrors.IsNotFound(err) {
				conflicts = append(conflicts, key)
			}
		}
	}
	return conflicts, nil
}
