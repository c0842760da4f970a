// Package access_test runs the controllers with access as a manager does, on a real API server.
package access_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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
	"github.com/cloudsso/cloudsso-operator/internal/namespaceselector"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	// eventually bounds waits for effects without a promised time, on a busy machine.
	eventually = 20 * time.Second
	// inTime is within what time access begins and ends: a second is promised, and the machine may be busy.
	inTime = 5 * time.Second
	// quiet is how long nothing may be requested of a settled assignment.
	quiet = 2 * time.Second
	// role is a ClusterRole that the operator may bind.
	role = "view"
	// policyName is that of the policy of assignments and of its binding.
	policyName = "cloudsso-access-assignments"
)

var (
	admin     client.Client
	operator  *rest.Config
	namespace string // of the spec's directory
	clock     testClock
	traffic   recorder
	users     = pausableWatch{resource: "cloudssousers"}
	groups    = pausableWatch{resource: "cloudssogroups"}
	lists     = pausableWatch{resource: "cloudssomembershipslices"}
	bound     = pausableWatch{resource: "rolebindings"}
	gate      writeGate
	late      lateIndex

	questions  = refusal{method: http.MethodPost, resource: "selfsubjectaccessreviews"}
	userReads  = refusal{method: http.MethodGet, resource: "cloudssousers"}
	claimReads = refusal{method: http.MethodGet, resource: "cloudssonameclaims"}
	deletions  = refusal{method: http.MethodDelete, resource: "rolebindings"}

	startManager, stopManager func()
	startSelecting            func(labels string) // as startManager does, but only namespaces with the labels may be directories
	startWithoutAccess        func()              // as startManager does, but for an operator that was installed without access
	resources                 *store.Store        // of the manager that runs
)

func TestAccess(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The controller of access assignments")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(eventually)
	SetDefaultEventuallyPollingInterval(5 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(GinkgoWriter, nil)))
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	Expect(plane.Apply(ctx, "access")).To(Succeed())
	operator, err = plane.Operator(ctx)
	Expect(err).NotTo(HaveOccurred())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(plane.Admin(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	// A person may then write synchronized objects. Granting needs the policies that are kept.
	Expect(plane.RemovePolicies(ctx, policyName, "cloudsso-usernames")).To(Succeed())
	allow(ctx, "roles", "deployer")
	operator.Wrap(traffic.wrap)
	for _, watched := range []*pausableWatch{&users, &groups, &lists, &bound} {
		operator.Wrap(watched.wrap)
	}
	operator.Wrap(gate.wrap)
	for _, refused := range []*refusal{&questions, &userReads, &claimReads, &deletions} {
		operator.Wrap(refused.wrap)
	}
	startManager = func() { stopManager = runManager(ctx, true, nil) }
	startSelecting = func(wanted string) {
		selector, err := labels.Parse(wanted)
		Expect(err).NotTo(HaveOccurred())
		selected, err := namespaceselector.New(operator, selector)
		Expect(err).NotTo(HaveOccurred())
		stopManager = runManager(ctx, true, selected)
	}
	startWithoutAccess = func() { stopManager = runManager(ctx, false, nil) }
	startManager()
	DeferCleanup(func() { stopManager() })
})

// allow adds a role to those that the operator may bind.
func allow(ctx context.Context, resource, name string) {
	GinkgoHelper()
	r := &rbacv1.ClusterRole{}
	Expect(admin.Get(ctx, client.ObjectKey{Name: "cloudsso-operator-access"}, r)).To(Succeed())
	r.Rules = append(r.Rules, rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{resource}, Verbs: []string{"bind"}, ResourceNames: []string{name}})
	Expect(admin.Update(ctx, r)).To(Succeed())
}

// runManager runs the controllers, the index and the bindings as cmd/manager does.
func runManager(ctx context.Context, withAccess bool, selected *namespaceselector.Selector) (stop func()) {
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
	direct, err := client.New(operator, client.Options{Scheme: admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	resources, err = store.New(ctx, store.Config{
		Client: direct, Cache: mgr.GetCache(), Sources: sources, Log: slog.New(slog.DiscardHandler),
		Warn: func(runtime.Object, string, string) {}, Now: time.Now, NewSuffix: func() string { return rand.String(5) },
	})
	Expect(err).NotTo(HaveOccurred())
	projected, err := bindings.New(ctx, bindings.Config{
		Client: direct, Cache: mgr.GetCache(), Members: resources, Claims: resources.Claims(), Remember: 10 * time.Second,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(mgr.Add(projected)).To(Succeed())
	if selected != nil {
		Expect(mgr.Add(selected)).To(Succeed())
	}
	late.Store = resources
	c := controllers.Config{
		Selector: selected,
		Endpoint: "https://scim.example.com/scim/v2", Memberships: resources, Names: &late, Principals: &late, Claims: resources.Claims(),
		ExcludedNamespaces: []string{"kube-system"}, Now: clock.Now,
	}
	if withAccess {
		c.Bindings, resources.Revoker = projected, projected
	}
	Expect(controllers.SetupWithManager(mgr, c)).To(Succeed())
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(stopped)
		Expect(mgr.Start(ctx)).To(Succeed())
	}()
	Eventually(projected.Synced).Should(BeTrue())
	return func() { cancel(); <-stopped }
}

var _ = BeforeEach(func(ctx SpecContext) {
	namespace = newNamespace(ctx, "directory-", nil)
	Expect(admin.Create(ctx, &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
	})).To(Succeed())
	Eventually(func() bool { return resources.Refusal(namespace) == nil }).Should(BeTrue(), "the directory is not activated")
})

func newNamespace(ctx context.Context, prefix string, labels map[string]string) string {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix, Labels: labels}}
	Expect(admin.Create(ctx, ns)).To(Succeed())
	return ns.Name
}
