package quickstart_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

const newUser = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice@example.com"}`

var _ = Describe("make run", func() {
	It("serves what it writes down, ends whole, and goes on where it left off", func(ctx SpecContext) {
		copied := newCheckout()
		session := copied.start()
		variables := copied.up(session)
		Expect(variables).To(HaveLen(7))
		Expect(variables).To(HaveKeyWithValue("KUBECONFIG", BeAnExistingFile()))
		Expect(variables).To(HaveKeyWithValue("SCIM_CA_FILE", BeAnExistingFile()))
		Expect(variables).To(HaveKeyWithValue("SCIM_BASE_URL", HavePrefix("https://")))
		Expect(variables).To(HaveKeyWithValue("CLOUDSSO_NAMESPACE", Not(BeEmpty())))
		screen := string(session.Out.Contents())
		for name, value := range variables {
			if strings.HasPrefix(name, "SCIM_") {
				Expect(screen).To(ContainSubstring(value), "the screen shows no "+name)
			}
		}
		Expect(copied.processes()).To(And(HaveLen(3), HaveKey("etcd"), HaveKey("kube-apiserver"), HaveKey("manager")))
		id := send(ctx, connect(variables), http.StatusCreated, "POST", "/Users", newUser).ID()
		readsItsCertificateAgain(ctx, copied, variables)

		By("letting people in by their own tokens, without a role")
		Expect(variables).To(HaveKeyWithValue("OIDC_KUBECONFIG", BeAnExistingFile()))
		Expect(podsAs(ctx, variables, "alice@example.com")).To(Equal(http.StatusForbidden))
		Expect(podsAs(ctx, variables, "alice@example.com", "system:masters")).To(Equal(http.StatusUnauthorized))

		By("showing the demo")
		showsTheDemo(copied)

		By("keeping a second one out")
		second := copied.start()
		Eventually(second).WithTimeout(downTimeout).Should(gexec.Exit(1))
		Expect(second.Err).To(gbytes.Say("another make run is running"))

		By("ending on SIGTERM")
		Eventually(session.Terminate()).WithTimeout(downTimeout).Should(gexec.Exit(0))
		copied.isLeftAlone()

		By("going on, without TLS")
		session = copied.start("KEEP=1", "SCIM_TLS=off")
		kept := copied.up(session)
		Expect(kept).To(HaveKeyWithValue("SCIM_TOKEN", variables["SCIM_TOKEN"]))
		Expect(kept).To(HaveKeyWithValue("SCIM_CA_FILE", ""))
		Expect(port(kept)).To(Equal(port(variables)), "a provider was told the old one")
		isOnLoopbackAlone(ctx, kept["SCIM_BASE_URL"])
		scim := connect(kept)
		Expect(send(ctx, scim, http.StatusOK, "GET", "/Users/"+id, "").Body).To(HaveKeyWithValue("userName", "alice@example.com"))
		send(ctx, scim, http.StatusConflict, "POST", "/Users", newUser)
		send(ctx, scim, http.StatusCreated, "POST", "/Users", strings.Replace(newUser, "alice", "bob", 1))

		By("ending on Ctrl-C, which goes to the process group")
		Expect(syscall.Kill(-session.Command.Process.Pid, syscall.SIGINT)).To(Succeed())
		Eventually(session).WithTimeout(downTimeout).Should(gexec.Exit(0))
		copied.isLeftAlone()
	}, NodeTimeout(15*time.Minute))

	It("says that the port is busy, and starts nothing", func(ctx SpecContext) {
		busy, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(busy.Close)
		_, port, err := net.SplitHostPort(busy.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		refuses(newCheckout(), "port "+port+" cannot be had", "SCIM_PORT="+port)
	})

	DescribeTable("says what is wrong with a setting, and starts nothing",
		func(setting, message string) { refuses(newCheckout(), message, setting) },
		Entry("a port that is no number", "SCIM_PORT=https", `SCIM_PORT is "https"`),
		Entry("a port beyond all", "SCIM_PORT=65536", `SCIM_PORT is "65536"`),
		Entry("neither on nor off", "SCIM_TLS=no", `SCIM_TLS is "no"`),
		Entry("no control plane", "KUBEBUILDER_ASSETS=", `KUBEBUILDER_ASSETS is not set`),
	)

	It("ends before it is up, too", func() {
		copied := newCheckout()
		session := copied.start()
		Eventually(session.Out).WithTimeout(upTimeout).Should(gbytes.Say("starting etcd and kube-apiserver"))
		Eventually(session.Terminate()).WithTimeout(downTimeout).Should(gexec.Exit(1))
		Expect(session.Err).To(gbytes.Say("make run: interrupted"))
		copied.isLeftAlone()
	})
})

// refuses says that the program ends with one message, having started nothing.
func refuses(copied checkout, message, setting string) {
	GinkgoHelper()
	session := copied.start(setting)
	Eventually(session).WithTimeout(downTimeout).Should(gexec.Exit(1))
	said := strings.TrimSpace(string(session.Err.Contents()))
	Expect(said).To(And(HavePrefix("make run: "), ContainSubstring(message)))
	Expect(strings.Split(said, "\n")).To(HaveLen(1))
	Expect(string(session.Out.Contents())).NotTo(ContainSubstring("compiling"))
	Expect(copied.path(".run", "etcd")).NotTo(BeAnExistingFile())
	copied.isLeftAlone()
}

// podsAs lists pods with the ID token of a user who claims to be in groups, and returns the HTTP status.
func podsAs(ctx context.Context, variables map[string]string, userAndGroups ...string) (int, error) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, program, append([]string{"token"}, userAndGroups...)...)
	command.Env = append(os.Environ(), quickstart.IssuerVariable+"="+variables[quickstart.IssuerVariable])
	token, err := command.Output()
	Expect(err).NotTo(HaveOccurred())
	user, err := clientcmd.BuildConfigFromFlags("", variables["OIDC_KUBECONFIG"])
	Expect(err).NotTo(HaveOccurred())
	user.BearerToken = strings.TrimSpace(string(token))
	return controlplane.Get(ctx, user, "api/v1/namespaces/"+quickstart.TargetNamespace+"/pods")
}

