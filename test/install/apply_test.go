//go:build install

package install

import (
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

var _ = Describe("The objects of all components", func() {
	foreign := []string{"Certificate", "HTTPRoute", "PrometheusRule", "ServiceMonitor"}
	create := func(ctx SpecContext, o *unstructured.Unstructured) error {
		return cluster.Create(ctx, o.DeepCopy(), client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
	}

	It("are accepted by an API server that has the CRDs of the other projects", func(ctx SpecContext) {
		files := strings.Fields(os.Getenv("FOREIGN_CRDS"))
		Expect(files).To(HaveLen(len(foreign)), "FOREIGN_CRDS does not name the CRDs: run make test-install")
		crds := envtest.CRDInstallOptions{Paths: files, ErrorIfPathMissing: true}
		DeferCleanup(func() { Expect(envtest.UninstallCRDs(plane.Admin(), crds)).To(Succeed()) })
		_, err := envtest.InstallCRDs(plane.Admin(), crds)
		Expect(err).NotTo(HaveOccurred())
		createNamespace(ctx, namespace)
		DeferCleanup(func(ctx SpecContext) { removeNamespace(ctx, namespace) })

		// The CRDs of the chart are in the cluster already. Helm applies them, which is as strict.
		found := map[string]bool{}
		for key, o := range parse([]byte(mustHelm(ctx, "template", release, chart, "--namespace", namespace, "--set", allComponents+",crds.enabled=false"))) {
			Expect(create(ctx, o)).To(Succeed(), key)
			found[o.GetKind()] = true
			o.Object["unknown"] = true
			Expect(create(ctx, o)).To(MatchError(ContainSubstring(`unknown field "unknown"`)), key)
		}
		for _, kind := range foreign {
			Expect(found).To(HaveKey(kind))
		}
	})
})
