package user

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/objects"
)

// finalize takes a user that is being deleted out of its groups and lets it go.
func (r *Reconciler) finalize(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	if !controllerutil.ContainsFinalizer(u, v1alpha1.FinalizerMemberships) {
		return nil
	}
	groups, err := r.Memberships(ctx, u.Namespace, u.Name)
	if err != nil {
		return fmt.Errorf("looking for the groups of CloudSSOUser %s/%s: %w", u.Namespace, u.Name, err)
	}
	if err := r.leaveGroups(ctx, u, groups); err != nil {
		return err
	}
	return objects.DropFinalizer(ctx, r.Client, u, v1alpha1.FinalizerMemberships)
}

// leaveGroups takes a departed user out of groups; a user that has been restored meanwhile stays. Whoever is
// added to one later is found by the group's controller.
func (r *Reconciler) leaveGroups(ctx context.Context, u *v1alpha1.CloudSSOUser, groups []string) error {
	writer := membership.Writer{Client: r.Client, Live: r.Live, Now: r.Now}
	var left []string
	for _, name := range groups {
		g := &v1alpha1.CloudSSOGroup{}
		err := r.Get(ctx, client.ObjectKey{Namespace: u.Namespace, Name: name}, g)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading CloudSSOGroup %s/%s, to take user %s out of it: %w", u.Namespace, name, u.Name, err)
		}
		if err != nil {
			continue
		}
		removed, err := writer.RemoveDeparted(ctx, g, u.Name)
		if err != nil {
			return fmt.Errorf("taking user %s out of CloudSSOGroup %s/%s: %w", u.Name, u.Namespace, name, err)
		}
		if len(removed) > 0 {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		objects.Emit(r.Events, u, objects.Normal(eventMembershipsRemoved, "Leave", "taken out of groups: "+objects.Listed(left)))
	}
	return nil
}
