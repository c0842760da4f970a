// Package controllers_test runs all controllers as a manager does, with the operator's own identity.
package controllers_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/controllers"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/writes"
)

const endpoint = "https://scim.example.com/scim/v2"

var (
	plane     *controlplane.ControlPlane
	admin     client.Client
	operator  *rest.Config
	namespace string
	written   writes.Log

	startManager, stopManager func()
	resources                 *store.Store // of the manager that runs
	clock                     advanceableClock
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The controllers")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(5 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(GinkgoWriter, nil)))
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	operator, err = plane.Operator(ctx)
	Expect(err).NotTo(HaveOccurred())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(plane.Admin(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	Expect(plane.Apply(ctx, "access")).To(Succeed())
	// The finalizers are then what protects synchronized objects, and a test can write claims. Granting needs the policies that
	// are kept.
	Expect(plane.RemovePolicies(ctx, "cloudsso-access-assignments", "cloudsso-usernames")).To(Succeed())
	operator.Wrap(written.Wrap)
	startManager = func() { stopManager = runManager(ctx) }
	startManager()
	DeferCleanup(func() { stopManager() })
})

// runManager runs the controllers, their index and the bindings as cmd/manager does.
func runManager(ctx context.Context) (stop func()) {
	GinkgoHelper()
	sources := &informer.Sources{}
	selector, err := bindings.Selector(nil)
	Expect(err).NotTo(HaveOccurred())
	mgr, err := ctrl.NewManager(operator, ctrl.Options{
		Scheme:  admin.Scheme(),
		Metrics: metricsserver.Options{BindAddress: "0"},
		// A spec starts the manager a second time.
		Controller: config.Controller{SkipNameValidation: new(true)},
		Client:     client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
		Cache: cache.Options{
			NewInformer:      sources.NewInformer,
			DefaultTransform: cachetransform.Transform,
			ByObject:         map[client.Object]cache.ByObject{&rbacv1.RoleBinding{}: {Label: selector}, &rbacv1.ClusterRoleBinding{}: {Label: selector}},
		},
	})
	Expect(err).NotTo(HaveOccurred())
	resources = newStore(ctx, mgr.GetCache(), sources)
	projected := newBindings(ctx, mgr.GetCache())
	Expect(mgr.Add(projected)).To(Succeed())
	Expect(controllers.SetupWithManager(mgr, controllers.Config{
		Endpoint: endpoint, Memberships: resources, Names: resources, Principals: resources, Claims: resources.Claims(), Bindings: projected,
	})).To(Succeed())
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(stopped)
		Expect(mgr.Start(ctx)).To(Succeed())
	}()
	Eventually(resources.Synced).Should(BeTrue())
	return func() { cancel(); <-stopped }
}

func newStore(ctx context.Context, from cache.Cache, sources *informer.Sources) *store.Store {
	GinkgoHelper()
	direct, err := client.New(operator, client.Options{Scheme: admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	s, err := store.New(ctx, store.Config{
		Client: direct, Cache: from, Sources: sources, Log: slog.New(slog.DiscardHandler),
		Warn: func(runtime.Object, string, string) {}, Now: clock.Now, NewSuffix: func() string { return rand.String(5) },
	})
	Expect(err).NotTo(HaveOccurred())
	return s
}

func newBindings(ctx context.Context, from cache.Cache) *bindings.Bindings {
	GinkgoHelper()
	direct, err := client.New(operator, client.Options{Scheme: admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	projected, err := bindings.New(ctx, bindings.Config{
		Client: direct, Cache: from, Members: resources, Claims: resources.Claims(), Remember: 10 * time.Second,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	Expect(err).NotTo(HaveOccurred())
	return projected
}

// advanceableClock is the clock of name claims. It is ahead of the real one by as much as the specs have advanced it.
type advanceableClock struct{ ahead atomic.Int64 }

func (c *advanceableClock) Now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *advanceableClock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

var _ = BeforeEach(func(ctx SpecContext) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "controllers-"}}
	Expect(admin.Create(ctx, ns)).To(Succeed())
	namespace = ns.Name
	Expect(admin.Create(ctx, &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
	})).To(Succeed())
	Eventually(func() bool { return resources.Refusal(namespace) == nil }).Should(BeTrue(), "the directory is not activated")
})
