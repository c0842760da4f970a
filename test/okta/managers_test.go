package okta_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// GitOps tools tell by the field manager whose a field is, and "manager" is what many operators call themselves.
var _ = Describe("everything that the operator writes", func() {
	It("has one field manager after a life cycle", func(ctx SpecContext) {
		alice := send(ctx, 201, "POST", "/Users", newUser(unique("alice"), "00ualice")).ID()
		bob := send(ctx, 201, "POST", "/Users", newUser(unique("bob"), "00ubob")).ID()
		crew := send(ctx, 201, "POST", "/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[{"value":%q},{"value":%q},{"value":"unknown"}]}`, unique("Crew"), alice, bob)).ID()
		send(ctx, 200, "PATCH", "/Users/"+alice, patch(`[{"op":"replace","value":{"active":false}}]`))
		Eventually(stateOf(ctx, alice)).Should(Equal(v1alpha1.UserDisabled))
		send(ctx, 204, "DELETE", "/Users/"+bob, "")
		Eventually(func() []v1alpha1.Member { return group(ctx, crew).Spec.Members }).Should(HaveLen(1))
		Eventually(eventsOn(ctx, bob)).ShouldNot(BeEmpty())
		Eventually(func() *int32 { return group(ctx, crew).Status.Members }).Should(HaveValue(BeEquivalentTo(1)))

		seen := map[string]bool{}
		for _, kind := range []schema.GroupVersionKind{
			v1alpha1.GroupVersion.WithKind("CloudSSODirectoryList"), v1alpha1.GroupVersion.WithKind("CloudSSOUserList"),
			v1alpha1.GroupVersion.WithKind("CloudSSOGroupList"), v1alpha1.GroupVersion.WithKind("CloudSSONameClaimList"),
			v1alpha1.GroupVersion.WithKind("SCIMCredentialList"),
			{Version: "v1", Kind: "SecretList"},
			{Group: "events.k8s.io", Version: "v1", Kind: "EventList"},
		} {
			seen[kind.Kind] = checkManagers(ctx, kind, environment.Namespace)
		}
		lease := schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "LeaseList"}
		seen[lease.Kind] = checkManagers(ctx, lease, controlplane.SystemNamespace)
		for kind, byOperator := range seen {
			Expect(byOperator).To(BeTrue(), "the operator has written no %s", kind)
		}
	})
})

// checkManagers expects that each field of a kind's objects is the operator's or the test's, and reports whether the
// operator has written one.
func checkManagers(ctx context.Context, kind schema.GroupVersionKind, namespace string) (byOperator bool) {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	Expect(environment.Admin.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	for _, o := range list.Items {
		for _, entry := range o.GetManagedFields() {
			byOperator = byOperator || entry.Manager == "cloudsso-operator"
			Expect(entry).To(HaveField("Manager", Or(Equal("cloudsso-operator"), HavePrefix("okta"), Equal("kubectl-create"))), "%s %s: %s", o.GetKind(), o.GetName(), describe(entry))
		}
	}
	return byOperator
}

func describe(entry metav1.ManagedFieldsEntry) string {
	return strings.Join([]string{entry.Manager, string(entry.Operation), entry.Subresource, entry.FieldsV1.String()}, " ")
}
