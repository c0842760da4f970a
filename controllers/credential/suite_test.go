package credential_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/controllers/credential"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/auth/authcache"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/writes"
)

const (
	endpoint = "https://scim.example.com/scim/v2"
	// atOnce is how soon a change must take effect.
	atOnce = time.Second
	// eventually bounds waits for effects without a promised time, on a busy machine.
	eventually = 20 * time.Second
	// collected bounds waits for the garbage collector, which reads all objects after its start and looks for new kinds every half
	// minute.
	collected = 2 * time.Minute
)

var (
	admin         client.Client // a person with all rights
	authenticator *auth.Authenticator
	clock         movableClock
	written       writes.Log // the operator's
	fault         interruption
	logs          logBuffer
	tokens        []string // of this spec; no object but a Secret may have one
	namespace     string
)

func TestCredential(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "SCIMCredential controller")
}

var _ = BeforeSuite(func() {
	ctx, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	cp, err := controlplane.Start(ctx, controlplane.Options{Controllers: []string{"garbage-collector-controller"}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cp.Stop)
	operator, err := cp.Operator(ctx)
	Expect(err).NotTo(HaveOccurred())

	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(cp.Admin(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	startManager(ctx, operator, scheme)
})

// startManager runs the controller and the authentication of a replica, as cmd/manager does.
func startManager(ctx context.Context, operator *rest.Config, scheme *runtime.Scheme) {
	operator.Wrap(written.Wrap)
	operator.Wrap(fault.wrap)
	mgr, err := ctrl.NewManager(operator, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Client:  client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
	})
	Expect(err).NotTo(HaveOccurred())
	Expect((&credential.Reconciler{Base: controllerutil.Base{Now: clock.Now}, Endpoint: endpoint}).SetupWithManager(mgr)).To(Succeed())

	authenticator = auth.New(auth.Options{Now: clock.Now})
	synced, err := authcache.Watch(ctx, mgr.GetCache(), authenticator.Keyring())
	Expect(err).NotTo(HaveOccurred())

	stopped := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer GinkgoRecover()
		defer close(stopped)
		Expect(mgr.Start(ctx)).To(Succeed())
	}()
	DeferCleanup(func() { cancel(); <-stopped })
	Eventually(synced, eventually).Should(BeTrue())
}

var _ = BeforeEach(func(ctx SpecContext) {
	clock.Set(0)
	tokens = nil
	namespace = newNamespace(ctx)
})

// After each spec, its tokens are only in Secrets.
var _ = AfterEach(func(ctx SpecContext) {
	var credentials v1alpha1.SCIMCredentialList
	var events eventsv1.EventList
	Expect(admin.List(ctx, &credentials)).To(Succeed())
	Expect(admin.List(ctx, &events)).To(Succeed())
	for _, token := range tokens {
		for place, content := range map[string]any{"a SCIMCredential": credentials, "an Event": events, "the log": logs.String()} {
			text, err := json.Marshal(content)
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Contains(string(text), token)).To(BeFalse(), "the token %s is in %s", token, place)
		}
	}
})

func newNamespace(ctx context.Context) string {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "directory-"}}
	ExpectWithOffset(1, admin.Create(ctx, ns)).To(Succeed())
	return ns.Name
}

// movableClock is ahead of the real clock by a duration that a test sets.
type movableClock struct{ ahead atomic.Int64 }

func (c *movableClock) Now() time.Time      { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *movableClock) Set(d time.Duration) { c.ahead.Store(int64(d)) }

// interruption loses one write of a credential's spec, as a crash of the operator does.
type interruption struct {
	before atomic.Bool // the write does not reach the API server
	after  atomic.Bool // the API server carries the write out, and its answer does not arrive
}

var errInterrupted = errors.New("interrupted")

func (i *interruption) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPatch || r.URL.Query().Has("dryRun") || path.Base(path.Dir(r.URL.Path)) != "scimcredentials" {
			return next.RoundTrip(r)
		}
		if i.before.CompareAndSwap(true, false) {
			return nil, errInterrupted
		}
		response, err := next.RoundTrip(r)
		if err == nil && i.after.CompareAndSwap(true, false) {
			return nil, errors.Join(errInterrupted, response.Body.Close())
		}
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// logBuffer keeps the operator's log.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _ = GinkgoWriter.Write(p)
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
