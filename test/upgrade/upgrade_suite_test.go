// Package upgrade_test stores objects of the last release on a real API server, applies the CRDs of the working tree over those
// of the release, and updates each object without a change. testdata has CRDs and objects of the last release.
// Before the first one it has v0.0.0, whose CRDs are changed together with those of the working tree: then nothing is compared.
package upgrade_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

var (
	cluster client.Client // strict: an unknown or repeated field is an error
	api     rest.Interface
)

func TestUpgrade(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set, so there is no API server to test on: run `make test`, which builds one and sets it")
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "Upgrade of the CRDs")
}

var _ = BeforeSuite(func() {
	environment := &envtest.Environment{}
	DeferCleanup(environment.Stop)
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred())
	found, err := discovery.NewDiscoveryClientForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	api = found.RESTClient()
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	unchecked, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	cluster = client.WithFieldValidation(unchecked, metav1.FieldValidationStrict)
})

// applyCRDs applies CRDs as make deploy and helm do, each with one more printed column, and waits until the API server prints
// it: from then on it serves the schemas that came with it.
func applyCRDs(ctx context.Context, crds []crd, column string) {
	GinkgoHelper()
	for _, c := range crds {
		Expect(cluster.Apply(ctx, client.ApplyConfigurationFromUnstructured(withColumn(c, column)), client.FieldOwner("upgrade"), client.ForceOwnership)).To(Succeed())
	}
	for _, c := range crds {
		Eventually(func() []string { return columns(ctx, c.Spec) }).Should(ContainElement(column), c.Name)
	}
}

// withColumn returns the manifest of a CRD whose stored version prints one more column.
func withColumn(c crd, name string) *unstructured.Unstructured {
	GinkgoHelper()
	changed := c.DeepCopy()
	column := apiextensionsv1.CustomResourceColumnDefinition{Name: name, Type: "string", JSONPath: ".metadata.name"}
	for i := range changed.Spec.Versions {
		v := &changed.Spec.Versions[i]
		v.AdditionalPrinterColumns = append(v.AdditionalPrinterColumns, column)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(changed)
	Expect(err).NotTo(HaveOccurred())
	delete(content, "status")
	return &unstructured.Unstructured{Object: content}
}

// columns returns the names of the columns that kubectl get prints; none while the kind is not served.
func columns(ctx context.Context, spec apiextensionsv1.CustomResourceDefinitionSpec) []string {
	answer, err := api.Get().AbsPath("/apis", spec.Group, spec.Versions[0].Name, spec.Names.Plural).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
	if err != nil {
		return nil
	}
	var table metav1.Table
	if err := json.Unmarshal(answer, &table); err != nil {
		return nil
	}
	names := make([]string, len(table.ColumnDefinitions))
	for i, column := range table.ColumnDefinitions {
		names[i] = column.Name
	}
	return names
}
