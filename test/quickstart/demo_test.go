package quickstart_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

const (
	// demoTimeout is how long the demo may take beside a running operator: some seconds.
	demoTimeout = 2 * time.Minute
	// revocationTime is how long a deactivated user may keep access.
	revocationTime = time.Second
)

// answered matches the status of a request of Alice's, and after how many milliseconds it came.
var answered = regexp.MustCompile(`→ (\d+) after (\d+) ms`)

// showsTheDemo runs make demo beside the operator of a working copy. Alice's token must open the namespace while she is
// active and her group has the role.
func showsTheDemo(c checkout) {
	GinkgoHelper()
	command := exec.Command(demo)
	command.Dir = string(c)
	command.Env = append(os.Environ(), "TMPDIR="+c.path("tmp"))
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	Eventually(session).WithTimeout(demoTimeout).Should(gexec.Exit(0))
	Expect(session.Out).NotTo(gbytes.Say("No `make run` is running"))

	var statuses []string
	for _, match := range answered.FindAllStringSubmatch(string(session.Out.Contents()), -1) {
		statuses = append(statuses, match[1])
		if match[1] != "403" { // a grant has no promised time
			continue
		}
		took, err := strconv.Atoi(match[2])
		Expect(err).NotTo(HaveOccurred())
		Expect(time.Duration(took)*time.Millisecond).To(BeNumerically("<=", revocationTime), match[0])
	}
	Expect(statuses).To(Equal([]string{"200", "403", "200", "403"}))
}
