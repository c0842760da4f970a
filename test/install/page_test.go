//go:build install

package install

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
	"github.com/cloudsso/cloudsso-operator/test/programs"
)

const (
	// marked are the blocks of commands that this suite alone runs, and markedMake those with make, which test/uninstall runs too.
	marked, markedMake = "test=test/install", "test=test/uninstall"
	// packed is the chart in the commands for a release.
	packed = "cloudsso-operator-1.2.3.tgz"
	// pageTimeout is how long all commands of the pages may take.
	pageTimeout = 10 * time.Minute
)

// blocksByPage returns the fenced blocks of each document.
func blocksByPage() map[string][]markdown.Block {
	GinkgoHelper()
	all, err := markdown.BlocksByPage(filepath.Join(root, "docs"))
	Expect(err).NotTo(HaveOccurred())
	return all
}

// commandsByPage returns the blocks of commands with one of some marks, in their order.
func commandsByPage(marks ...string) map[string][]string {
	GinkgoHelper()
	all := map[string][]string{}
	for page, blocks := range blocksByPage() {
		for _, block := range blocks {
			if block.IsCommands() && slices.Contains(marks, block.Mark) {
				all[page] = append(all[page], block.Text)
			}
		}
	}
	return all
}

// cutCommands returns the one block with a text in it, and the others.
func cutCommands(blocks []string, text string) (found string, others []string) {
	GinkgoHelper()
	for _, block := range blocks {
		if !strings.Contains(block, text) {
			others = append(others, block)
			continue
		}
		Expect(found).To(BeEmpty(), "two blocks with %s", text)
		found = block
	}
	Expect(found).NotTo(BeEmpty(), "no block with %s", text)
	return found, others
}

// runCommands runs commands in a folder, as the administrator enters them into a shell.
func runCommands(ctx context.Context, folder, commands string) {
	GinkgoHelper()
	shell := exec.CommandContext(ctx, "bash", "-euxo", "pipefail", "-c", commands)
	shell.Dir = folder
	shell.Env = append(programs.WithoutMake(environment()), "PATH="+strings.Join([]string{tools, os.Getenv("KUBEBUILDER_ASSETS"), os.Getenv("PATH")}, string(os.PathListSeparator)))
	output, err := shell.CombinedOutput()
	GinkgoWriter.Printf("%s\n", output)
	Expect(err).NotTo(HaveOccurred(), "%s", output)
}

// checkOut returns a folder with what the commands read: the chart, manifests that can be changed, a certificate, and the file of
// values of the page.
func checkOut() string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	for _, name := range []string{"Makefile", "charts", "go.mod", "go.sum", "hack"} {
		Expect(os.Symlink(filepath.Join(root, name), filepath.Join(folder, name))).To(Succeed())
	}
	Expect(os.CopyFS(filepath.Join(folder, "config"), os.DirFS(filepath.Join(root, "config")))).To(Succeed())
	certificate, key, err := cert.GenerateSelfSignedCertKey("scim.example.com", nil, nil)
	Expect(err).NotTo(HaveOccurred())
	files := map[string][]byte{"tls.crt": certificate, "tls.key": key}
	for _, block := range blocksByPage()["install.md"] {
		if values, ok := strings.CutPrefix(block.Text, "# values.yaml\n"); ok {
			files["values.yaml"] = []byte(values)
		}
	}
	Expect(files).To(HaveKey("values.yaml"))
	for name, content := range files {
		Expect(os.WriteFile(filepath.Join(folder, name), content, 0o600)).To(Succeed())
	}
	return folder
}

