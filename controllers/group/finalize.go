package group

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

// finalize deletes the bindings and the slices of a group that is being deleted, releases its displayName, and lets it go.
func (r *Reconciler) finalize(ctx context.Context, g *v1alpha1.CloudSSOGroup) (requeueAfter time.Duration, err error) {
	if !ctrlutil.ContainsFinalizer(g, v1alpha1.FinalizerSlices) && !ctrlutil.ContainsFinalizer(g, v1alpha1.FinalizerClaim) {
		return 0, nil
	}
	if !controllerutil.AwaitRevoked(ctx, r.Revocations, v1alpha1.PrincipalGroup, g) {
		return controllerutil.RevokeInterval, nil
	}
	if err := r.deleteSlices(ctx, g); err != nil {
		return 0, err
	}
	if err := r.Release(ctx, g); err != nil {
		return 0, err
	}
	return 0, controllerutil.DropFinalizers(ctx, r.Client, g, v1alpha1.FinalizerSlices, v1alpha1.FinalizerClaim)
}

// deleteSlices deletes the slices of a synchronized group. They are looked for live: a slice that the cache does not have
// would outlive the group. Slices of source Manual are a person's.
func (r *Reconciler) deleteSlices(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	if g.Spec.Source != v1alpha1.SourceSCIM {
		return nil
	}
	var found v1alpha1.CloudSSOMembershipSliceList
	selector := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector(membership.GroupField, g.Name)}
	if err := r.Live.List(ctx, &found, client.InNamespace(g.Namespace), selector); err != nil {
		return fmt.Errorf("listing the slices of CloudSSOGroup %s/%s: %w", g.Namespace, g.Name, err)
	}
	for i := range found.Items {
		if found.Items[i].Spec.Source != g.Spec.Source {
			continue
		}
		if err := controllerutil.DeleteGuarded(ctx, r.Client, &found.Items[i]); err != nil {
			return fmt.Errorf("deleting CloudSSOMembershipSlice %s/%s: %w", g.Namespace, found.Items[i].Name, err)
		}
	}
	return nil
}
