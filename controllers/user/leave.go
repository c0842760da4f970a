package user

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

// finalize takes a user that is being deleted out of its groups and lets it go.
func (r *Reconciler) finalize(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	if !ctrlutil.ContainsFinalizer(u, v1alpha1.FinalizerMemberships) {
		return nil
	}
	lists, err := r.AllListsOf(ctx, u.Namespace, u.Name)
	if err != nil {
		return fmt.Errorf("looking for the groups of CloudSSOUser %s/%s: %w", u.Namespace, u.Name, err)
	}
	if err := r.leaveGroups(ctx, u, lists); err != nil {
		return err
	}
	return controllerutil.DropFinalizer(ctx, r.Client, u, v1alpha1.FinalizerMemberships)
}

// leaveGroups takes a departed user off lists of members; a user that has been restored meanwhile stays.
// Whoever is added to one later is found by the group's controller.
func (r *Reconciler) leaveGroups(ctx context.Context, u *v1alpha1.CloudSSOUser, lists []client.Object) error {
	writer := membership.Writer{Client: r.Client, Live: r.Live, Now: r.Now}
	var left []string
	for _, list := range lists {
		removed, err := writer.RemoveDeparted(ctx, list, u.Name)
		if err != nil {
			return fmt.Errorf("taking CloudSSOUser %s/%s out of its groups: %w", u.Namespace, u.Name, err)
		}
		if group := membership.GroupOf(list); len(removed) > 0 && !slices.Contains(left, group) {
			left = append(left, group)
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		controllerutil.Emit(r.Events, u, controllerutil.Normal(eventMembershipsRemoved, "Leave", "taken out of groups: "+controllerutil.Listed(left)))
	}
	return nil
}
