package plugin_test

import (
	"crypto/rand"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

var _ = Describe("kubectl cloudsso check", func() {
	var tokenFile, token string

	BeforeEach(func(ctx SpecContext) {
		token = created(ctx, "checked")
		tokenFile = filepath.Join(GinkgoT().TempDir(), "token")
		Expect(os.WriteFile(tokenFile, []byte(token+"\n"), 0o600)).To(Succeed())
	})

	// resultsOf returns the checks with their results, as "PASS DNS".
	resultsOf := func(out string) (results []string) {
		for line := range strings.Lines(out) {
			if head, _, found := strings.Cut(line, ":"); found && !strings.HasPrefix(line, " ") {
				results = append(results, strings.Join(strings.Fields(head), " "))
			}
		}
		return results
	}

	It("passes, with a test user that it leaves disabled", func(ctx SpecContext) {
		for range 2 {
			out, _ := kubectl(ctx, 0, "cloudsso", "check", "--ca-file", environment.CAFile, "--token-file", tokenFile, "--test-user", "--yes")
			Expect(resultsOf(out)).To(Equal([]string{
				"PASS directory", "PASS DNS", "PASS connection", "PASS certificate", "PASS service", "PASS clock", "PASS token", "PASS request with the token", "PASS test user",
			}), out)
			Expect(out).NotTo(ContainSubstring(token))
		}
		out, _ := kubectl(ctx, 0, "cloudsso", "users", "--field-selector", "spec.userName=cloudsso-check@check.invalid", "--no-headers")
		Expect(strings.Count(out, "\n")).To(Equal(1), out)
		Eventually(func() string {
			out, _ := kubectl(ctx, 0, "cloudsso", "user", "cloudsso-check@check.invalid")
			return out
		}).Should(ContainSubstring("Disabled"))
	})

	It("asks before it creates a user", func(ctx SpecContext) {
		_, stderr := kubectl(ctx, 1, "cloudsso", "check", "--ca-file", environment.CAFile, "--token-file", tokenFile, "--test-user")
		Expect(stderr).To(ContainSubstring("There is no terminal to ask at"))
	})

	DescribeTable("says what is wrong", func(ctx SpecContext, problem string, arguments ...string) {
		out, stderr := kubectl(ctx, 1, append([]string{"cloudsso", "check"}, arguments...)...)
		Expect(out).To(ContainSubstring(problem))
		Expect(stderr).To(ContainSubstring("error: checks that failed: 1"))
	},
		Entry("a name without an address", "FAIL  DNS: scim.invalid has no address", "--endpoint", "https://scim.invalid/scim/v2"),
		Entry("a port without a server", "FAIL  connection: no connection", "--endpoint", "https://127.0.0.1:1/scim/v2"),
	)

	It("says what is wrong with a certificate, a path and a token", func(ctx SpecContext) {
		for problem, arguments := range map[string][]string{
			"FAIL  certificate: this machine does not trust its CA":                                                    {},
			"FAIL  service: " + environment.BaseURL + "/elsewhere/ServiceProviderConfig is not served by the operator": {"--ca-file", environment.CAFile, "--endpoint", environment.BaseURL + "/elsewhere"},
		} {
			out, _ := kubectl(ctx, 1, append([]string{"cloudsso", "check"}, arguments...)...)
			Expect(out).To(ContainSubstring(problem))
		}
		for problem, text := range map[string]string{
			"FAIL  token: it is no token":                              token[:len(token)-1],
			`FAIL  token: it is a token for namespace "other"`:         newToken("other"),
			"FAIL  token: no credential of the directory has its hash": newToken(environment.Namespace),
		} {
			Expect(os.WriteFile(tokenFile, []byte(text), 0o600)).To(Succeed())
			out, _ := kubectl(ctx, 1, "cloudsso", "check", "--ca-file", environment.CAFile, "--token-file", tokenFile)
			Expect(out).To(ContainSubstring(problem))
			Expect(out).To(ContainSubstring("SKIP  request with the token"))
		}
	})

	DescribeTable("looks at the certificate and the clock of the server in front", func(ctx SpecContext, f front, code int, line string) {
		endpoint, caFile := f.start()
		out, _ := kubectl(ctx, code, "cloudsso", "check", "--endpoint", endpoint, "--ca-file", caFile)
		Expect(out).To(MatchRegexp(line))
		if strings.HasPrefix(line, "FAIL") {
			Expect(resultsOf(out)).To(Equal([]string{"PASS directory", "PASS DNS", "PASS connection", "FAIL certificate", "SKIP service", "SKIP clock"}), out)
			return
		}
		Expect(resultsOf(out)).To(And(HaveLen(7), ContainElements("PASS service", "SKIP token"), Not(ContainElement(HavePrefix("FAIL")))), out)
	},
		Entry("with no fault", front{}, 0, `PASS  certificate: issued by "CN=Intermediate", until `),
		Entry("a certificate whose end has passed", front{change: lasting(-2*time.Hour, -time.Hour)}, 1, `FAIL  certificate: it is not valid now: .* is after `),
		Entry("a certificate whose beginning has not come", front{change: lasting(time.Hour, 2*time.Hour)}, 1, `FAIL  certificate: it is not valid now: .* is before `),
		Entry("a certificate that ends within two weeks", front{change: lasting(-time.Hour, 13*24*time.Hour)}, 0, `WARN  certificate: it expires at \S+\n +Renew it`),
		Entry("a certificate for another name", front{change: func(leaf *x509.Certificate) {
			leaf.IPAddresses, leaf.DNSNames = nil, []string{"scim.example.com"}
		}}, 1, `FAIL  certificate: it is for another name`),
		Entry("no intermediate certificate", front{isAlone: true}, 1,
			`FAIL  certificate: the server sends its own certificate alone, and this machine does not know the CA "CN=Intermediate" .*\n .*intermediate CAs`),
		Entry("a CA that this machine does not trust", front{isOfAnotherCA: true}, 1, `FAIL  certificate: this machine does not trust its CA "CN=Intermediate"`),
		Entry("a clock that is ahead", front{aheadBy: 5 * time.Minute}, 0, `WARN  clock: the clock of the service differs from this machine's by (4m5\ds|5m\ds)\n +Set the clocks`),
		Entry("a clock that is behind", front{aheadBy: -5 * time.Minute}, 0, `WARN  clock: the clock of the service differs from this machine's by (4m5\ds|5m\ds)\n +Set the clocks`),
		Entry("a clock that differs by less than a minute", front{aheadBy: 30 * time.Second}, 0, `PASS  clock: differs by `),
	)

	It("says so if the switch is off", func(ctx SpecContext) {
		kubectl(ctx, 0, "cloudsso", "sync", "disable", "--yes")
		DeferCleanup(func(ctx SpecContext) { kubectl(ctx, 0, "cloudsso", "sync", "enable", "--yes") })
		out, _ := kubectl(ctx, 1, "cloudsso", "check", "--ca-file", environment.CAFile)
		Expect(out).To(ContainSubstring("FAIL  directory: synchronization is Disabled"))
		Expect(out).To(ContainSubstring("PASS  service"))
	})
})

// lasting sets the beginning and the end of a certificate, counted from now.
func lasting(from, until time.Duration) func(*x509.Certificate) {
	return func(leaf *x509.Certificate) {
		leaf.NotBefore, leaf.NotAfter = time.Now().Add(from), time.Now().Add(until)
	}
}

func newToken(namespace string) string {
	GinkgoHelper()
	token, err := auth.NewToken(rand.Reader, namespace)
	Expect(err).NotTo(HaveOccurred())
	return token
}