func port(variables map[string]string) string {
	GinkgoHelper()
	base, err := url.Parse(variables["SCIM_BASE_URL"])
	Expect(err).NotTo(HaveOccurred())
	return base.Port()
}

// connect makes a client that has no connection yet, from the variables as they were written.
func connect(variables map[string]string) *provider.Client {
	GinkgoHelper()
	scim, err := provider.New(variables["SCIM_BASE_URL"], variables["SCIM_TOKEN"], variables["SCIM_CA_FILE"])
	Expect(err).NotTo(HaveOccurred())
	return scim
}

func send(ctx context.Context, scim *provider.Client, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	answer, err := scim.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Status).To(Equal(status), "%s %s → %s", method, path, answer.Raw)
	return answer
}

// isOnLoopbackAlone expects that the service is reached at loopback only.
func isOnLoopbackAlone(ctx context.Context, base string) {
	GinkgoHelper()
	u, err := url.Parse(base)
	Expect(err).NotTo(HaveOccurred())
	Expect(u.Scheme).To(Equal("http"))
	Expect(net.ParseIP(u.Hostname()).IsLoopback()).To(BeTrue(), base)
	addresses, err := net.InterfaceAddrs()
	Expect(err).NotTo(HaveOccurred())
	for _, address := range addresses {
		network, ok := address.(*net.IPNet)
		if !ok || network.IP.IsLoopback() || network.IP.To4() == nil {
			continue
		}
		dialer := &net.Dialer{Timeout: time.Second}
		_, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(network.IP.String(), u.Port()))
		Expect(err).To(HaveOccurred(), fmt.Sprint(network.IP, " is answered"))
	}
}
