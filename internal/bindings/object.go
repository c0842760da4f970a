package bindings

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Object is a RoleBinding or a ClusterRoleBinding.
type Object struct {
	client.Object
	RoleRef  rbacv1.RoleRef
	Subjects []rbacv1.Subject
}
