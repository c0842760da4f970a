// Package plugin_test runs kubectl cloudsso as a person does: as a process, beside a running operator.
package plugin_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// patience is how long a command may take on a busy machine.
const patience = time.Minute

var (
	environment *quickstart.Environment
	// folder has kubectl, the plugin and its completion, as a folder of a person's PATH.
	folder string
)

func TestPlugin(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "kubectl cloudsso beside the operator")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{Dir: GinkgoT().TempDir()})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })

	built, err := gexec.Build("github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(gexec.CleanupBuildArtifacts)
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	folder = GinkgoT().TempDir()
	for _, file := range []string{
		built, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), filepath.Join(root, "cmd", "kubectl-cloudsso", "kubectl_complete-cloudsso"),
	} {
		Expect(os.Symlink(file, filepath.Join(folder, filepath.Base(file)))).To(Succeed())
	}
}, NodeTimeout(15*time.Minute))

// start starts kubectl with arguments, in the namespace of the directory.
func start(ctx context.Context, arguments ...string) *gexec.Session {
	GinkgoHelper()
	command := exec.CommandContext(ctx, filepath.Join(folder, "kubectl"), arguments...)
	command.Env = []string{
		"PATH=" + folder + string(os.PathListSeparator) + os.Getenv("PATH"),
		"KUBECONFIG=" + kubeconfig(), "HOME=" + folder,
	}
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	return session
}

// kubectl runs kubectl to its end, and expects its exit code.
func kubectl(ctx context.Context, code int, arguments ...string) (stdout, stderr string) {
	GinkgoHelper()
	session := start(ctx, arguments...)
	Eventually(session).Should(gexec.Exit(code))
	return string(session.Out.Contents()), string(session.Err.Contents())
}

// kubeconfig returns the path of a kubeconfig whose context is in the namespace of the directory.
func kubeconfig() string {
	GinkgoHelper()
	path := filepath.Join(folder, "kubeconfig")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	content, err := os.ReadFile(environment.Kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	set := exec.Command(filepath.Join(folder, "kubectl"), "--kubeconfig", path, "config", "set-context", "--current", "--namespace", environment.Namespace)
	Expect(set.Run()).To(Succeed())
	return path
}

// statusWith returns the HTTP status of a request with a token.
func statusWith(ctx context.Context, token string) func() (int, error) {
	return func() (int, error) {
		scim, err := provider.New(environment.BaseURL, token, environment.CAFile)
		if err != nil {
			return 0, err
		}
		defer scim.HTTP.CloseIdleConnections()
		response, err := scim.Do(ctx, "GET", "/Users?count=0", "")
		if err != nil {
			return 0, err
		}
		return response.Status, nil
	}
}
