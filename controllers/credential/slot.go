package credential

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// holdSlot gives the credential one of its directory's slots, if it holds none and is due one.
//
// It looks at the siblings live: one of them may have got the last slot a moment ago, by this very
// reconciler, and the cache not know yet. Credentials are reconciled one at a time for the same reason.
func (r *Reconciler) holdSlot(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
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
