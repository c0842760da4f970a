//go:build install

package install

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/docs/markdown"
)

const (
	// marked are the blocks of commands that this suite runs.
	marked = "test=test/install"
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

// commandsByPage returns the blocks of commands that this suite runs, in their order.
func commandsByPage() map[string][]string {
	GinkgoHelper()
	all := map[string][]string{}
	for page, blocks := range blocksByPage() {
		for _, block := range blocks {
			if block.IsCommands() && block.Mark == marked {
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
	shell.Env = append(environment(), "PATH="+strings.Join([]string{tools, os.Getenv("KUBEBUILDER_ASSETS"), os.Getenv("PATH")}, string(os.PathListSeparator)))
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
		folder, pages := checkOut(), commandsByPage()
		DeferCleanup(removeRelease)
		released, commands := cutCommands(pages["install.md"], packed)
		_, commands = cutCommands(commands, "REVISION") // the spec of the failed hook runs it
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
})
