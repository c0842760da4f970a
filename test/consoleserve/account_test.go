package consoleserve_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const component = "cloudsso-console"

var _ = Describe("The component", func() {
	BeforeEach(func(ctx SpecContext) {
		Expect(cp.Apply(ctx, "console")).To(Succeed())
	})

	It("has a service account with the rights of each account, and no other", func(ctx SpecContext) {
		unbound := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.SystemNamespace, GenerateName: "unbound-"}}
		Expect(cluster.Create(ctx, unbound)).To(Succeed())
		for _, in := range []string{controlplane.SystemNamespace, namespace} {
			console, other := rules(ctx, component, in), rules(ctx, unbound.Name, in)
			Expect(console.ResourceRules).To(ConsistOf(other.ResourceRules))
			Expect(console.NonResourceRules).To(ConsistOf(other.NonResourceRules))
			Expect(console.Incomplete).To(BeFalse())
		}
		for _, rule := range rules(ctx, component, namespace).ResourceRules {
			Expect(rule.APIGroups).NotTo(ContainElement(BeElementOf("", "*", v1alpha1.GroupVersion.Group)))
			Expect(rule.Verbs).NotTo(ContainElement(BeElementOf("*", "impersonate")))
		}
		account := &corev1.ServiceAccount{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: controlplane.SystemNamespace, Name: component}, account)).To(Succeed())
		Expect(account.AutomountServiceAccountToken).To(HaveValue(BeFalse()))
	})

	It("runs as the strictest Pod Security Standard demands, and without a token", func(ctx SpecContext) {
		deployment := &appsv1.Deployment{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: controlplane.SystemNamespace, Name: component}, deployment)).To(Succeed())
		strict := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "strict-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
		Expect(cluster.Create(ctx, strict)).To(Succeed())
		Expect(cluster.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: strict.Name, Name: component}})).To(Succeed())
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: strict.Name, Name: "console"}, Spec: deployment.Spec.Template.Spec}
		Expect(cluster.Create(ctx, pod, client.DryRunAll)).To(Succeed())
		for _, v := range pod.Spec.Volumes {
			Expect(v.Projected).To(BeNil(), "the token of the service account is mounted")
		}
	})
})

// rules returns what a service account of the operator's namespace may do in a namespace.
func rules(ctx SpecContext, account, in string) authorizationv1.SubjectRulesReviewStatus {
	GinkgoHelper()
	identity, err := cp.ServiceAccount(ctx, controlplane.SystemNamespace, account)
	Expect(err).NotTo(HaveOccurred())
	c, err := client.New(identity, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: in}}
	Expect(c.Create(ctx, review)).To(Succeed())
	return review.Status
}
