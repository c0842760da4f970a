// Package commands_test runs the commands of the documents as a person does who follows a page: in a working copy, with
// kubectl and its plugin, beside a running operator.
package commands_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/programs"
)

// patience is how long the operator may take for a status on a busy machine.
const patience = time.Minute

var (
	environment *quickstart.Environment
	// folder is the working copy in which the commands run.
	folder string
	// variables are those of the commands.
	variables []string
)

func TestCommands(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The commands of the documents")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	var err error
	environment, err = quickstart.Start(ctx, quickstart.Options{Dir: GinkgoT().TempDir(), Access: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	plugin, err := programs.Build(ctx, programs.Options{Root: root, Package: "cmd/kubectl-cloudsso", Dir: GinkgoT().TempDir()})
	Expect(err).NotTo(HaveOccurred())

	checkOut()
	tools := GinkgoT().TempDir()
	for _, tool := range []string{plugin, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")} {
		Expect(os.Symlink(tool, filepath.Join(tools, filepath.Base(tool)))).To(Succeed())
	}
	variables = append(programs.WithoutMake(os.Environ()),
		"KUBECONFIG="+environment.Kubeconfig, "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"))
}, NodeTimeout(15*time.Minute))

// checkOut makes a working copy of what the commands read, with what make run writes there.
func checkOut() {
	GinkgoHelper()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	folder = GinkgoT().TempDir()
	for _, name := range []string{"Makefile", "go.mod", "go.sum", "api", "cmd", "config", "hack", "internal"} {
		Expect(os.Symlink(filepath.Join(root, name), filepath.Join(folder, name))).To(Succeed())
	}
	var exports strings.Builder
	for _, v := range environment.Variables() {
		fmt.Fprintf(&exports, "export %s='%s'\n", v[0], v[1])
	}
	Expect(os.Mkdir(filepath.Join(folder, ".run"), 0o700)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(folder, ".run", "dev.env"), []byte(exports.String()), 0o600)).To(Succeed())
}
