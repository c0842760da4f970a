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
}

// addressShown finds the address in what the console shows.
var addressShown = regexp.MustCompile(`http://\S+`)

// open starts a console as a person, until the end of the spec.
func open(p person, arguments ...string) *console {
	GinkgoHelper()
	arguments = append([]string{"console", "--no-browser", "--namespace", environment.Namespace}, arguments...)
	command := exec.Command(plugin, arguments...)
	command.Env = []string{"KUBECONFIG=" + kubeconfigs[p], "HOME=" + folder}
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

// close ends the console as Ctrl-C does.
func (c *console) close() {
	GinkgoHelper()
	c.process.Interrupt()
	Eventually(c.process).Should(gexec.Exit(0))
}

// output returns everything that the console has written to the terminal.
func (c *console) output() string {
	return string(c.process.Out.Contents()) + string(c.process.Err.Contents())
}
