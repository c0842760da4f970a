// Package membership plans and writes who belongs to a group, for the SCIM side and for the controllers.
package membership

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// maxAttempts bounds the rounds of a removal that other writers keep overtaking.
const maxAttempts = 10

// Remove takes users out of a group, and reports whether it had to. The group given may be stale: a
// removal is computed from what the write then finds, never from less (fleetdm/fleet#50724), and that
// there is nothing to remove is confirmed on a live read. A group that is gone has no members.
func Remove(ctx context.Context, c client.Client, live client.Reader, group *v1alpha1.CloudSSOGroup, users ...string) (changed bool, err error) {
	g := group
	for range maxAttempts {
		if remaining := Without(g.Spec.Members, users...); len(remaining) < len(g.Spec.Members) {
			err := replace(ctx, c, g, remaining)
			if !apierrors.IsInvalid(err) && !apierrors.IsConflict(err) {
				return err == nil, client.IgnoreNotFound(err)
			}
		} else if g != group {
			return false, nil
		}
		g = &v1alpha1.CloudSSOGroup{}
		if err := live.Get(ctx, client.ObjectKeyFromObject(group), g); err != nil {
			return false, client.IgnoreNotFound(err)
		}
	}
	return false, fmt.Errorf("taking %d users out of group %s/%s: overtaken by other writers %d times",
		len(users), group.Namespace, group.Name, maxAttempts)
}

// Without is members less those of the given names, in their order.
func Without(members []v1alpha1.Member, names ...string) []v1alpha1.Member {
	return slices.DeleteFunc(slices.Clone(members), func(m v1alpha1.Member) bool { return slices.Contains(names, m.Name) })
}

// replace writes the members, if the spec is still what they were computed from.
func replace(ctx context.Context, c client.Client, g *v1alpha1.CloudSSOGroup, members []v1alpha1.Member) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if members == nil {
		members = []v1alpha1.Member{}
	}
	patch, err := json.Marshal([]operation{
		{"test", "/metadata/uid", g.UID},
		{"test", "/metadata/generation", g.Generation},
		{"replace", "/spec/members", members},
	})
	if err != nil {
		return err
	}
	target := &v1alpha1.CloudSSOGroup{}
	target.Namespace, target.Name = g.Namespace, g.Name
	return c.Patch(ctx, target, client.RawPatch(types.JSONPatchType, patch))
}
