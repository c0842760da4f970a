package controlplane

import (
	"context"
	"fmt"
	"reflect"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// AggregateRoles writes the rules of view, edit, admin and other aggregated ClusterRoles once, as kube-controller-manager
// does. It is for control planes without kube-controller-manager, where these roles permit nothing.
func (cp *ControlPlane) AggregateRoles(ctx context.Context) error {
	for changed := true; changed; { // edit aggregates view, and admin aggregates edit
		changed = false
		roles := &rbacv1.ClusterRoleList{}
		if err := cp.client.List(ctx, roles); err != nil {
			return fmt.Errorf("listing ClusterRoles: %w", err)
		}
		for i := range roles.Items {
			role := &roles.Items[i]
			rules, err := aggregated(role, roles.Items)
			if err != nil {
				return err
			}
			if role.AggregationRule == nil || reflect.DeepEqual(rules, role.Rules) {
				continue
			}
			role.Rules, changed = rules, true
			if err := cp.client.Update(ctx, role); err != nil {
				return fmt.Errorf("aggregating ClusterRole %s: %w", role.Name, err)
			}
		}
	}
	return nil
}

// aggregated returns the rules of the roles that a role selects.
func aggregated(role *rbacv1.ClusterRole, all []rbacv1.ClusterRole) (rules []rbacv1.PolicyRule, err error) {
	if role.AggregationRule == nil {
		return nil, nil
	}
	for _, s := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		if err != nil {
			return nil, fmt.Errorf("ClusterRole %s: %w", role.Name, err)
		}
		for _, other := range all {
			if other.Name != role.Name && selector.Matches(labels.Set(other.Labels)) {
				rules = append(rules, other.Rules...)
			}
		}
	}
	return rules, nil
}
