// Package quickstart_test runs the program behind `make run` as a person does: as a process, in a working copy,
// ended by a signal.
package quickstart_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/programs"
)

const (
	// upTimeout is how long it may take to be up: it compiles the manager, and waits half a minute for policies.
	upTimeout = 4 * time.Minute
	// downTimeout is how long it may take to end: a second or two, usually.
	downTimeout = time.Minute
)

// program and demo are the paths of the programs behind make run and make demo.
var program, demo string

func TestRun(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "make run")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	dir := GinkgoT().TempDir()
	program, err = programs.Build(ctx, programs.Options{Root: root, Package: "hack/run", Dir: dir, Race: true})
	Expect(err).NotTo(HaveOccurred())
	demo, err = programs.Build(ctx, programs.Options{Root: root, Package: "hack/demo", Dir: dir, Race: true})
	Expect(err).NotTo(HaveOccurred())
})

// checkout is a working copy, of links: what a run writes is in it alone, its temporary files too.
type checkout string

func newCheckout() checkout {
	GinkgoHelper()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	dir := GinkgoT().TempDir()
	for _, name := range []string{"go.mod", "go.sum", "api", "cmd", "config", "controllers", "internal"} {
		Expect(os.Symlink(filepath.Join(root, name), filepath.Join(dir, name))).To(Succeed())
	}
	Expect(os.Mkdir(filepath.Join(dir, "tmp"), 0o700)).To(Succeed())
	return checkout(dir)
}

func (c checkout) path(elements ...string) string {
	return filepath.Join(append([]string{string(c)}, elements...)...)
}

// start starts the program. The spec's end ends it, if nothing else does.
func (c checkout) start(environment ...string) *gexec.Session {
	GinkgoHelper()
	command := exec.Command(program) // ended by signals, as a person ends it
	command.Dir = string(c)
	// TEST_PROGRAMS is empty, because the manager is found by its path, which is to be below the working copy.
	command.Env = append(os.Environ(), "TMPDIR="+c.path("tmp"), "SCIM_PORT=", "SCIM_TLS=", "KEEP=", "TEST_PROGRAMS=")
	command.Env = append(command.Env, environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell does
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Eventually(session.Terminate()).WithTimeout(downTimeout).Should(gexec.Exit()) })
	return session
}

// up waits until the program says that all is up, and returns the variables that it has written.
func (c checkout) up(session *gexec.Session) map[string]string {
	GinkgoHelper()
	Eventually(session).WithTimeout(upTimeout).Should(Or(gbytes.Say("Ctrl-C stops everything"), gexec.Exit()))
	Expect(session).NotTo(gexec.Exit(), "it ended by itself")
	content, err := os.ReadFile(c.path(".run", "dev.env"))
	Expect(err).NotTo(HaveOccurred())
	variables := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		variables[name] = strings.Trim(value, "'")
	}
	return variables
}

// processes returns the ids of the processes whose command line names this working copy, by the name of the program.
func (c checkout) processes() map[string]string {
	GinkgoHelper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	Expect(err).NotTo(HaveOccurred())
	if len(all) == 0 {
		// Elsewhere than on Linux the rest of the suite still holds.
		Skip("there is no /proc to look for processes in")
	}
	found := map[string]string{}
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte(c)) {
			continue // gone meanwhile, or another's
		}
		name, _, _ := strings.Cut(string(line), "\x00")
		found[filepath.Base(name)] = filepath.Base(filepath.Dir(path))
	}
	return found
}

// isLeftAlone says that nothing of what was started is left, but for what the next run may go on with.
func (c checkout) isLeftAlone() {
	GinkgoHelper()
	Expect(c.processes()).To(BeEmpty())
	Expect(c.path(".run", "dev.env")).NotTo(BeAnExistingFile(), "it leads nowhere any more")
	left, err := os.ReadDir(c.path("tmp"))
	Expect(err).NotTo(HaveOccurred())
	Expect(left).To(BeEmpty())
}
