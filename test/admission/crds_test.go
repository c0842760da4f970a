package admission_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The deletions are dry runs: admission decides about them, and the other tests keep their CRDs.
var _ = Describe("CRDs", func() {
	var (
		crds  client.Client
		users = &apiextensionsv1.CustomResourceDefinition{}
	)

	annotate := func(ctx SpecContext, value string) {
		GinkgoHelper()
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"cloudsso.dev/delete":`+value+`}}}`))
		Expect(crds.Patch(ctx, users, patch)).To(Succeed())
	}

	BeforeEach(func(ctx SpecContext) {
		admin, err := plane.ClusterAdmin(ctx, "root")
		Expect(err).NotTo(HaveOccurred())
		scheme := runtime.NewScheme()
		Expect(apiextensionsv1.AddToScheme(scheme)).To(Succeed())
		crds, err = client.New(admin, client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		Expect(crds.Get(ctx, client.ObjectKey{Name: "cloudssousers.cloudsso.dev"}, users)).To(Succeed())
		DeferCleanup(annotate, "null")
	})

	It("are not deleted by a cluster administrator, one by one or all at once", func(ctx SpecContext) {
		Expect(crds.Delete(ctx, users, client.DryRunAll)).To(MatchError(SatisfyAll(
			ContainSubstring(`"cloudssousers.cloudsso.dev" cannot be deleted, because every CloudSSOUser`),
			ContainSubstring("kubectl annotate crd cloudssousers.cloudsso.dev cloudsso.dev/delete=yes"))))
		Expect(crds.DeleteAllOf(ctx, &apiextensionsv1.CustomResourceDefinition{}, client.DryRunAll)).To(MatchError(ContainSubstring("cannot be deleted")))
		annotate(ctx, `"no"`)
		Expect(crds.Delete(ctx, users, client.DryRunAll)).To(MatchError(ContainSubstring("cannot be deleted")))
	})

	It("are deleted after they have been annotated", func(ctx SpecContext) {
		annotate(ctx, `"yes"`)
		Expect(crds.Delete(ctx, users, client.DryRunAll)).To(Succeed())
	})

	It("of other projects are left alone", func(ctx SpecContext) {
		other := users.DeepCopy()
		other.ObjectMeta = metav1.ObjectMeta{Name: "cloudssousers.example.com"}
		other.Spec.Group = "example.com"
		Expect(crds.Create(ctx, other)).To(Succeed())
		Expect(crds.Delete(ctx, other)).To(Succeed())
	})
})
