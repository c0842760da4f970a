package plugin

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
)

// MembershipsOf reads the groups that list a user, themselves or in a slice. It reads all groups, page by page, because the API
// server finds none by a member, and keeps these alone. see is shown every group and slice, which change after it returns.
func MembershipsOf(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, see func(list metav1.Object)) (inventory access.Inventory, err error) {
	here := client.InNamespace(u.Namespace)
	lists := func(list metav1.Object) bool {
		see(list)
		return slices.ContainsFunc(membership.MembersOf(list), func(m v1alpha1.Member) bool { return m.Name == u.Name })
	}
	sliced := map[string]bool{}
	inventory.Slices, err = keepEach(ctx, c, &v1alpha1.CloudSSOMembershipSliceList{}, "CloudSSOMembershipSlices", func(s *v1alpha1.CloudSSOMembershipSlice) bool {
		if !lists(s) {
			return false
		}
		sliced[s.Spec.Group] = true
		return true
	}, here)
	if err != nil {
		return inventory, err
	}
	inventory.Groups, err = keepEach(ctx, c, &v1alpha1.CloudSSOGroupList{}, "CloudSSOGroups", func(g *v1alpha1.CloudSSOGroup) bool {
		return lists(g) || sliced[g.Name]
	}, here)
	return inventory, err
}

// ReadAccess adds to the memberships of a user what its access depends on: the directory, the assignments, the bindings that name
// the user, and the users who may get the same Kubernetes user name.
func ReadAccess(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, inventory *access.Inventory) error {
	var directories v1alpha1.CloudSSODirectoryList
	var assignments v1alpha1.CloudSSOAccessAssignmentList
	here := client.InNamespace(u.Namespace)
	if err := List(ctx, c, &directories, "the CloudSSODirectory", here); err != nil {
		return err
	}
	if err := List(ctx, c, &assignments, "CloudSSOAccessAssignments", here); err != nil {
		return err
	}
	var rule *v1alpha1.KubernetesUsername
	if len(directories.Items) > 0 {
		inventory.Directory = &directories.Items[0]
		rule = inventory.Directory.Spec.KubernetesUsername
	}
	inventory.Assignments, inventory.IsSameName = assignments.Items, IsSameUserName
	name, err := access.Username(rule, u)
	if err != nil { // no binding names the user
		inventory.Users = []v1alpha1.CloudSSOUser{*u}
		return nil
	}
	if inventory.Users, err = contenders(ctx, c, u, rule, name); err != nil {
		return err
	}
	return readBindings(ctx, c, u.Namespace, name, inventory)
}

// readBindings adds the bindings of a directory that have a Kubernetes user name among their subjects.
func readBindings(ctx context.Context, c client.Client, namespace, name string, inventory *access.Inventory) (err error) {
	ours := client.MatchingLabels{v1alpha1.LabelDirectory: namespace}
	inventory.RoleBindings, err = keepEach(ctx, c, &rbacv1.RoleBindingList{}, "the RoleBindings of all namespaces", func(b *rbacv1.RoleBinding) bool {
		return isSubject(name, b.Subjects)
	}, ours)
	if err != nil {
		return err
	}
	inventory.ClusterRoleBindings, err = keepEach(ctx, c, &rbacv1.ClusterRoleBindingList{}, "the ClusterRoleBindings", func(b *rbacv1.ClusterRoleBinding) bool {
		return isSubject(name, b.Subjects)
	}, ours)
	return err
}

func isSubject(name string, subjects []rbacv1.Subject) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool { return s.Name == name })
}

// contenders returns a user, and those who may get the same Kubernetes user name. Of userNames that differ in case alone, which are
// one name, it returns the holder, because no other user with them has effect. For a rule that no field finds it reads all users,
// page by page.
func contenders(ctx context.Context, c client.Client, u *v1alpha1.CloudSSOUser, rule *v1alpha1.KubernetesUsername, wanted string) (users []v1alpha1.CloudSSOUser, err error) {
	options := []client.ListOption{client.InNamespace(u.Namespace)}
	var holder *v1alpha1.CloudSSOUser
	switch {
	case rule == nil || rule.Attribute == v1alpha1.UsernameFromUserName || rule.Attribute == "":
		options = append(options, client.MatchingFields{"spec.userName": u.Spec.UserName})
		if holder, err = HolderOfUserName(ctx, c, u.Namespace, u.Spec.UserName); err != nil {
			return nil, err
		}
	case rule.Attribute == v1alpha1.UsernameFromExternalID && !rule.Lowercase:
		options = append(options, client.MatchingFields{"spec.externalId": u.Spec.ExternalID})
	}
	users, err = keepEach(ctx, c, &v1alpha1.CloudSSOUserList{}, "CloudSSOUsers", func(other *v1alpha1.CloudSSOUser) bool {
		name, err := access.Username(rule, other)
		return err == nil && name == wanted
	}, options...)
	if holder != nil && !slices.ContainsFunc(users, func(other v1alpha1.CloudSSOUser) bool { return other.Name == holder.Name }) {
		users = append(users, *holder)
	}
	return users, err
}

// keepEach reads a list page by page, and returns the objects to keep. what is what the error calls them.
func keepEach[T any, O object[T]](ctx context.Context, c client.Client, list client.ObjectList, what string, keeps func(O) bool, options ...client.ListOption) (kept []T, err error) {
	err = EachPage(ctx, c, list, func() bool {
		_ = meta.EachListItem(list, func(item runtime.Object) error {
			if o, is := item.(O); is && keeps(o) {
				kept = append(kept, *o)
			}
			return nil
		})
		return true
	}, options...)
	if err != nil {
		return nil, explained(err, what)
	}
	return kept, nil
}
