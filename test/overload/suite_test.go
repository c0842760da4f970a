// Package overload puts more load on the operator than it is sized for. It runs a real control plane and the manager as
// a process with TLS. During each load, every request of well-behaved clients must succeed in time.
//
//	suite_test.go        the control plane, the manager and its metrics
//	wellbehaved_test.go  the well-behaved clients
//	connections_test.go  connections that do nothing
//	slow_test.go         clients that are slow on purpose
//	requests_test.go     too many requests, too large ones, and unauthenticated ones
//	streams_test.go      HTTP/2
//	rolling_test.go      replicas that are replaced under load
package overload_test

import (
	"context"
	"net/http"
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
	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

const (
	// noisyNamespace is the namespace of the credential that sends the load.
	noisyNamespace = "noisy"
	// residentBound is the memory limit of config/manager.
	residentBound = 1 << 30
	// goroutineMargin is room for the manager's other goroutines, whose number varies.
	goroutineMargin = 300
	// recoveryTimeout is how long the manager may take to recover from a load.
	recoveryTimeout = 20 * time.Second
)

func TestOverload(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Overload")
}

var (
	environment *quickstart.Environment
	noisyToken  string
)

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(recoveryTimeout)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	var err error
	// Without the race detector, because it takes several times the memory of the shipped binary.
	environment, err = quickstart.Start(ctx, quickstart.Options{Dir: GinkgoT().TempDir(), Flags: []string{"--max-request-rate=0"}, Progress: func(step string) { GinkgoWriter.Println(step) }})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	noisyToken = addNoisyDirectory(ctx)
}, NodeTimeout(5*time.Minute))

// addNoisyDirectory creates another directory, and returns the token of a credential in it.
func addNoisyDirectory(ctx context.Context) (token string) {
	GinkgoHelper()
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: noisyNamespace}},
		&v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: noisyNamespace, Name: v1alpha1.DirectoryName},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
		},
		&v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: noisyNamespace, Name: quickstart.CredentialName}},
	} {
		Expect(environment.Admin.Create(ctx, o)).To(Succeed())
	}
	token, err := quickstart.Token(ctx, environment.Admin, noisyNamespace, quickstart.CredentialName)
	Expect(err).NotTo(HaveOccurred())
	c := connect(token)
	Eventually(func() error {
		_, err := c.Do(ctx, "GET", "/Users?count=1", "")
		return err
	}).Should(Succeed())
	return token
}

// setLimit sets the rate limit of a directory's credentials; nil sets the default.
func setLimit(ctx context.Context, namespace string, limit *v1alpha1.RateLimit) {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	before := d.DeepCopy()
	d.Spec.RateLimit = limit
	Expect(environment.Admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
}

// connect returns a client with one kept HTTP/1.1 connection, like a provider's.
func connect(token string) *load.Client {
	GinkgoHelper()
	c, err := load.NewClient(load.Options{BaseURL: environment.BaseURL, Token: token, CAFile: environment.CAFile})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// gauges are the metrics of the manager by name and labels, as in leading.
type gauges map[string]float64

const (
	goroutines = "go_goroutines"
	resident   = "process_resident_memory_bytes"
	openFiles  = "process_open_fds"
	leading    = `leader_election_master_status{name="cloudsso-operator"}`
)

// refusalsMetric returns the name of the metric that counts the refusals for a reason.
func refusalsMetric(reason string) string {
	return `cloudsso_scim_refusals_total{reason="` + reason + `"}`
}

// measure reads the metrics of the manager, which must answer at once under any load.
func measure(ctx context.Context) gauges {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, maxLatency)
	defer cancel()
	samples, err := scrape.Samples(ctx, http.DefaultClient, environment.Manager.MetricsURL)
	Expect(err).NotTo(HaveOccurred())
	found := gauges{}
	for _, sample := range samples {
		found[sample.Metric.String()] = float64(sample.Value)
	}
	return found
}
