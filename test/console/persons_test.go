//go:build console

package console_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// person is the name of a user of the cluster.
type person string

const (
	// viewer, editor and admin have the ClusterRoles view, edit and admin in the directory's namespace.
	viewer person = "viewer"
	editor person = "editor"
	// The quick start gives the name admin to an administrator of the cluster.
	admin person = "administrator"
	// stranger has no rights.
	stranger person = "stranger"
	// keeper has the rights that its one spec gives: no other spec waits until the API server has taken them back.
	keeper person = "keeper"
)

// roles are the ClusterRoles of the persons.
var roles = map[person]string{viewer: "view", editor: "edit", admin: "admin", stranger: "", keeper: ""}

// kubeconfigs are the paths of the persons' kubeconfigs.
var kubeconfigs = map[person]string{}

// createPersons gives each person a client certificate of the API server's, and a role.
func createPersons(ctx context.Context) {
	GinkgoHelper()
	for p, role := range roles {
		identity, err := environment.ControlPlane.User(string(p))
		Expect(err).NotTo(HaveOccurred())
		content, err := environment.ControlPlane.Kubeconfig(identity)
		Expect(err).NotTo(HaveOccurred())
		kubeconfigs[p] = writeKubeconfig(string(p), content)
		if role != "" {
			bind(ctx, p, environment.Namespace, role)
		}
	}
}

// bind gives a person a ClusterRole in a namespace, until the end of the spec or of the suite.
func bind(ctx context.Context, p person, namespace, role string) {
	GinkgoHelper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: string(p) + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: string(p)}},
	}
	Expect(environment.Admin.Create(ctx, binding)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { Expect(environment.Admin.Delete(ctx, binding)).To(Succeed()) })
}
