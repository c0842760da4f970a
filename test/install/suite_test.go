//go:build install

// Package install installs the Helm chart on a real control plane with nodes, as an administrator does, and compares the
// chart with the manifests of config. It runs with the build tag "install", because it needs helm, kwok and kube-scheduler,
// which take minutes to build: make test-install prepares them.
package install

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	release   = "cloudsso-operator"
	namespace = controlplane.SystemNamespace
	// soon is how long controllers may take on a busy machine.
	soon = time.Minute
)

var (
	root       string // of the repository
	tools      string // the folder of helm, kwok and its stages
	kubeconfig string // of a person who is cluster-admin
	plane      *controlplane.ControlPlane
	cluster    client.Client // the person's
)

func TestInstall(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Install")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	root, err = controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	tools = os.Getenv("INSTALL_TOOLS")
	Expect(tools).NotTo(BeEmpty(), "INSTALL_TOOLS is not set: run make test-install")

	plane, err = controlplane.Start(ctx, controlplane.Options{Bare: true, Controllers: []string{
		"clusterrole-aggregation-controller", "deployment-controller", "disruption-controller", "garbage-collector-controller", "job-controller",
		"namespace-controller", "node-lifecycle-controller", "replicaset-controller", "validatingadmissionpolicy-status-controller",
	}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	admin := writeKubeconfig(plane.Admin())
	start(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kube-scheduler"), "--kubeconfig="+admin, "--leader-elect=false", "--secure-port=0")
	// The nodes say by their status that they are there: with leases they were NotReady after a minute.
	start(filepath.Join(tools, "kwok"), "--kubeconfig="+admin, "--manage-all-nodes", "--node-lease-duration-seconds=0", "--config="+filepath.Join(tools, "stages.yaml"))

	person, err := plane.ClusterAdmin(ctx, "administrator")
	Expect(err).NotTo(HaveOccurred())
	kubeconfig = writeKubeconfig(person)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		Expect(add(scheme)).To(Succeed())
	}
	cluster, err = client.New(person, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	for _, name := range nodes {
		createNode(ctx, name)
	}
}, NodeTimeout(5*time.Minute))

// A failure that waited for Pods is explained by what the cluster says of them.
var _ = JustAfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() {
		GinkgoWriter.Println(kubectl(ctx, "get", "nodes,deployments,replicasets,pods", "-A", "-o", "yaml", "--ignore-not-found"))
		GinkgoWriter.Println(kubectl(ctx, "get", "events", "-A", "--sort-by=.lastTimestamp"))
	}
})

var nodes = []string{"node-a", "node-b"}

func createNode(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(cluster.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		corev1.LabelHostname: name, corev1.LabelTopologyZone: "zone-" + name,
	}}})).To(Succeed())
	Eventually(func(g Gomega) {
		node := &corev1.Node{}
		g.Expect(cluster.Get(ctx, client.ObjectKey{Name: name}, node)).To(Succeed())
		g.Expect(node.Spec.Taints).To(BeEmpty())
	}, soon).Should(Succeed())
}

// createNamespace creates a namespace as the documentation says.
func createNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}})).To(Succeed())
}

// removeNamespace deletes a namespace, and waits until it is gone.
func removeNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(client.IgnoreNotFound(cluster.Delete(ctx, o))).To(Succeed())
	Eventually(func() bool { return apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)) }, soon).Should(BeTrue())
}

// removeRelease uninstalls the release, if it is installed, because a release with policies refuses another one, and deletes its namespace.
func removeRelease(ctx context.Context) {
	GinkgoHelper()
	mustHelm(ctx, "uninstall", release, "--namespace", namespace, "--wait", "--ignore-not-found")
	removeNamespace(ctx, namespace)
}

// environment returns the variables of the administrator's programs.
func environment() []string {
	home := filepath.Dir(kubeconfig)
	return append(os.Environ(), "KUBECONFIG="+kubeconfig, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
}

// helm runs helm as the administrator.
func helm(ctx context.Context, arguments ...string) (output string, err error) {
	command := exec.CommandContext(ctx, filepath.Join(tools, "helm"), arguments...)
	command.Dir = root
	command.Env = environment()
	var stderr strings.Builder
	command.Stderr = &stderr
	printed, err := command.Output()
	GinkgoWriter.Printf("helm %s: %v\n%s\n", strings.Join(arguments, " "), err, stderr.String())
	if err != nil {
		err = fmt.Errorf("helm %s: %w: %s", arguments[0], err, stderr.String())
	}
	return string(printed), err
}

func mustHelm(ctx context.Context, arguments ...string) (output string) {
	GinkgoHelper()
	output, err := helm(ctx, arguments...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// leaveCRDs sees to it that the CRDs are there, as a release leaves them that was uninstalled.
func leaveCRDs(ctx context.Context) {
	GinkgoHelper()
	if len(crdUIDs(ctx)) > 0 {
		return
	}
	createNamespace(ctx, namespace)
	mustHelm(ctx, "install", release, chart, "--namespace", namespace, "--wait", "--timeout", "2m")
	removeRelease(ctx)
}

const chart = "charts/cloudsso-operator"
