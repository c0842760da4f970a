package slice

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// emptyLifetime is how long an empty slice is kept: a group that is emptied is often filled again.
const emptyLifetime = 10 * time.Second

const (
	// creationLifetime is how long a slice without a group is kept while SCIM requests are served: a request creates the slices
	// first. It is more than a request and the write that it sent live together (25 s and 20 s), and than clocks differ.
	creationLifetime = 10 * time.Minute
	// restoreLifetime is the same while SCIM requests are not served: a restore may bring a slice back before its group, but
	// takes less than a day.
	restoreLifetime = 24 * time.Hour
)

// isCollectable reports whether a slice can go, or else when to look again: its group is gone, or it is the operator's own
// and has been empty for a while. A person's slice may wait for its group, and for members.
func (r *Reconciler) isCollectable(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) (collectable bool, requeueAfter time.Duration, err error) {
	if s.Spec.Source != v1alpha1.SourceSCIM {
		return false, 0, nil
	}
	g := &v1alpha1.CloudSSOGroup{}
	key := client.ObjectKey{Namespace: s.Namespace, Name: s.Spec.Group}
	if err = r.Get(ctx, key, g); client.IgnoreNotFound(err) == nil && err != nil {
		err = r.Live.Get(ctx, key, g) // the cache may not have a new group yet
	}
	switch {
	case client.IgnoreNotFound(err) != nil:
		return false, 0, fmt.Errorf("reading CloudSSOGroup %s: %w", key, err)
	case err != nil:
		return r.isOrphanCollectable(ctx, s)
	case policy.IsTerminating(g):
		return true, 0, nil
	case len(s.Spec.Members) > 0:
		return false, 0, nil
	}
	age := r.Now().Sub(policy.LastModified(s))
	return age >= emptyLifetime, max(emptyLifetime-age, 0), nil
}

// isOrphanCollectable reports whether a slice whose group does not exist can go, or else when to look again.
func (r *Reconciler) isOrphanCollectable(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) (collectable bool, requeueAfter time.Duration, err error) {
	position, err := controllerutil.SwitchOf(ctx, r.Client, s.Namespace)
	if err != nil {
		return false, 0, err
	}
	lifetime := restoreLifetime
	if position == policy.SwitchEnabled {
		lifetime = creationLifetime
	}
	age := r.Now().Sub(s.CreationTimestamp.Time)
	return age >= lifetime, max(lifetime-age, 0), nil
}

// collect deletes a slice if it is still the version given. The group keeps the time of the slice's last change as its own.
func (r *Reconciler) collect(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) error {
	g := &v1alpha1.CloudSSOGroup{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: s.Spec.Group}, g) // the cache may have it without its time
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if at := policy.LastModified(s); err == nil && at.After(policy.LastModified(g)) {
		before := g.DeepCopy()
		policy.SetLastModified(g, at)
		if err := r.Patch(ctx, g, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return err
		}
	}
	return controllerutil.DeleteGuarded(ctx, r.Client, s)
}
