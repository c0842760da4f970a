package membership_test

import (
	"context"
	"fmt"
	"slices"
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
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

func TestMembership(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Taking members out of groups")
}

var (
	admin     client.Client
	writer    membership.Writer
	namespace string
)

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
	operator, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	writer = membership.Writer{Client: operator, Live: operator, Now: time.Now}
})

var _ = BeforeEach(func(ctx SpecContext) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "directory-"}}
	Expect(admin.Create(ctx, ns)).To(Succeed())
	namespace = ns.Name
})

func group(ctx context.Context, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff"}}
	g.Spec = v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Staff"}
	for _, name := range members {
		g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{Name: name})
	}
	Expect(admin.Create(ctx, g)).To(Succeed())
	return g
}

func user(ctx context.Context, name string, change func(*v1alpha1.CloudSSOUser)) *v1alpha1.CloudSSOUser {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	u.Spec = v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: name}
	change(u)
	Expect(admin.Create(ctx, u)).To(Succeed())
	return u
}

func as(*v1alpha1.CloudSSOUser) {}

func deprovisioned(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }

// members are those that are stored.
func members(ctx context.Context) (names []string) {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "staff"}, g)).To(Succeed())
	for _, m := range g.Spec.Members {
		names = append(names, m.Name)
	}
	return names
}

func add(ctx context.Context, name string) {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "staff"}, g)).To(Succeed())
	g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{Name: name})
	Expect(admin.Update(ctx, g)).To(Succeed())
}

var _ = Describe("Remove", func() {
	for _, source := range []v1alpha1.Source{v1alpha1.SourceSCIM, v1alpha1.SourceManual} {
		It(fmt.Sprintf("takes out whom it is told to, and nobody else, of a %s group", source), func(ctx SpecContext) {
			g := group(ctx, source, "alice", "bob", "carol")
			changed, err := writer.Remove(ctx, g, "bob", "nobody")
			Expect(err).NotTo(HaveOccurred())
			Expect(changed).To(BeTrue())
			Expect(members(ctx)).To(Equal([]string{"alice", "carol"}))
		})
	}

	It("moves SCIM's lastModified, and only where there is one", func(ctx SpecContext) {
		g := group(ctx, v1alpha1.SourceSCIM, "alice", "bob")
		for _, name := range []string{"alice", "bob"} { // the first write finds no annotations
			_, err := writer.Remove(ctx, g, name)
			Expect(err).NotTo(HaveOccurred())
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
			at, err := time.Parse(time.RFC3339Nano, g.Annotations[v1alpha1.AnnotationLastModified])
			Expect(err).NotTo(HaveOccurred())
			Expect(at).To(BeTemporally("~", time.Now(), time.Minute))
		}
	})

	It("keeps a member that the group it was given does not have yet", func(ctx SpecContext) {
		stale := group(ctx, v1alpha1.SourceSCIM, "alice", "bob")
		add(ctx, "carol")
		Expect(writer.Remove(ctx, stale, "alice")).To(BeTrue())
		Expect(members(ctx)).To(Equal([]string{"bob", "carol"}))
	})

	It("finds a member that the group it was given does not have yet", func(ctx SpecContext) {
		stale := group(ctx, v1alpha1.SourceSCIM, "alice")
		add(ctx, "bob")
		Expect(writer.Remove(ctx, stale, "bob")).To(BeTrue())
		Expect(members(ctx)).To(Equal([]string{"alice"}))
	})

	It("is not overtaken by a status that is written meanwhile", func(ctx SpecContext) {
		stale := group(ctx, v1alpha1.SourceSCIM, "alice")
		g := stale.DeepCopy()
		g.Status.Members = new(int32(1))
		Expect(admin.Status().Update(ctx, g)).To(Succeed())
		Expect(writer.Remove(ctx, stale, "alice")).To(BeTrue())
		Expect(members(ctx)).To(BeEmpty())
	})

	It("has nothing to do in a group that is gone", func(ctx SpecContext) {
		g := group(ctx, v1alpha1.SourceManual, "alice")
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Expect(writer.Remove(ctx, g, "alice")).To(BeFalse())
	})

	It("loses nobody and keeps nobody when many are taken out and put in at once", func(ctx SpecContext) {
		leaving := []string{"l0", "l1", "l2", "l3", "l4"}
		stale := group(ctx, v1alpha1.SourceSCIM, append([]string{"stays"}, leaving...)...)
		var all sync.WaitGroup
		for i, name := range leaving {
			all.Go(func() {
				defer GinkgoRecover()
				Expect(writer.Remove(ctx, stale.DeepCopy(), name)).To(BeTrue())
			})
			all.Go(func() {
				defer GinkgoRecover()
				joiner := []byte(fmt.Sprintf(`[{"op":"add","path":"/spec/members/-","value":{"name":"j%d"}}]`, i))
				Expect(admin.Patch(ctx, stale.DeepCopy(), client.RawPatch("application/json-patch+json", joiner))).To(Succeed())
			})
		}
		all.Wait()
		Expect(slices.Sorted(slices.Values(members(ctx)))).To(Equal([]string{"j0", "j1", "j2", "j3", "j4", "stays"}))
	})
})

var _ = Describe("RemoveDeparted", func() {
	It("takes out the deprovisioned, and those that name nobody: not the live, or the disabled", func(ctx SpecContext) {
		user(ctx, "live", as)
		user(ctx, "disabled", func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) })
		user(ctx, "gone", deprovisioned)
		g := group(ctx, v1alpha1.SourceSCIM, "live", "disabled", "gone", "unknown")
		Expect(writer.RemoveDeparted(ctx, g, "live", "disabled", "gone", "unknown")).To(Equal([]string{"gone", "unknown"}))
		Expect(members(ctx)).To(Equal([]string{"live", "disabled"}))
	})

	It("leaves whoever was restored and added again meanwhile", func(ctx SpecContext) {
		u := user(ctx, "alice", deprovisioned)
		stale := group(ctx, v1alpha1.SourceSCIM, "alice")
		Expect(writer.RemoveDeparted(ctx, stale, "alice")).To(Equal([]string{"alice"}))
		u.Spec.DeprovisionedAt = nil
		Expect(admin.Update(ctx, u)).To(Succeed())
		add(ctx, "alice")
		Expect(writer.RemoveDeparted(ctx, stale, "alice")).To(BeEmpty())
		Expect(members(ctx)).To(Equal([]string{"alice"}))
	})
})
