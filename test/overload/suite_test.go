// Package storm plays loads that the operator was not built for against it: a real control plane, the manager as a
// process with TLS, and beside each storm a client that behaves, whose every request is to be answered as if
// there were none.
//
//	suite_test.go        what there is, and what the manager says of itself
//	bystander_test.go    the client that behaves
//	connections_test.go  connections that do nothing
//	slow_test.go         clients that are slow on purpose
//	requests_test.go     too many requests, too large ones, and such that nobody may send
//	streams_test.go      HTTP/2
//	rolling_test.go      replicas that are replaced while they are at work
package overload_test

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// wildNamespace is the directory of the credential that goes wild.
	wildNamespace = "wild"
	// residentBound is the memory limit in config/manager.
	residentBound = 1 << 30
	// memoryLimit is GOMEMLIMIT there.
	memoryLimit = "800MiB"
	// othersGoroutines is room for what the manager does besides, in turns.
	othersGoroutines = 300
	// calm is how long the manager may take to be as it was.
	calm = 20 * time.Second
)

func TestStorms(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Load it was not built for")
}

var (
	environment *quickstart.Environment
	wildToken   string
)

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(calm)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	var err error
	GinkgoT().Setenv("GOMEMLIMIT", memoryLimit)
	// Without the race detector, which takes several times the memory: what is measured is what is shipped.
	environment, err = quickstart.Start(ctx, quickstart.Options{Dir: GinkgoT().TempDir(), Progress: func(step string) { GinkgoWriter.Println(step) }})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	wildToken = addWild(ctx)
}, NodeTimeout(5*time.Minute))

// addWild makes another directory, and returns the token of a credential in it.
func addWild(ctx context.Context) (token string) {
	GinkgoHelper()
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: wildNamespace}},
		&v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: wildNamespace, Name: v1alpha1.DirectoryName},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
		},
		&v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: wildNamespace, Name: quickstart.CredentialName}},
	} {
		Expect(environment.Admin.Create(ctx, o)).To(Succeed())
	}
	secret := &corev1.Secret{}
	Eventually(func() error {
		return environment.Admin.Get(ctx, client.ObjectKey{Namespace: wildNamespace, Name: quickstart.CredentialName}, secret)
	}).Should(Succeed())
	token = string(secret.Data[v1alpha1.SecretKeyToken])
	c := connect(token)
	Eventually(func() error {
		_, err := c.Do(ctx, "GET", "/Users?count=1", "")
		return err
	}).Should(Succeed())
	return token
}

// setLimit sets what each credential of a directory may ask; nil is the usual.
func setLimit(ctx context.Context, namespace string, limit *v1alpha1.RateLimit) {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	before := d.DeepCopy()
	d.Spec.RateLimit = limit
	Expect(environment.Admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
}

// connect is a client with one connection of HTTP/1.1, kept alive: what providers have.
func connect(token string) *load.Client {
	GinkgoHelper()
	c, err := load.NewClient(load.Options{BaseURL: environment.BaseURL, Token: token, CAFile: environment.CAFile})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// gauges are what the manager says of itself, summed over all labels but that of a reason.
type gauges map[string]float64

const (
	goroutines = "go_goroutines"
	resident   = "process_resident_memory_bytes"
	openFiles  = "process_open_fds"
	leading    = `leader_election_master_status{name="cloudsso-operator"}`
)

// refusals names how many were refused for a reason.
func refusals(reason string) string { return `cloudsso_scim_refusals_total{reason="` + reason + `"}` }

// measure asks the manager. It is to answer at once, whatever goes on.
func measure(ctx context.Context) gauges {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, environment.Manager.MetricsURL, nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	found := gauges{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			found[name] = value
		}
	}
	return found
}
