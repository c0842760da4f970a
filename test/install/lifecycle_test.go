//go:build install

package install

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/load"
	"github.com/cloudsso/cloudsso-operator/test/provider"
	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

// managerProcess is the manager on this machine, under the service account of a release.
type managerProcess struct {
	*process
	url, metrics string
}

// startManager starts the manager in place of a Pod, whose containers kwok does not run.
func startManager(ctx context.Context, inNamespace, account string, flags ...string) *managerProcess {
	GinkgoHelper()
	return startManagerBy(ctx, inNamespace, account, func(kubeconfig string, arguments ...string) *process {
		GinkgoT().Setenv("KUBECONFIG", kubeconfig)
		return start(buildManager(ctx), append(arguments, flags...)...)
	})
}

// startManagerBy lets a function start the manager with a kubeconfig and arguments, and waits until it is ready.
func startManagerBy(ctx context.Context, inNamespace, account string, start func(kubeconfig string, arguments ...string) *process) *managerProcess {
	GinkgoHelper()
	identity, err := plane.ServiceAccount(ctx, inNamespace, account)
	Expect(err).NotTo(HaveOccurred())
	addresses := freeAddresses(3)
	scim, metrics, probes := addresses[0], addresses[1], addresses[2]
	m := &managerProcess{url: "http://" + scim + "/scim/v2", metrics: "http://" + metrics + "/metrics"}
	m.process = start(writeKubeconfig(identity), "--scim-public-url="+m.url, "--scim-insecure-http", "--scim-bind-address="+scim, "--operator-namespace="+inNamespace,
		"--metrics-bind-address="+metrics, "--metrics-secure=false", "--health-probe-bind-address="+probes)
	Eventually(func(g Gomega) {
		if m.ended() {
			StopTrying("the manager has ended: " + m.output.String()).Now()
		}
		g.Expect(get(ctx, "http://"+probes+"/readyz")).To(Equal(http.StatusOK))
	}, soon).Should(Succeed())
	return m
}

// freeAddresses returns addresses on which no program listens. They are held until all are found, so that no two are the same.
func freeAddresses(n int) (addresses []string) {
	GinkgoHelper()
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer listener.Close()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses
}

// get returns the HTTP status of a page; 0 if there is no answer.
func get(ctx context.Context, url string) int {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	Expect(response.Body.Close()).To(Succeed())
	return response.StatusCode
}

// lifeCycle is what a provider sends to a manager for a directory.
type lifeCycle struct {
	directory string
	manager   *managerProcess
	provider  *provider.Client
}

// newLifeCycle makes a directory as the samples do, and waits until users can be created in it.
func newLifeCycle(ctx context.Context, directory string, m *managerProcess) *lifeCycle {
	GinkgoHelper()
	Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: directory}})).To(Succeed())
	kubectl(ctx, "-n", directory, "apply", "-k", "config/samples")
	token, err := quickstart.Token(ctx, cluster, directory, "okta")
	Expect(err).NotTo(HaveOccurred())
	Expect(quickstart.AwaitActivation(ctx, cluster, directory)).To(Succeed())
	Expect(get(ctx, m.url+"/Users")).To(Equal(http.StatusUnauthorized), "without a token")
	okta, err := provider.New(m.url, token, "")
	Expect(err).NotTo(HaveOccurred())
	l := &lifeCycle{directory, m, okta}
	Eventually(func(g Gomega) { // the policies are in force some time after their installation
		response, err := okta.Do(ctx, http.MethodPost, "/Users", load.User("one"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Status).To(Or(Equal(http.StatusCreated), Equal(http.StatusConflict)))
	}, soon).Should(Succeed())
	return l
}

func (l *lifeCycle) send(ctx context.Context, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	response, err := l.provider.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Status).To(Equal(status), "%s %s", method, path)
	return response
}

// run sends the requests of a user and a group from their creation to their deletion.
func (l *lifeCycle) run(ctx context.Context) {
	GinkgoHelper()
	Expect(l.send(ctx, http.StatusOK, http.MethodGet, load.Find("userName", load.UserName("one")), "").Total()).To(Equal(1))
	user := l.send(ctx, http.StatusCreated, http.MethodPost, "/Users", load.User("two")).ID()
	group := l.send(ctx, http.StatusCreated, http.MethodPost, "/Groups", load.Group("Staff", user)).ID()
	l.send(ctx, http.StatusOK, http.MethodPatch, "/Groups/"+group, load.RemoveMembers([]string{user}))
	l.send(ctx, http.StatusOK, http.MethodPatch, "/Groups/"+group, load.AddMembers([]string{user}))
	l.send(ctx, http.StatusOK, http.MethodPut, "/Users/"+user, load.User("two"))
	for _, active := range []bool{false, true, false} {
		l.send(ctx, http.StatusOK, http.MethodPatch, "/Users/"+user, load.SetActive(active))
	}
	l.send(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+user, "")
	l.send(ctx, http.StatusNoContent, http.MethodDelete, "/Groups/"+group, "")
}

// runWithAccess has a group granted a role, one of its users deactivated, and the assignment deleted.
func (l *lifeCycle) runWithAccess(ctx context.Context) {
	GinkgoHelper()
	users := []string{
		l.send(ctx, http.StatusCreated, http.MethodPost, "/Users", load.User("two")).ID(),
		l.send(ctx, http.StatusCreated, http.MethodPost, "/Users", load.User("three")).ID(),
	}
	l.send(ctx, http.StatusCreated, http.MethodPost, "/Groups", load.Group("Staff", users...))
	assignment := &v1alpha1.CloudSSOAccessAssignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.directory, Name: "staff"},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "Staff"},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Target:    v1alpha1.AccessTarget{Namespaces: []string{l.directory}},
		},
	}
	Expect(cluster.Create(ctx, assignment)).To(Succeed())
	subjects := func() ([]string, error) { return quickstart.Subjects(ctx, cluster, l.directory) }
	Eventually(subjects, soon).Should(ConsistOf(load.UserName("two"), load.UserName("three")))
	l.send(ctx, http.StatusOK, http.MethodPatch, "/Users/"+users[0], load.SetActive(false))
	Eventually(subjects, soon).Should(ConsistOf(load.UserName("three")))
	Expect(cluster.Delete(ctx, assignment)).To(Succeed())
	Eventually(subjects, soon).Should(BeEmpty())
}

// expectNothingForbidden checks that the API server has refused no request of the manager.
func (l *lifeCycle) expectNothingForbidden(ctx context.Context) {
	GinkgoHelper()
	samples, err := scrape.Samples(ctx, http.DefaultClient, l.manager.metrics)
	Expect(err).NotTo(HaveOccurred())
	answered, _ := scrape.Sum(samples, "rest_client_requests_total", nil)
	Expect(answered).To(BeNumerically(">", 10))
	forbidden, _ := scrape.Sum(samples, "rest_client_requests_total", model.LabelSet{"code": "403"})
	Expect(forbidden).To(BeZero(), l.manager.output.String())
	Expect(strings.ToLower(l.manager.output.String())).NotTo(ContainSubstring("forbidden"))
}

// kubectl runs the control plane's kubectl as the administrator, in the repository's root.
func kubectl(ctx context.Context, arguments ...string) (output string) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), arguments...)
	command.Dir = root
	command.Env = environment()
	printed, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), fmt.Sprintf("kubectl %s: %s", strings.Join(arguments, " "), printed))
	return string(printed)
}
