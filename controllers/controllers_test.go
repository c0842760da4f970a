// Package controllers_test runs all controllers as a manager does, with the operator's own identity.
package controllers_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/controllers"
	"github.com/cloudsso/cloudsso-operator/controllers/credential"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/writes"
)

const endpoint = "https://scim.example.com/scim/v2"

var (
	admin     client.Client
	namespace string
	written   writes.Log

	startManager, stopManager func()
	directories               *store.Directories // those of the manager that runs
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
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	operator, err := plane.Operator(ctx)
	Expect(err).NotTo(HaveOccurred())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(plane.Admin(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	// The second line is tested where the first is not there.
	Expect(admin.DeleteAllOf(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{})).To(Succeed())
	operator.Wrap(written.Wrap)
	startManager = func() { stopManager = runManager(ctx, operator, scheme) }
	startManager()
	DeferCleanup(func() { stopManager() })
})

func runManager(ctx context.Context, operator *rest.Config, scheme *runtime.Scheme) (stop func()) {
	GinkgoHelper()
	relists := &store.Relists{}
	mgr, err := ctrl.NewManager(operator, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		// A spec starts the manager a second time.
		Controller: config.Controller{SkipNameValidation: new(true)},
		Client:     client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
		Cache: cache.Options{
			NewInformer: relists.NewInformer,
			ByObject:    map[client.Object]cache.ByObject{&corev1.Secret{}: credential.SecretCacheOptions()},
		},
	})
	Expect(err).NotTo(HaveOccurred())
	directories = store.New(store.Config{
		Client: mgr.GetClient(), Relists: relists, SentinelNamespace: "cloudsso-system", Log: slog.New(slog.DiscardHandler),
		Emit: func(runtime.Object, string, string, string) {}, Now: time.Now, NewID: func() string { return string(uuid.NewUUID()) },
	})
	Expect(directories.Watch(ctx, mgr.GetCache())).To(Succeed())
	Expect(controllers.SetupWithManager(mgr, controllers.Config{
		Endpoint: endpoint, UserNamesakes: directories.UserNamesakes, GroupNamesakes: directories.GroupNamesakes, GroupsOf: directories.GroupsOf, ListsOf: directories.ListsOf, AllListsOf: directories.AllListsOf,
	})).To(Succeed())
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(stopped)
		Expect(mgr.Start(ctx)).To(Succeed())
	}()
	return func() { cancel(); <-stopped }
}

var _ = BeforeEach(func(ctx SpecContext) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "controllers-"}}
	Expect(admin.Create(ctx, ns)).To(Succeed())
	namespace = ns.Name
	Expect(admin.Create(ctx, &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
	})).To(Succeed())
})

