// Package crd checks the custom resources on a real API server: it accepts the samples and the good examples of the
// reference, and refuses the bad examples with the messages that the reference shows.
package crd

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Folders of the repository, seen from this package.
const (
	crdFolder       = "../../config/crd"
	samplesFolder   = "../../config/samples"
	demoFolder      = "../../config/demo"
	referenceFolder = "../../docs/reference"
	apiFolder       = "../../api/v1alpha1"
)

var (
	config  *rest.Config
	cluster client.Client // strict: an unknown or repeated field is an error
	kubectl interface {
		Run(arguments ...string) (stdout, stderr io.Reader, err error)
	}
)

func TestCRDs(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set, so there is no API server to test on: run `make test`, which builds one and sets it")
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "Custom resources")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(30 * time.Second)
	environment := &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute} // as for the other suites
	DeferCleanup(environment.Stop)
	var err error
	config, err = environment.Start()
	Expect(err).NotTo(HaveOccurred())

	administrator, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	Expect(err).NotTo(HaveOccurred())
	kubectl, err = administrator.Kubectl()
	Expect(err).NotTo(HaveOccurred())

	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(apiextensionsv1.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	unchecked, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	cluster = client.WithFieldValidation(unchecked, metav1.FieldValidationStrict)

	run("apply", "--server-side", "-k", crdFolder)
	run("wait", "--for=condition=Established", "--timeout=30s", "-f", crdFolder+"/bases")
	// Discovery may know an established kind a moment later.
	Eventually(func() (names []string) {
		for _, resource := range served() {
			names = append(names, resource.Kind)
		}
		return names
	}).Should(ContainElements(kinds))
})

// run runs kubectl and returns what it printed. Each command discovers the kinds again: the cache in the home directory may
// be from a moment at which the API server served some of the kinds.
func run(arguments ...string) string {
	GinkgoHelper()
	stdout, stderr, err := kubectl.Run(append(arguments, "--cache-dir="+GinkgoT().TempDir())...)
	complaint, readErr := io.ReadAll(stderr)
	Expect(readErr).NotTo(HaveOccurred())
	Expect(err).NotTo(HaveOccurred(), "kubectl %v: %s", arguments, complaint)
	printed, readErr := io.ReadAll(stdout)
	Expect(readErr).NotTo(HaveOccurred())
	return string(printed)
}

// newNamespace creates a namespace for one test.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "directory-"}}
	Expect(cluster.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}
