//go:build console

package console_test

import (
	"net/url"
	"os/exec"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
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
	if c.ended {
		return
	}
	c.process.Interrupt()
	Eventually(c.process).Should(gexec.Exit(0))
	c.ended = true
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