var _ = Describe("a user", func() {
	It("shows what its spec amounts to, and tells of what is not the provider's everyday work", func(ctx SpecContext) {
		u := create(ctx, "alice", "alice@example.com")
		Eventually(stateOf(ctx, u)).Should(Equal(v1alpha1.UserActive))
		Expect(u.Status.UserName).To(Equal("alice@example.com"))
		told := []any{}
		for _, step := range []struct {
			change func(*v1alpha1.CloudSSOUser)
			state  v1alpha1.UserState
			event  string
		}{
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }, v1alpha1.UserDisabled, ""},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = nil }, v1alpha1.UserActive, ""},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true }, v1alpha1.UserSuspended, "Suspended"},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = false }, v1alpha1.UserActive, "Enabled"},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }, v1alpha1.UserDeprovisioned, "Deprovisioned"},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = nil }, v1alpha1.UserActive, "Restored"},
		} {
			modify(ctx, u, step.change)
			Eventually(stateOf(ctx, u)).Should(Equal(step.state))
			if step.event != "" {
				told = append(told, step.event)
			}
			Eventually(reasonsOf(ctx, u.Name)).Should(ConsistOf(told))
		}
	})

	It("whose userName another took first is in conflict, until the other leaves it", func(ctx SpecContext) {
		first := create(ctx, "first", "Bob@example.com")
		Eventually(stateOf(ctx, first)).Should(Equal(v1alpha1.UserActive))
		second := create(ctx, "second", "second@example.com")
		modify(ctx, second, func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = "bob@EXAMPLE.com" })
		Eventually(stateOf(ctx, second)).Should(Equal(v1alpha1.UserConflict))
		Expect(stateOf(ctx, first)()).To(Equal(v1alpha1.UserActive))
		Eventually(reasonsOf(ctx, "second")).Should(ContainElement(v1alpha1.ReasonUserNameConflict))
		modify(ctx, first, func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = "robert@example.com" })
		Eventually(stateOf(ctx, second)).Should(Equal(v1alpha1.UserActive))
	})

	It("that is deleted where no policy guards it is held, with full effect, until the switch is Disabled", func(ctx SpecContext) {
		u := create(ctx, "carol", "carol")
		Eventually(stateOf(ctx, u)).Should(Equal(v1alpha1.UserActive))
		Expect(admin.Delete(ctx, u)).To(Succeed())
		Eventually(func() bool {
			_ = stateOf(ctx, u)()
			return meta.IsStatusConditionTrue(u.Status.Conditions, v1alpha1.ConditionDeletionHeld)
		}).Should(BeTrue())
		Expect(u.Status.State).To(Equal(v1alpha1.UserActive))
		Eventually(func() int32 { return settings(ctx).Status.Users.DeletionHeld }).Should(Equal(int32(1)))
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(isGone(ctx, u)).Should(BeTrue())
	})

	It("leaves its groups when it is deprovisioned, and when it is deleted", func(ctx SpecContext) {
		leaver, manual := create(ctx, "dora", "dora"), newUser("erik", "erik")
		manual.Spec.Source = v1alpha1.SourceManual
		Expect(admin.Create(ctx, manual)).To(Succeed())
		g := &v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff"},
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Staff", Members: []v1alpha1.Member{{Name: "dora"}, {Name: "erik"}}},
		}
		Expect(admin.Create(ctx, g)).To(Succeed())
		members := func() []v1alpha1.Member {
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
			return g.Spec.Members
		}
		Eventually(func() *int32 { members(); return g.Status.Members }).Should(HaveValue(Equal(int32(2))))
		Eventually(stateOf(ctx, manual)).Should(Equal(v1alpha1.UserActive))
		modify(ctx, leaver, func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) })
		Eventually(members).Should(ConsistOf(v1alpha1.Member{Name: "erik"}))
		Expect(admin.Delete(ctx, manual)).To(Succeed())
		Eventually(members).Should(BeEmpty())
		Eventually(isGone(ctx, manual)).Should(BeTrue())
	})

	It("loses a reservation that nobody is going to commit", func(ctx SpecContext) {
		u := newUser("frank", "frank")
		u.Annotations = map[string]string{v1alpha1.AnnotationReservation: policy.Reservation{
			Nonce: "n", Time: time.Now().Add(-2 * policy.ReservationLife), Name: "other",
		}.String()}
		Expect(admin.Create(ctx, u)).To(Succeed())
		Eventually(func() map[string]string { _ = stateOf(ctx, u)(); return u.Annotations }).ShouldNot(HaveKey(v1alpha1.AnnotationReservation))
	})
})

