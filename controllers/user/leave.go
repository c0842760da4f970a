package user

import (
	"context"
	"fmt"
	"slices"
	"time"

	ctrlutil "sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// finalize takes a user that is being deleted out of bindings and groups, releases its userName, and lets it go.
func (r *Reconciler) finalize(ctx context.Context, u *v1alpha1.CloudSSOUser) (requeueAfter time.Duration, err error) {
	if !ctrlutil.ContainsFinalizer(u, v1alpha1.FinalizerMemberships) {
		return 0, nil
	}
	if !controllerutil.AwaitRevoked(ctx, r.Revocations, v1alpha1.PrincipalUser, u) {
		return controllerutil.RevokeInterval, nil
	}
	if err := r.leaveGroups(ctx, u); err != nil {
		return 0, err
	}
	if err := r.Release(ctx, u); err != nil {
		return 0, err
	}
	return 0, controllerutil.DropFinalizers(ctx, r.Client, u, v1alpha1.FinalizerMemberships)
}

// leaveGroups takes a user that is not live out of its synchronized groups. A Manual group belongs to its author: the user
// stays listed there, without effect. A user that is added to a list later is taken out by the group's controller.
func (r *Reconciler) leaveGroups(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	var left []string
	for _, list := range r.Memberships.MemberListsOf(u.Namespace, u.Name) {
		if policy.SourceOf(list) != v1alpha1.SourceSCIM {
			continue
		}
		removed, err := r.Remover.RemoveNotLive(ctx, list, u.Name)
		if err != nil {
			return fmt.Errorf("taking CloudSSOUser %s/%s out of its groups: %w", u.Namespace, u.Name, err)
		}
		if group := membership.GroupOf(list); len(removed) > 0 && !slices.Contains(left, group) {
			left = append(left, group)
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		r.Emit(u, controllerutil.Normal(eventMembershipsRemoved, "Leave", "taken out of groups: "+controllerutil.JoinNames(left)))
	}
	return nil
}
