package oidc_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

// systemGroupRule is the rule that every AuthenticationConfiguration must have.
const systemGroupRule = "user.groups.all(g, !g.startsWith('system:'))"

var _ = Describe("A token", func() {
	It("has the rights of its user, and no more", func(ctx SpecContext) {
		Expect(statusOf(ctx, guarded.token(alice))()).To(Equal(http.StatusForbidden))
		binding := bind(ctx, "oidc:alice@example.com", "view")
		Eventually(statusOf(ctx, guarded.token(alice))).WithPolling(pollInterval).Should(Equal(http.StatusOK))
		Expect(admin.Delete(ctx, binding)).To(Succeed())
		Eventually(statusOf(ctx, guarded.token(alice))).WithPolling(pollInterval).Should(Equal(http.StatusForbidden))
	})

	DescribeTable("is refused", func(ctx SpecContext, change func(claims map[string]any)) {
		claims := map[string]any{
			"iss": guarded.issuer.URL, "aud": oidcissuer.Audience, "sub": alice.Subject, "exp": time.Now().Add(time.Hour).Unix(),
			"preferred_username": alice.UserName,
		}
		good, err := guarded.issuer.Sign(claims)
		Expect(err).NotTo(HaveOccurred())
		Expect(statusOf(ctx, good)()).To(Equal(http.StatusForbidden))
		change(claims)
		bad, err := guarded.issuer.Sign(claims)
		Expect(err).NotTo(HaveOccurred())
		Expect(statusOf(ctx, bad)()).To(Equal(http.StatusUnauthorized))
	},
		Entry("that claims a group of Kubernetes", func(c map[string]any) { c["groups"] = []string{"staff", "system:masters"} }),
		Entry("that has expired", func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }),
		Entry("that is for another client", func(c map[string]any) { c["aud"] = "another" }),
		Entry("of another issuer", func(c map[string]any) { c["iss"] = "https://another.example.com" }),
		Entry("without a user name", func(c map[string]any) { delete(c, "preferred_username") }),
	)

	It("is refused if its signature is another's", func(ctx SpecContext) {
		other := startIssuer(ctx)
		other.URL = guarded.issuer.URL
		forged, err := other.IDToken(alice, time.Now(), time.Now().Add(time.Hour))
		Expect(err).NotTo(HaveOccurred())
		Expect(statusOf(ctx, forged)()).To(Equal(http.StatusUnauthorized))
	})

	It("that claims system:masters has all rights if the rule is missing", func(ctx SpecContext) {
		master := alice
		master.Groups = []string{"system:masters"}
		Eventually(statusOf(ctx, unguarded.token(master))).WithTimeout(acceptTimeout).WithPolling(pollInterval).Should(Equal(http.StatusOK))
	})

	It("is refused by a rule that names its user, whatever its group is bound to", func(ctx SpecContext) {
		binding := bindTo(ctx, rbacv1.GroupKind, "staff", "view")
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, binding)).To(Succeed()) })
		leaver := alice
		leaver.Groups = []string{"staff"}
		colleague := leaver
		colleague.Subject, colleague.UserName = "00u5d6e7f8", "bob@example.com"
		Eventually(statusOf(ctx, refusing.token(colleague))).Should(Equal(http.StatusOK))
		Expect(statusOf(ctx, guarded.token(leaver))()).To(Equal(http.StatusOK))
		Expect(statusOf(ctx, refusing.token(leaver))()).To(Equal(http.StatusUnauthorized))
	})

	It("whose user name begins with system: is refused by the second rule", func(ctx SpecContext) {
		Eventually(func() (string, error) { return username(ctx, unprefixed.token(alice)) }).
			WithTimeout(acceptTimeout).WithPolling(pollInterval).Should(Equal("alice@example.com"))
		system := alice
		system.UserName = "system:admin"
		Expect(statusOf(ctx, unprefixed.token(system))()).To(Equal(http.StatusUnauthorized))
	})
})
