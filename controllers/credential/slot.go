package credential

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// assignSlot gives the credential one of its directory's slots, if it holds none and one is free for it.
//
// It lists the namespace's credentials live, because the cache may not show yet that the previous reconcile gave the
// last slot to another one. For the same reason credentials are reconciled one at a time.
func (r *Reconciler) assignSlot(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	if policy.CredentialHoldsSlot(c) {
		return nil
	}
	var siblings v1alpha1.SCIMCredentialList
	if err := r.Live.List(ctx, &siblings, client.InNamespace(c.Namespace)); err != nil {
		return fmt.Errorf("listing the credentials of namespace %s to see whether one of their %d slots is free: %w",
			c.Namespace, v1alpha1.MaxCredentials, err)
	}
	granted, holders := policy.CredentialGetsSlot(c.Name, siblings.Items)
	if granted {
		now := metav1.NewTime(found.now)
		c.Status.SlotHeldSince = &now
	}
	found.holders = holders
	return nil
}
