package okta_test

import (
	"context"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// outage is longer than the leader's lease.
const outage = 8 * time.Second

var _ = Describe("while the control plane does not answer", Serial, func() {
	It("says so, tells nothing that is not certain, and goes on by itself afterwards", func(ctx SpecContext) {
		name := unique("outage")
		id := create(ctx, name)
		Eventually(stateOf(ctx, id)).Should(Equal(v1alpha1.UserActive))
		Expect(environment.ControlPlane.PauseEtcd()).To(Succeed())
		resumed := false
		resume := func() {
			if !resumed {
				resumed = true
				Expect(environment.ControlPlane.ResumeEtcd()).To(Succeed())
			}
		}
		DeferCleanup(resume)
		began := time.Now()

		By("answering what it knows, and 503 where it cannot be sure")
		Expect(send(ctx, 200, "GET", "/Users/"+id, "").ID()).To(Equal(id))
		Expect(send(ctx, 200, "GET", "/Users"+byFilter("userName eq %q", name), "").IDs()).To(ConsistOf(id))
		for _, ask := range []func() *provider.Response{
			func() *provider.Response {
				return attempt(ctx, "GET", "/Users"+byFilter("userName eq %q", unique("absent")), "")
			},
			func() *provider.Response { return attempt(ctx, "GET", "/Users/absent-x7k2p", "") },
		} {
			answer := ask()
			Expect(answer.Status).To(Equal(503), answer.Raw)
			seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
			Expect(err).NotTo(HaveOccurred())
			Expect(seconds).To(BeNumerically(">", 0))
		}
		// The lease ends meanwhile, which nothing shows but the time.
		Eventually(func() time.Duration { return time.Since(began) }, 2*outage).Should(BeNumerically(">", outage))
		resume()

		By("taking up its work again, in the same process")
		Eventually(func() int {
			return attempt(ctx, "PATCH", "/Users/"+id, patch(`[{"op":"replace","value":{"active":false}}]`)).Status
		}, time.Minute).Should(Equal(200))
		Eventually(stateOf(ctx, id), time.Minute).Should(Equal(v1alpha1.UserDisabled))
		Expect(environment.Manager.Exited()).NotTo(BeClosed())
	}, NodeTimeout(3*time.Minute))
})

// attempt sends a request whose status may be any.
func attempt(ctx context.Context, method, path, body string) *provider.Response {
	GinkgoHelper()
	response, err := okta.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	return response
}