var _ = Describe("a directory", func() {
	It("shows its endpoint, its switch and what is in it, and is not written when nothing changes", func(ctx SpecContext) {
		u := create(ctx, "gina", "gina")
		Eventually(func(g Gomega) {
			d := settings(ctx)
			g.Expect(d.Status.Endpoint).To(Equal(endpoint))
			g.Expect(d.Status.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationEnabled))
			g.Expect(d.Status.Users).To(HaveValue(Equal(v1alpha1.UserCounts{Active: 1, SCIM: 1})))
		}).Should(Succeed())
		Eventually(stateOf(ctx, u)).Should(Equal(v1alpha1.UserActive)) // counted, perhaps, before its own status was written
		before := written.In(namespace)
		modify(ctx, u, func(u *v1alpha1.CloudSSOUser) { u.Labels = map[string]string{"reconcile": "again"} })
		marker := create(ctx, "marker", "marker") // its status comes after the other has been looked at
		Eventually(stateOf(ctx, marker)).Should(Equal(v1alpha1.UserActive))
		for _, line := range written.In(namespace)[len(before):] {
			Expect(line).NotTo(ContainSubstring("/gina"))
		}
	})

	It("asks for a full push once it is Enabled after writes were refused, until somebody says that there was one", func(ctx SpecContext) {
		Eventually(func() v1alpha1.Synchronization { return settings(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationEnabled))
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(func() v1alpha1.Synchronization { return settings(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationDisabled))
		d := settings(ctx)
		before := d.DeepCopy()
		refused := v1alpha1.RefusedWrite{Time: metav1.Now(), Method: "POST", Resource: "Users"}
		d.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: 3, Last: []v1alpha1.RefusedWrite{refused}}
		Expect(admin.Status().Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
		Eventually(reasonsOf(ctx, v1alpha1.DirectoryName)).Should(ContainElement(v1alpha1.ReasonWritesRefused))
		turn(ctx, v1alpha1.SynchronizationEnabled)
		needed := func() bool {
			return meta.IsStatusConditionTrue(settings(ctx).Status.Conditions, v1alpha1.ConditionResyncNeeded)
		}
		Eventually(needed).Should(BeTrue())
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(needed).Should(BeFalse())
		turn(ctx, v1alpha1.SynchronizationEnabled)
		Eventually(needed).Should(BeTrue(), "what was refused is still missing")

		d = settings(ctx)
		before = d.DeepCopy()
		// A little ahead, as a person's clock may be: it counts when it has come.
		d.Annotations = map[string]string{v1alpha1.AnnotationResynced: refused.Time.Add(3 * time.Second).UTC().Format(time.RFC3339)}
		Expect(admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
		Eventually(needed).Should(BeFalse())
		Expect(settings(ctx).Status.RefusedWrites).To(BeNil())
		Eventually(reasonsOf(ctx, v1alpha1.DirectoryName)).Should(ContainElement("Resynced"))
	})
})

func newUser(name, userName string) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: userName},
	}
}

func create(ctx context.Context, name, userName string) *v1alpha1.CloudSSOUser {
	GinkgoHelper()
	u := newUser(name, userName)
	Expect(admin.Create(ctx, u)).To(Succeed())
	return u
}

func modify(ctx context.Context, u *v1alpha1.CloudSSOUser, change func(*v1alpha1.CloudSSOUser)) {
	GinkgoHelper()
	before := u.DeepCopy()
	change(u)
	Expect(admin.Patch(ctx, u, client.MergeFrom(before))).To(Succeed())
}

// stateOf reads u anew and returns its state.
func stateOf(ctx context.Context, u *v1alpha1.CloudSSOUser) func() v1alpha1.UserState {
	return func() v1alpha1.UserState {
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		return u.Status.State
	}
}

func reasonsOf(ctx context.Context, name string) func() []string {
	return func() (reasons []string) {
		var all eventsv1.EventList
		Expect(admin.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
		for _, e := range all.Items {
			if e.Regarding.Name == name {
				reasons = append(reasons, e.Reason)
			}
		}
		return reasons
	}
}

func settings(ctx context.Context) *v1alpha1.CloudSSODirectory {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	return d
}

func turn(ctx context.Context, position v1alpha1.Synchronization) {
	GinkgoHelper()
	d := settings(ctx)
	before := d.DeepCopy()
	d.Spec.SCIMSynchronization = position
	Expect(admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
}

func isGone(ctx context.Context, o client.Object) func() bool {
	return func() bool { return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o)) }
}
