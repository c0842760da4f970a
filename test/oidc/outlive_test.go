package oidc_test

import (
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	carol = "oidc:carol@example.com"
	// forgetTimeout is how long the API server may accept a token of a deleted service account: the ten seconds that it
	// remembers verified tokens, and time for a busy machine.
	forgetTimeout = 30 * time.Second
)

// asCarol returns a client of a user whose rights the caller grants.
func asCarol() client.Client {
	GinkgoHelper()
	person := alice
	person.UserName = strings.TrimPrefix(carol, "oidc:")
	c, err := client.New(cp.WithToken(guarded.token(person)), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func serviceAccount(name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// mint requests a token of a service account.
func mint(ctx context.Context, c client.Client, name string) (string, error) {
	request := &authenticationv1.TokenRequest{}
	err := c.SubResource("token").Create(ctx, serviceAccount(name), request)
	return request.Status.Token, err
}

// may reports whether carol may do something in the namespace.
func may(ctx context.Context, verb, resource, subresource string) bool {
	GinkgoHelper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: carol,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Resource: resource, Subresource: subresource,
		},
	}}
	Expect(admin.Create(ctx, review)).To(Succeed())
	return review.Status.Allowed
}

var _ = Describe("A token of a service account that a person has made", func() {
	DescribeTable("can be had with edit and admin, and not with view", func(ctx SpecContext, role string, allowed bool) {
		binding := bind(ctx, carol, role)
		Eventually(func() bool { return may(ctx, "get", "pods", "") }).Should(BeTrue())
		Expect(may(ctx, "create", "serviceaccounts", "token")).To(Equal(allowed))
		Expect(may(ctx, "create", "secrets", "")).To(Equal(allowed))
		Expect(may(ctx, "create", "pods", "")).To(Equal(allowed))
		Expect(may(ctx, "impersonate", "serviceaccounts", "")).To(Equal(allowed))
		Expect(admin.Delete(ctx, binding)).To(Succeed())
		Eventually(func() bool { return may(ctx, "get", "pods", "") }).Should(BeFalse())
	},
		Entry("view", "view", false),
		Entry("edit", "edit", true),
		Entry("admin", "admin", true),
	)

	It("outlives that person's access, and ends with the service account", func(ctx SpecContext) {
		access, account := bind(ctx, carol, "edit"), serviceAccount("deployer")
		Expect(admin.Create(ctx, account)).To(Succeed())
		bind(ctx, "system:serviceaccount:"+namespace+":deployer", "view")
		var kept string
		Eventually(func() (err error) { kept, err = mint(ctx, asCarol(), "deployer"); return err }).Should(Succeed())

		Expect(admin.Delete(ctx, access)).To(Succeed())
		Eventually(func() error { _, err := mint(ctx, asCarol(), "deployer"); return err }).Should(Satisfy(apierrors.IsForbidden))
		Expect(statusOf(ctx, kept)()).To(Equal(http.StatusOK))

		Expect(admin.Delete(ctx, account)).To(Succeed())
		Expect(admin.Create(ctx, serviceAccount("deployer"))).To(Succeed())
		Eventually(statusOf(ctx, kept)).WithTimeout(forgetTimeout).WithPolling(pollInterval).Should(Equal(http.StatusUnauthorized))
	})

	It("is refused by the documented policy", func(ctx SpecContext) {
		bind(ctx, carol, "edit")
		Expect(admin.Create(ctx, serviceAccount("builder"))).To(Succeed())
		Eventually(func() error { _, err := mint(ctx, asCarol(), "builder"); return err }).Should(Succeed())
		for _, o := range policyObjects() {
			Expect(admin.Create(ctx, o)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, o)).To(Succeed()) })
		}
		Eventually(func() error { _, err := mint(ctx, asCarol(), "builder"); return err }).WithTimeout(acceptTimeout).
			Should(MatchError(ContainSubstring("a person gets no token of a service account")))
		secret := func(t corev1.SecretType) *corev1.Secret {
			return &corev1.Secret{Type: t, ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, GenerateName: "token-", Annotations: map[string]string{corev1.ServiceAccountNameKey: "builder"},
			}}
		}
		Expect(asCarol().Create(ctx, secret(corev1.SecretTypeServiceAccountToken))).NotTo(Succeed())
		Expect(asCarol().Create(ctx, secret(corev1.SecretTypeOpaque))).To(Succeed())
		_, err := mint(ctx, admin, "builder")
		Expect(err).NotTo(HaveOccurred(), "others than people get tokens")
	})
})

// policyObjects returns the policy in the documentation and its binding.
func policyObjects() (all []client.Object) {
	GinkgoHelper()
	for _, o := range documentedObjects() {
		if o.GetName() == "people-mint-no-tokens" {
			all = append(all, o)
		}
	}
	Expect(all).To(HaveLen(2))
	return all
}
