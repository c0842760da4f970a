package nameclaim

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Swept counts what Sweep has done.
type Swept struct {
	// Acquired are the claims that were missing, Deleted those that were left over.
	Acquired, Deleted int
	// IsPartial says that more claims are missing or left over than one sweep looks at: sweep again.
	IsPartial bool
}

// sweepLimit is how many claims that are missing or left over one Sweep looks at. They take some ten seconds, so that a
// large directory does not keep others waiting.
const sweepLimit = 2000

// sweepPage is how many claims one request of Sweep returns.
const sweepPage = 500

// Sweep brings the claims of a namespace in line with its objects. holders says which object should hold each name: a
// name without a claim is acquired for it. Claims that are left over, because no object should hold their name and they
// are older than ten minutes, are deleted: they harm nothing, but would pile up. Of a large directory it does a part.
func (c *Claims) Sweep(ctx context.Context, namespace string, holders map[Name]string) (swept Swept, err error) {
	var leftOver []*v1alpha1.CloudSSONameClaim
	list := &v1alpha1.CloudSSONameClaimList{}
	for {
		if err := c.client.List(ctx, list, client.InNamespace(namespace), client.Limit(sweepPage), client.Continue(list.Continue)); err != nil {
			return swept, fmt.Errorf("listing the claims of namespace %s: %w", namespace, err)
		}
		for i := range list.Items {
			claim := &list.Items[i]
			name := Name{namespace, claim.Spec.Kind, claim.Spec.Name}
			if _, wanted := holders[name]; wanted {
				delete(holders, name)
			} else if c.now().Sub(claim.Spec.AcquiredAt.Time) >= abandonedAfter {
				leftOver = append(leftOver, claim)
			}
		}
		if list.Continue == "" {
			break
		}
		list = &v1alpha1.CloudSSONameClaimList{ListMeta: list.ListMeta}
	}
	rest := sweepLimit
	for name, id := range holders {
		if rest--; rest < 0 {
			swept.IsPartial = true
			return swept, nil
		}
		acquired, err := c.heal(ctx, name, id)
		if err != nil {
			return swept, err
		}
		swept.Acquired += acquired
	}
	for _, claim := range leftOver[:min(len(leftOver), rest)] {
		deleted, err := c.deleteLeftOver(ctx, claim)
		if err != nil {
			return swept, err
		}
		swept.Deleted += deleted
	}
	swept.IsPartial = len(leftOver) > rest
	return swept, nil
}

// heal acquires a name for an object that still has it. If another object holds the name by now, there is nothing to do.
func (c *Claims) heal(ctx context.Context, name Name, id string) (acquired int, err error) {
	holder, err := c.readHolder(ctx, name, id)
	if err != nil || holder == nil || NameOf(holder) != name {
		return 0, err
	}
	_, err = c.TryAcquire(ctx, name, id)
	var taken *TakenError
	var pending *PendingError
	if errors.As(err, &taken) || errors.As(err, &pending) {
		return 0, nil
	}
	return 1, err
}

// deleteLeftOver deletes a claim unless its holder has the name after all, or is a deprovisioned user: the next
// user of the name inherits its suspension.
func (c *Claims) deleteLeftOver(ctx context.Context, claim *v1alpha1.CloudSSONameClaim) (deleted int, err error) {
	name := Name{claim.Namespace, claim.Spec.Kind, claim.Spec.Name}
	holder, err := c.readHolder(ctx, name, claim.Spec.Holder)
	if err != nil {
		return 0, err
	}
	if holder != nil && (name.isHeldBy(holder) || isDeprovisioned(holder) && NameOf(holder) == name) {
		return 0, nil
	}
	return 1, c.Release(ctx, claim)
}

func isDeprovisioned(o client.Object) bool {
	u, ok := o.(*v1alpha1.CloudSSOUser)
	return ok && !policy.IsLive(u)
}
