package usage_test

import (
	"context"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/usage"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/writes"
)

var (
	admin    client.Client
	operator client.Client // reads live
	written  writes.Log    // by the operator
	clock    *testClock
	okta     auth.Principal
)

func TestUsage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Recording of use and refusals")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	cp, err := controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cp.Stop)
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(cp.Admin(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	config, err := cp.Operator(ctx)
	Expect(err).NotTo(HaveOccurred())
	config.Wrap(written.Wrap)
	operator, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
})

// Each spec has a directory with one credential, and a clock that moves only when the spec advances it.
var _ = BeforeEach(func(ctx SpecContext) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "directory-"}}
	Expect(admin.Create(ctx, ns)).To(Succeed())
	okta = auth.Principal{Namespace: ns.Name, Credential: "okta"}
	Expect(admin.Create(ctx, &v1alpha1.CloudSSODirectory{ObjectMeta: object(v1alpha1.DirectoryName)})).To(Succeed())
	Expect(admin.Create(ctx, &v1alpha1.SCIMCredential{ObjectMeta: object("okta")})).To(Succeed())
	clock = &testClock{now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)}
})

func object(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: okta.Namespace, Name: name}
}

// newReplica returns the Recorder of one replica.
func newReplica() *usage.Recorder { return usage.New(operator, clock.Now) }

// patches returns the number of writes so far.
func patches() int { return len(written.In(okta.Namespace)) }

func directory(ctx context.Context) v1alpha1.CloudSSODirectoryStatus {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: object(v1alpha1.DirectoryName)}
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
	return d.Status
}

func lastUsed(ctx context.Context) *metav1.Time {
	GinkgoHelper()
	c := &v1alpha1.SCIMCredential{ObjectMeta: object("okta")}
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(c), c)).To(Succeed())
	return c.Status.LastUsedTime
}

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}
