package group

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

// finalize deletes the slices of a group that is being deleted, and lets it go. They are looked for live: one
// that the cache has not seen would outlive the group.
func (r *Reconciler) finalize(ctx context.Context, g *v1alpha1.CloudSSOGroup) error {
	if !ctrlutil.ContainsFinalizer(g, v1alpha1.FinalizerSlices) {
		return nil
	}
	var found v1alpha1.CloudSSOMembershipSliceList
	selector := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector(membership.GroupField, g.Name)}
	if err := r.Live.List(ctx, &found, client.InNamespace(g.Namespace), selector); err != nil {
		return fmt.Errorf("listing the slices of CloudSSOGroup %s/%s: %w", g.Namespace, g.Name, err)
	}
	for i := range found.Items {
		if found.Items[i].Spec.Source != g.Spec.Source {
			continue // somebody else's, for another group of this name
		}
		if err := controllerutil.DeleteGuarded(ctx, r.Client, &found.Items[i]); err != nil {
			return fmt.Errorf("deleting CloudSSOMembershipSlice %s/%s: %w", g.Namespace, found.Items[i].Name, err)
		}
	}
	return controllerutil.DropFinalizer(ctx, r.Client, g, v1alpha1.FinalizerSlices)
}