var _ = Describe("The documents", func() {
	It("are followed with Helm, command by command", func(ctx SpecContext) {
		folder, pages := checkOut(), commandsByPage(marked)
		DeferCleanup(removeRelease)
		released, commands := cutCommands(pages["install.md"], packed)
		_, commands = cutCommands(commands, "REVISION")        // the spec of the failed hook runs it
		_, commands = cutCommands(commands, " install.yaml |") // the next spec runs it
		uninstall, commands := cutCommands(commands, "helm uninstall")
		delete(pages, "install.md")
		for _, block := range commands {
			runCommands(ctx, folder, block)
		}
		expectReady(ctx, client.ObjectKey{Namespace: namespace, Name: release}, 2)
		Expect(mustHelm(ctx, "get", "values", release, "--namespace", namespace)).To(And(ContainSubstring("--audit-log-values=active,name"),
			ContainSubstring("directoryNamespaceSelector: sso=allowed"), ContainSubstring("publicURL: https://scim.example.com/scim/v2")))

		By("following the other pages, which change this release")
		Expect(pages).To(And(HaveLen(2), HaveKey("console.md"), HaveKey("tracing.md")))
		for _, commands := range pages {
			for _, block := range commands {
				runCommands(ctx, folder, block)
			}
		}
		expectReady(ctx, client.ObjectKey{Namespace: namespace, Name: release}, 2)
		expectReady(ctx, client.ObjectKey{Namespace: namespace, Name: "cloudsso-console"}, 2)
		runCommands(ctx, folder, uninstall)

		By("installing the chart of a release")
		Expect(os.Rename(filepath.Join(makeRelease(ctx), "cloudsso-operator-0.0.0-rc.1.tgz"), filepath.Join(folder, packed))).To(Succeed())
		runCommands(ctx, folder, released)
		for _, pod := range podsOf(ctx, client.ObjectKey{Namespace: namespace, Name: release}) {
			Expect(pod.Spec.Containers[0].Image).To(Equal(releasedImage))
		}
	}, NodeTimeout(pageTimeout))

	It("are followed with kustomize, command by command", func(ctx SpecContext) {
		folder := checkOut()
		replaceIn(filepath.Join(folder, "config", "manager", "deployment.yaml"), "//scim.example.com/", "//scim.example.net/")
		replaceIn(filepath.Join(folder, "config", "default", "kustomization.yaml"), uncomment("network-policy")...)
		// Namespace, Secret and verification are those of the way with Helm.
		commands := slices.DeleteFunc(commandsByPage(marked, markedMake)["install.md"], func(block string) bool {
			return strings.Contains(block, "helm ") || strings.Contains(block, "cloudsso-remove-bindings")
		})
		deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: release}}
		follow := func(until string) {
			GinkgoHelper()
			next := slices.IndexFunc(commands, func(block string) bool { return strings.Contains(block, until) })
			Expect(next).To(BeNumerically(">", 0), "no block with %s after the ones that were run", until)
			for _, block := range commands[:next] {
				runCommands(ctx, folder, block)
			}
			commands = commands[next:]
		}

		By("installing the manifests of a release")
		manifests, others := cutCommands(commands, " install.yaml |")
		commands = others
		Expect(os.WriteFile(filepath.Join(folder, "install.yaml"), build(ctx), 0o600)).To(Succeed())
		follow("make deploy IMG=registry")
		runCommands(ctx, folder, manifests)
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)).To(Succeed())
		Expect(deployment.Spec.Template.Spec.Containers[0].Args).To(ContainElement("--scim-public-url=https://scim.mycompany.com/scim/v2"))

		By("installing those of the checkout, and verifying")
		follow("make deploy IMG=$(")
		expectReady(ctx, client.ObjectKeyFromObject(deployment), 2)
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)).To(Succeed())
		installed := deployment.Spec.Template.Spec.Containers[0]
		Expect(installed.Image).To(Equal("registry.example.com/cloudsso-operator:v1"))
		Expect(installed.Args).To(ContainElement("--scim-public-url=https://scim.example.net/scim/v2"))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), &networkingv1.NetworkPolicy{})).To(Succeed())
		Expect(policyProblems(ctx, controlplane.OperatorUser)).To(BeEmpty())

		By("repairing")
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: release}}
		Expect(cluster.Delete(ctx, binding)).To(Succeed())
		follow("make undeploy")
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(binding), binding)).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)).To(Succeed())
		Expect(deployment.Spec.Template.Spec.Containers[0].Image).To(Equal(installed.Image))

		By("removing")
		follow("make uninstall")
		Expect(apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), deployment))).To(BeTrue())
		removeObjects(ctx)
		for _, block := range commands {
			runCommands(ctx, folder, block)
		}
		Expect(crdUIDs(ctx)).To(BeEmpty())
	}, NodeTimeout(pageTimeout))
})

// removeObjects deletes what the other specs have left in directories, and no operator.
func removeObjects(ctx context.Context) {
	GinkgoHelper()
	kinds := []client.ObjectList{
		&v1alpha1.CloudSSOAccessAssignmentList{}, &v1alpha1.CloudSSOGroupList{}, &v1alpha1.CloudSSOMembershipSliceList{},
		&v1alpha1.CloudSSOUserList{}, &v1alpha1.SCIMCredentialList{}, &v1alpha1.CloudSSODirectoryList{},
	}
	for _, list := range kinds {
		Expect(cluster.List(ctx, list)).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			o := expectType[client.Object](item)
			Eventually(func() error { // the policies are in force some time after their deletion
				return cluster.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
			}, soon).Should(Succeed())
			return client.IgnoreNotFound(cluster.Delete(ctx, o))
		})).To(Succeed())
	}
}
