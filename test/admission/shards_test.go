package admission_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// The policies know operators by the full user name of their service account, whatever rights another one has.
var _ = Describe("a service account that the policies do not name", func() {
	for _, account := range []struct{ namespace, name string }{
		{"elsewhere", controlplane.OperatorServiceAccount},
		{controlplane.SystemNamespace, controlplane.OperatorServiceAccount + "-south"},
	} {
		It("is refused like any other user: "+account.name+" in "+account.namespace, func(ctx SpecContext) {
			directory := newDirectory(ctx, enabled)
			Expect(client.IgnoreAlreadyExists(person.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: account.namespace}}))).To(Succeed())
			Expect(person.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: account.namespace, Name: account.name}})).To(Succeed())
			Expect(person.Create(ctx, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: directory, Name: "shard"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: controlplane.OperatorServiceAccount},
				Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.namespace, Name: account.name}},
			})).To(Succeed())
			config, err := plane.ServiceAccount(ctx, account.namespace, account.name)
			Expect(err).NotTo(HaveOccurred())
			stranger := newClient(config)
			Eventually(func() error { return stranger.Create(ctx, newUser(directory, "mine", v1alpha1.SourceManual)) }).Should(Succeed())
			err = stranger.Create(ctx, newUser(directory, "theirs", v1alpha1.SourceSCIM))
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
			Expect(err).To(MatchError(ContainSubstring("is synchronized by SCIM")))
			expectClaimRefused(stranger.Create(ctx, newClaim(directory, "claim")), "created")
		})
	}
})
