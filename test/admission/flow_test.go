package admission_test

import (
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("config/flow-control", func() {
	const name = "cloudsso-operator"

	It("gives the operator alone a priority level of its own", func(ctx SpecContext) {
		Expect(plane.Apply(ctx, "flow-control")).To(Succeed())
		schema, level := &flowcontrolv1.FlowSchema{}, &flowcontrolv1.PriorityLevelConfiguration{}
		Expect(person.Get(ctx, client.ObjectKey{Name: name}, schema)).To(Succeed())
		Expect(person.Get(ctx, client.ObjectKey{Name: name}, level)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			Expect(person.Delete(ctx, schema)).To(Succeed())
			Expect(person.Delete(ctx, level)).To(Succeed())
		})

		account, err := plane.Operator(ctx)
		Expect(err).NotTo(HaveOccurred())
		root, err := plane.ClusterAdmin(ctx, "root")
		Expect(err).NotTo(HaveOccurred())
		both := func(header http.Header) []string {
			return []string{header.Get("X-Kubernetes-PF-FlowSchema-UID"), header.Get("X-Kubernetes-PF-PriorityLevel-UID")}
		}
		Eventually(func() []string { return both(headerFor(ctx, account)) }).WithTimeout(time.Minute).
			Should(Equal([]string{string(schema.UID), string(level.UID)}))
		Expect(both(headerFor(ctx, root))).NotTo(ContainElement(BeElementOf(string(schema.UID), string(level.UID))))
		Eventually(func() []flowcontrolv1.FlowSchemaCondition {
			Expect(person.Get(ctx, client.ObjectKeyFromObject(schema), schema)).To(Succeed())
			return schema.Status.Conditions
		}).Should(ContainElement(And(
			HaveField("Type", BeEquivalentTo(flowcontrolv1.FlowSchemaConditionDangling)), HaveField("Status", flowcontrolv1.ConditionFalse))))
	})
})

// headerFor lists users and returns the header of the answer.
func headerFor(ctx context.Context, config *rest.Config) http.Header {
	GinkgoHelper()
	c, err := rest.HTTPClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	url := strings.TrimSuffix(config.Host, "/") + "/apis/" + v1alpha1.GroupVersion.String() + "/cloudssousers?limit=1"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := c.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	Expect(response.StatusCode).To(Equal(http.StatusOK))
	return response.Header
}
