package plugin

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// Inventory reads a directory and the bindings of its assignments.
func Inventory(ctx context.Context, c client.Client, namespace string) (inventory access.Inventory, err error) {
	var directories v1alpha1.CloudSSODirectoryList
	var users v1alpha1.CloudSSOUserList
	var groups v1alpha1.CloudSSOGroupList
	var slices v1alpha1.CloudSSOMembershipSliceList
	var assignments v1alpha1.CloudSSOAccessAssignmentList
	var bindings rbacv1.RoleBindingList
	var clusterBindings rbacv1.ClusterRoleBindingList
	here, ours := client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelDirectory: namespace}
	for _, read := range []struct {
		list   client.ObjectList
		what   string
		option client.ListOption
	}{
		{&directories, "the CloudSSODirectory", here},
		{&users, "CloudSSOUsers", here},
		{&groups, "CloudSSOGroups", here},
		{&slices, "CloudSSOMembershipSlices", here},
		{&assignments, "CloudSSOAccessAssignments", here},
		{&bindings, "the RoleBindings of all namespaces", ours},
		{&clusterBindings, "the ClusterRoleBindings", ours},
	} {
		if err := List(ctx, c, read.list, read.what, read.option); err != nil {
			return inventory, err
		}
	}
	if len(directories.Items) > 0 {
		inventory.Directory = &directories.Items[0]
	}
	inventory.Users, inventory.Groups, inventory.Slices = users.Items, groups.Items, slices.Items
	inventory.Assignments = assignments.Items
	inventory.RoleBindings, inventory.ClusterRoleBindings = bindings.Items, clusterBindings.Items
	inventory.IsSameName = IsSameUserName
	return inventory, nil
}
