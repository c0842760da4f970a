package plugin_test

import (
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// credentials returns the names of the credentials of the directory.
func credentials(ctx context.Context) (names []string) {
	GinkgoHelper()
	out, _ := kubectl(ctx, 0, "cloudsso", "credential", "list", "-o", "name")
	for _, line := range strings.Fields(out) {
		names = append(names, strings.TrimPrefix(line, "scimcredential.cloudsso.dev/"))
	}
	return names
}

// created creates a credential and returns its token. It is revoked after the test, if the test has not done that.
func created(ctx context.Context, name string) (token string) {
	GinkgoHelper()
	token, _ = kubectl(ctx, 0, "cloudsso", "credential", "create", name, "--description", "a test")
	DeferCleanup(func(ctx SpecContext) {
		for _, left := range credentials(ctx) {
			if strings.HasPrefix(left, name) {
				kubectl(ctx, 0, "cloudsso", "credential", "revoke", left, "--yes")
			}
		}
	})
	return token
}

var _ = Describe("kubectl cloudsso credential", func() {
	It("creates, lists and revokes a credential", func(ctx SpecContext) {
		out, stderr := kubectl(ctx, 0, "cloudsso", "credential", "create", "second", "--expires-in", "2400h", "--allowed-network", "127.0.0.0/8")
		token := out
		namespace, valid := auth.ParseToken(token)
		Expect(valid).To(BeTrue(), out)
		Expect(namespace).To(Equal(environment.Namespace))
		Expect(stderr).To(And(ContainSubstring(environment.BaseURL), Not(ContainSubstring(token)), Not(ContainSubstring("warning"))))
		Eventually(statusWith(ctx, token)).Should(Equal(http.StatusOK))

		var stored v1alpha1.SCIMCredential
		Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: "second"}, &stored)).To(Succeed())
		Expect(stored.Spec.TokenHash).To(Equal(auth.HashToken(token).String()))
		Expect(stored.Spec.ExpiresAt.Time).To(BeTemporally("~", time.Now().Add(2400*time.Hour), time.Minute))
		Expect(stored.Spec.AllowedNetworks).To(Equal([]string{"127.0.0.0/8"}))
		var secrets corev1.SecretList
		Expect(environment.Admin.List(ctx, &secrets, client.InNamespace(environment.Namespace))).To(Succeed())
		Expect(secrets.Items).NotTo(ContainElement(HaveField("Name", HavePrefix("second"))))

		Eventually(func() string { // its conditions may come after its first use
			out, _ := kubectl(ctx, 0, "cloudsso", "credential", "list")
			return out
		}).Should(MatchRegexp(`(?m)^NAME +READY +USABLE +REASON +EXPIRES +LAST USED +AGE\n(.*\n)*second +True +True +Usable `))

		By("refusing a third, which would get no slot")
		_, stderr = kubectl(ctx, 1, "cloudsso", "credential", "create", "third")
		Expect(stderr).To(ContainSubstring("error: directory acme has the credentials okta and second, and no more than 2 can authenticate: revoke one first"))

		By("revoking it")
		_, stderr = kubectl(ctx, 1, "cloudsso", "credential", "revoke", "second")
		Expect(stderr).To(ContainSubstring("There is no terminal to ask at: give --yes"))
		Expect(statusWith(ctx, token)()).To(Equal(http.StatusOK))
		kubectl(ctx, 0, "cloudsso", "credential", "revoke", "second", "--yes")
		Eventually(statusWith(ctx, token)).Should(Equal(http.StatusUnauthorized))
		_, stderr = kubectl(ctx, 1, "cloudsso", "credential", "revoke", "second", "--yes")
		Expect(stderr).To(ContainSubstring(`Error from server (NotFound): scimcredentials.cloudsso.dev "second" not found`))
	})

	It("keeps both credentials of a rotation that ends before the provider has moved", func(ctx SpecContext) {
		makeRoom(ctx)
		old := created(ctx, "main")
		session := start(ctx, "cloudsso", "credential", "rotate", "main", "--yes", "--timeout", "3m")
		Eventually(session.Err).Should(gbytes.Say("Waiting at most 3m until it is used; main stays valid"))
		var token string
		Eventually(func() bool { // the two outputs are read one beside the other
			token = string(session.Out.Contents())
			_, whole := auth.ParseToken(token)
			return whole
		}).Should(BeTrue())
		Eventually(statusWith(ctx, token)).Should(Equal(http.StatusOK))
		successor := "main-" + auth.HashToken(token).Fingerprint()
		var stored v1alpha1.SCIMCredential
		Eventually(func(g Gomega) {
			g.Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: successor}, &stored)).To(Succeed())
			g.Expect(stored.Status.LastUsedTime).NotTo(BeNil())
		}).Should(Succeed())
		Expect(stored.Spec.Description).To(Equal("a test"))
		Eventually(session.Err).Should(gbytes.Say("The token of " + successor + " is used. Waiting until that of main was not used for 2m, and the new one was used again."))
		Consistently(session).WithTimeout(3*time.Second).ShouldNot(gexec.Exit(), "one use is no proof")
		session.Interrupt()
		Eventually(session).Should(gexec.Exit(1))
		Expect(session.Err).To(gbytes.Say("the identity provider has not moved to the new token.*" + successor + " and main stay"))
		Expect(credentials(ctx)).To(ConsistOf("main", successor))
		Expect(statusWith(ctx, old)()).To(Equal(http.StatusOK))
		Expect(statusWith(ctx, token)()).To(Equal(http.StatusOK))
	})
})

// makeRoom deletes the credential of the environment for the time of a test.
func makeRoom(ctx context.Context) {
	GinkgoHelper()
	var okta v1alpha1.SCIMCredential
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: "okta"}, &okta)).To(Succeed())
	Expect(environment.Admin.Delete(ctx, &okta)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		restored := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: okta.Namespace, Name: okta.Name}, Spec: okta.Spec}
		Expect(environment.Admin.Create(ctx, restored)).To(Succeed())
	})
}
