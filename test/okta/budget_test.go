package okta_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("the application that is unassigned from Everyone, with a disablement budget", Serial, func() {
	const budget = 2
	deactivation := patch(`[{"op":"replace","value":{"active":false}}]`)
	activation := patch(`[{"op":"replace","path":"active","value":true}]`)
	var ids []string

	BeforeEach(func(ctx SpecContext) {
		ids = nil
		for range budget + 1 {
			ids = append(ids, create(ctx, unique("everyone")))
		}
		configure(ctx, func(d *v1alpha1.CloudSSODirectory) {
			d.Spec.DisablementBudget = &v1alpha1.DisablementBudget{Count: new(int32(budget)), Window: metav1.Duration{Duration: time.Hour}}
		})
		DeferCleanup(configure, func(d *v1alpha1.CloudSSODirectory) { d.Spec.DisablementBudget = nil })
		for _, id := range ids[:budget] {
			send(ctx, 200, "PATCH", "/Users/"+id, deactivation)
		}
	})

	isWithheld := func(ctx SpecContext, id string) bool { return user(ctx, id).Spec.Withheld != nil }

	It("deactivates no more users than the budget, and repeats the others until an administrator applies them", func(ctx SpecContext) {
		last := ids[budget]
		before := send(ctx, 200, "GET", "/Users/"+last, "")
		for range 3 {
			answer := send(ctx, 429, "PATCH", "/Users/"+last, deactivation)
			Expect(answer.Header.Get("Retry-After")).To(MatchRegexp(`^[1-9][0-9]*$`))
			Expect(answer.Body).To(HaveKeyWithValue("detail", And(ContainSubstring("2 users in 1h"), ContainSubstring("kubectl -n "+environment.Namespace+" patch cloudssouser"), ContainSubstring(last))))
		}
		Expect(send(ctx, 200, "GET", "/Users/"+last, "").Body).To(Equal(before.Body))
		log, err := os.ReadFile(environment.LogFile())
		Expect(err).NotTo(HaveOccurred())
		Expect(string(log)).To(MatchRegexp(`"msg":"Deactivation Withheld".*"id":%q.*"reason":"withheld"`, last))

		apply := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"withheld":{"decision":"Apply"}}}`))
		Expect(environment.Admin.Patch(ctx, user(ctx, last), apply)).To(Succeed())
		Eventually(stateOf(ctx, last)).Should(Equal(v1alpha1.UserDisabled))
		Expect(send(ctx, 200, "PATCH", "/Users/"+last, deactivation).Body).To(HaveKeyWithValue("active", false))
	})

	It("releases a user who is assigned again, and keeps the others withheld whatever else is sent", func(ctx SpecContext) {
		last := ids[budget]
		send(ctx, 429, "DELETE", "/Users/"+last, "")
		name := send(ctx, 200, "GET", "/Users/"+last, "").Body["userName"]
		for _, profile := range []string{
			patch(`[{"op":"replace","path":"title","value":"Admiral"}]`),
			patch(`[{"op":"replace","value":{"nickName":"Addy"}}]`),
			patch(`[{"op":"remove","path":"active"}]`),
		} {
			send(ctx, 200, "PATCH", "/Users/"+last, profile)
			Expect(isWithheld(ctx, last)).To(BeTrue(), profile)
		}
		send(ctx, 200, "PUT", "/Users/"+last, fmt.Sprintf(`{"userName":%q,"title":"Captain"}`, name))
		Expect(isWithheld(ctx, last)).To(BeTrue())
		bulk := send(ctx, 200, "POST", "/Bulk", fmt.Sprintf(`{"Operations":[{"method":"PUT","path":"/Users/%s","data":{"userName":%q,"active":false}}]}`, last, name))
		Expect(bulk.Raw).To(ContainSubstring(`"status":"429"`))
		Expect(user(ctx, last).Spec.Title).To(Equal("Captain"), "a request that is withheld changes no other attribute")

		send(ctx, 200, "PATCH", "/Users/"+last, activation)
		Expect(isWithheld(ctx, last)).To(BeFalse())
		log, err := os.ReadFile(environment.LogFile())
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(string(log), `"effects":["Released"]`)).To(Equal(1))
		send(ctx, 429, "DELETE", "/Users/"+last, "")
		send(ctx, 200, "PUT", "/Users/"+last, fmt.Sprintf(`{"userName":%q,"active":true}`, name))
		Expect(isWithheld(ctx, last)).To(BeFalse())
	})
})
