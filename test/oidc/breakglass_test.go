package oidc_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var _ = Describe("A way in for emergencies", func() {
	It("is open while the issuer cannot be reached, and closed by its binding", func(ctx SpecContext) {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "break-glass-1"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "break-glass-1"}},
		}
		Expect(admin.Create(ctx, binding)).To(Succeed())
		certificate, err := cp.User("break-glass-1")
		Expect(err).NotTo(HaveOccurred())
		lost.awaitAlice(ctx)

		Expect(lost.issuer.Stop()).To(Succeed())
		Expect(cp.RestartAPIServer()).To(Succeed())
		Eventually(status(ctx, certificate)).WithTimeout(acceptTimeout).Should(Equal(http.StatusOK))
		guarded.awaitAlice(ctx)
		Expect(statusOf(ctx, lost.token(alice))()).To(Equal(http.StatusUnauthorized))

		Expect(admin.Delete(ctx, binding)).To(Succeed())
		Eventually(status(ctx, certificate)).Should(Equal(http.StatusForbidden))
	})
})
