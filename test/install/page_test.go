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
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
)

const (
	// marked are the blocks of commands that this suite runs.
	marked = "test=test/install"
	// packed is the chart in the commands for a release.
	packed = "cloudsso-operator-1.2.3.tgz"
	// pageTimeout is how long all commands of the page may take.
	pageTimeout = 10 * time.Minute
)

// blocksOf returns the fenced blocks of a page of the documents.
func blocksOf(page string) []markdown.Block {
	GinkgoHelper()
	source, err := os.ReadFile(filepath.Join(root, "docs", page))
	Expect(err).NotTo(HaveOccurred())
	return markdown.Blocks(source)
}

// commandsOf returns the commands of a page that this suite runs, in their order.
func commandsOf(page string) (all []string) {
	GinkgoHelper()
	for _, block := range blocksOf(page) {
		if block.IsCommands() && block.Mark == marked {
			all = append(all, block.Text)
		}
	}
	Expect(all).NotTo(BeEmpty())
	return all
}

// take returns the commands with a text in them, and the others.
func take(all []string, text string) (taken string, others []string) {
	GinkgoHelper()
	i := slices.IndexFunc(all, func(commands string) bool { return strings.Contains(commands, text) })
	Expect(i).NotTo(BeNumerically("<", 0), "no commands with %s", text)
	return all[i], slices.Delete(slices.Clone(all), i, i+1)
}

// runCommands runs commands as the administrator enters them into a shell, in a folder.
func runCommands(ctx context.Context, folder, commands string) {
	GinkgoHelper()
	home := filepath.Dir(kubeconfig)
	shell := exec.CommandContext(ctx, "bash", "-euxo", "pipefail", "-c", commands)
	shell.Dir = folder
	shell.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home,
		"PATH="+strings.Join([]string{tools, os.Getenv("KUBEBUILDER_ASSETS"), os.Getenv("PATH")}, string(os.PathListSeparator)))
	output, err := shell.CombinedOutput()
	GinkgoWriter.Printf("%s\n", output)
	Expect(err).NotTo(HaveOccurred(), "%s", output)
}

// checkOut returns a folder with what the commands read: the chart, a certificate, and the file of values of the page.
func checkOut() string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	Expect(os.Symlink(filepath.Join(root, "charts"), filepath.Join(folder, "charts"))).To(Succeed())
	certificate, key, err := cert.GenerateSelfSignedCertKey("scim.example.com", nil, nil)
	Expect(err).NotTo(HaveOccurred())
	files := map[string][]byte{"tls.crt": certificate, "tls.key": key}
	for _, block := range blocksOf("install.md") {
		if name, ok := strings.CutPrefix(block.Text, "# values.yaml\n"); ok && block.Language == "yaml" {
			files["values.yaml"] = []byte(name)
		}
	}
	Expect(files).To(HaveLen(3))
	for name, content := range files {
		Expect(os.WriteFile(filepath.Join(folder, name), content, 0o600)).To(Succeed())
	}
	return folder
}

// removeNamespace deletes a namespace, and waits until it is gone.
func removeNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(client.IgnoreNotFound(cluster.Delete(ctx, o))).To(Succeed())
	Eventually(func() bool { return apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)) }, soon).Should(BeTrue())
}

var _ = Describe("docs/install.md", func() {
	It("is followed with Helm, command by command, and after it the pages on traces and the console", func(ctx SpecContext) {
		folder := checkOut()
		DeferCleanup(func(ctx SpecContext) { removeNamespace(ctx, namespace) })
		commands := commandsOf("install.md")
		released, commands := take(commands, packed)
		_, commands = take(commands, "REVISION") // the spec of the failed hook runs it
		uninstall, commands := take(commands, "helm uninstall")
		for _, block := range commands {
			runCommands(ctx, folder, block)
		}
		runCommands(ctx, folder, commandsOf("tracing.md")[0])
		for _, secret := range []string{"cloudsso-console", "cloudsso-console-tls"} {
			kubectl(ctx, "-n", namespace, "create", "secret", "generic", secret, "--from-literal=key=unused")
		}
		runCommands(ctx, folder, commandsOf("console.md")[0])
		expectReady(ctx, client.ObjectKey{Namespace: namespace, Name: "cloudsso-console"}, 2)
		expectReady(ctx, client.ObjectKey{Namespace: namespace, Name: release}, 2)
		Expect(mustHelm(ctx, "get", "values", release, "--namespace", namespace)).To(And(ContainSubstring("--audit-log-values=active,name"),
			ContainSubstring("directoryNamespaceSelector: sso=allowed"), ContainSubstring("publicURL: https://scim.example.com/scim/v2")))
		runCommands(ctx, folder, uninstall)

		By("installing the chart of a release")
		Expect(os.Rename(filepath.Join(makeRelease(ctx), "cloudsso-operator-0.0.0-rc.1.tgz"), filepath.Join(folder, packed))).To(Succeed())
		runCommands(ctx, folder, released)
		for _, pod := range podsOf(ctx, client.ObjectKey{Namespace: namespace, Name: release}) {
			Expect(pod.Spec.Containers[0].Image).To(Equal(releasedImage))
		}
		runCommands(ctx, folder, uninstall)
	}, NodeTimeout(pageTimeout))
})
