//go:build console

package console_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// console is kubectl cloudsso console, running.
type console struct {
	// login is the address that it shows, and root its own, without a slash at the end.
	login, root string
	process     *gexec.Session
	ended       bool
}

// addressShown finds the address in what the console shows.
var addressShown = regexp.MustCompile(`http://\S+`)

// open starts a console as a person, until the end of the spec.
func open(p person, arguments ...string) *console {
	GinkgoHelper()
	return start(p, nil, append([]string{"--no-browser"}, arguments...)...)
}

// start is open with variables of the environment, and without a flag that keeps the console from opening a browser.
func start(p person, variables []string, arguments ...string) *console {
	GinkgoHelper()
	command := exec.Command(plugin, append([]string{"console", "--namespace", environment.Namespace}, arguments...)...)
	command.Env = append([]string{"KUBECONFIG=" + kubeconfigs[p], "HOME=" + folder}, variables...)
	process, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	c := &console{process: process}
	DeferCleanup(c.close)
	Eventually(func() string {
		c.login = string(addressShown.Find(process.Out.Contents()))
		return c.login
	}).ShouldNot(BeEmpty())
	address, err := url.Parse(c.login)
	Expect(err).NotTo(HaveOccurred())
	c.root = "http://" + address.Host
	return c
}

// close ends the console as Ctrl-C does, if it has not ended already as the spec expects.
func (c *console) close() {
	GinkgoHelper()
	if !c.ended {
		c.endBy(os.Interrupt)
	}
}

// endBy expects that the console ends in order after a signal.
func (c *console) endBy(signal os.Signal) {
	GinkgoHelper()
	c.process.Signal(signal)
	c.ended = true
	Eventually(c.process).Should(gexec.Exit(0))
}

// expectEnd expects that the console ends by itself, and says why.
func (c *console) expectEnd(reason string) {
	GinkgoHelper()
	Eventually(c.process).Should(gexec.Exit(1))
	c.ended = true
	Expect(c.output()).To(ContainSubstring(reason))
}

// output returns everything that the console has written to the terminal.
func (c *console) output() string {
	return string(c.process.Out.Contents()) + string(c.process.Err.Contents())
}

// opener is a program xdg-open that notes its arguments.
type opener struct {
	// opened is the file of the arguments, and temporary the folder for temporary files.
	opened, temporary string
	variables         []string // of a console that runs it
}

func newOpener() opener {
	GinkgoHelper()
	programs := GinkgoT().TempDir()
	o := opener{opened: filepath.Join(programs, "opened"), temporary: GinkgoT().TempDir()}
	o.variables = []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "TMPDIR=" + o.temporary}
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s' \"$*\" >%[1]s.part\nmv %[1]s.part %[1]s\n", o.opened)
	Expect(os.WriteFile(filepath.Join(programs, "xdg-open"), []byte(script), 0o700)).To(Succeed())
	return o
}

// hold keeps a synchronized user from being gone after its deletion, until the end of the spec.
func hold(ctx context.Context, id string) {
	GinkgoHelper()
	const finalizer = "example.com/hold"
	setFinalizers := func(ctx context.Context, from func([]string) []string) { // the lock keeps finalizers as they are
		turn(ctx, v1alpha1.SynchronizationDisabled)
		defer turn(ctx, v1alpha1.SynchronizationEnabled)
		Eventually(func() error {
			u, err := stored(ctx, id)
			if err != nil {
				return client.IgnoreNotFound(err)
			}
			u.Finalizers = from(u.Finalizers)
			return client.IgnoreNotFound(environment.Admin.Update(ctx, u, byHand))
		}).Should(Succeed())
	}
	setFinalizers(ctx, func(held []string) []string { return append(held, finalizer) })
	DeferCleanup(setFinalizers, func(held []string) []string {
		return slices.DeleteFunc(held, func(f string) bool { return f == finalizer })
	})
}

var _ = Describe("a terminal that closes", func() {
	BeforeEach(func() {
		heard := make(chan os.Signal, 1) // the programs of a test that nohup has started would ignore it
		signal.Notify(heard, syscall.SIGHUP)
		DeferCleanup(func() { signal.Stop(heard) })
	})

	It("ends the console, and nothing of it stays", func() {
		o := newOpener()
		c := start(viewer, o.variables)
		Eventually(o.opened).Should(BeARegularFile())
		Expect(os.ReadDir(o.temporary)).NotTo(BeEmpty())
		c.endBy(syscall.SIGHUP)
		Expect(os.ReadDir(o.temporary)).To(BeEmpty())
	})

	It("lets a deletion that is under way turn synchronization on", func(ctx SpecContext) {
		id := newUser(ctx, "held@example.com")
		hold(ctx, id)
		v := signIn(ctx, admin)
		address := directory("users/" + id + "/delete")
		page, answered := v.get(ctx, address), make(chan *answer, 1)
		go func() {
			defer GinkgoRecover()
			answered <- page.submit(ctx, address, nil)
		}()
		Eventually(func(g Gomega) {
			u, err := stored(ctx, id)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(u.DeletionTimestamp).NotTo(BeNil())
		}).Should(Succeed())
		Expect(readDirectory(ctx).Spec.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationDisabled))
		v.endBy(syscall.SIGHUP)
		Expect(readDirectory(ctx).Spec).To(And(HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
		Eventually(answered).Should(Receive(WithTransform((*answer).text, ContainSubstring("example.com/hold"))))
	})
})
