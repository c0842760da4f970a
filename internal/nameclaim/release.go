package nameclaim

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Release deletes a claim if it is still what was read. A claim that has changed since, or is gone, is left as it is:
// another request has acquired it, or its holder has refreshed it. A nil claim is no claim.
func (c *Claims) Release(ctx context.Context, claim *v1alpha1.CloudSSONameClaim) error {
	if claim == nil {
		return nil
	}
	expected := client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion}
	err := c.client.Delete(ctx, claim.DeepCopy(), expected)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("deleting CloudSSONameClaim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	return nil
}
