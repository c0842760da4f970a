// Package namespaces_test gives the operator a selector of namespaces, and labels namespaces as a cluster's administrator
// does.
package namespaces_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

func TestNamespaces(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "A selector of namespaces")
}

var (
	environment *quickstart.Environment
	scim        *provider.Client
)

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(5 * time.Millisecond)
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{Dir: GinkgoT().TempDir(), Race: true, Flags: []string{"--directory-namespace-selector=sso=allowed"}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	scim, err = provider.New(environment.BaseURL, environment.Token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(5*time.Minute))

// label sets the label that the selector selects; "" removes it.
func label(ctx context.Context, value string) {
	GinkgoHelper()
	patch := `{"metadata":{"labels":{"sso":null}}}`
	if value != "" {
		patch = fmt.Sprintf(`{"metadata":{"labels":{"sso":%q}}}`, value)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: environment.Namespace}}
	Expect(environment.Admin.Patch(ctx, ns, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
}

// answer returns a function that sends a query and returns the status.
func answer(ctx context.Context) func() int {
	return func() int {
		response, err := scim.Do(ctx, http.MethodGet, "/Users?count=0", "")
		Expect(err).NotTo(HaveOccurred())
		return response.Status
	}
}

// condition returns a function that returns status and reason of a condition of the directory.
func condition(ctx context.Context, conditionType string) func() string {
	return func() string {
		d := &v1alpha1.CloudSSODirectory{}
		Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
		c := meta.FindStatusCondition(d.Status.Conditions, conditionType)
		if c == nil {
			return ""
		}
		return string(c.Status) + " " + c.Reason
	}
}

var _ = Describe("a directory", Ordered, func() {
	It("outside the selector is not served, and says so", func(ctx SpecContext) {
		Expect(answer(ctx)()).To(Equal(http.StatusForbidden))
		response, err := scim.Do(ctx, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice"}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Status).To(Equal(http.StatusForbidden))
		Expect(response.Body["detail"]).To(ContainSubstring("Ask the administrator of the cluster"))
		Expect(response.Raw).NotTo(ContainSubstring("sso=allowed"), "the selector is not the provider's to know")
		Eventually(condition(ctx, v1alpha1.ConditionNamespaceSelected)).Should(Equal("False NotSelected"))
		Eventually(condition(ctx, v1alpha1.ConditionReady)).Should(Equal("False NotSelected"))
	})

	It("follows the labels of its namespace", func(ctx SpecContext) {
		for range 3 {
			label(ctx, "allowed")
			Eventually(answer(ctx)).Should(Equal(http.StatusOK))
			Eventually(condition(ctx, v1alpha1.ConditionNamespaceSelected)).Should(Equal("True Selected"))
			Eventually(condition(ctx, v1alpha1.ConditionReady)).Should(Equal("True Ready"))
			label(ctx, "refused")
			Eventually(answer(ctx)).Should(Equal(http.StatusForbidden))
			label(ctx, "")
			Consistently(answer(ctx), "200ms").Should(Equal(http.StatusForbidden))
			Eventually(condition(ctx, v1alpha1.ConditionNamespaceSelected)).Should(Equal("False NotSelected"))
		}
	})

	It("is not served, whatever its labels, while the operator may not read namespaces", func(ctx SpecContext) {
		label(ctx, "allowed")
		Eventually(answer(ctx)).Should(Equal(http.StatusOK))
		binding := &rbacv1.ClusterRoleBinding{}
		Expect(environment.Admin.Get(ctx, client.ObjectKey{Name: "cloudsso-operator-cluster-reader"}, binding)).To(Succeed())
		Expect(environment.Admin.Delete(ctx, binding)).To(Succeed())
		Expect(environment.Manager.Stop()).To(Succeed())
		Expect(environment.RestartManager(ctx)).To(Succeed(), "a replica is ready without the right")
		Eventually(answer(ctx)).Should(Equal(http.StatusServiceUnavailable))
		Eventually(condition(ctx, v1alpha1.ConditionNamespaceSelected)).Should(Equal("Unknown NotPermitted"))
		Eventually(condition(ctx, v1alpha1.ConditionReady)).Should(Equal("False NotPermitted"))

		binding.ResourceVersion, binding.UID = "", ""
		Expect(environment.Admin.Create(ctx, binding)).To(Succeed())
		Eventually(answer(ctx)).Should(Equal(http.StatusOK))
		Eventually(condition(ctx, v1alpha1.ConditionNamespaceSelected)).Should(Equal("True Selected"))
	})
})
