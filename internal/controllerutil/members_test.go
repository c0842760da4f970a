package controllerutil_test

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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

func TestMembers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Taking members out of groups")
}

var (
	admin     client.Client
	remover   *controllerutil.MemberRemover
	now       = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
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
	remover = &controllerutil.MemberRemover{Client: operator, Live: operator, Now: func() time.Time { return now }}
})

var _ = BeforeEach(func(ctx SpecContext) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "directory-"}}
	Expect(admin.Create(ctx, ns)).To(Succeed())
	namespace = ns.Name
})

func membersOf(names ...string) (members []v1alpha1.Member) {
	for _, name := range names {
		members = append(members, v1alpha1.Member{Name: name})
	}
	return members
}

func createGroup(ctx context.Context, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff"},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Staff", Members: membersOf(members...)},
	}
	Expect(admin.Create(ctx, g)).To(Succeed())
	return g
}

func createSlice(ctx context.Context, members ...string) *v1alpha1.CloudSSOMembershipSlice {
	GinkgoHelper()
	s := &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff-1"},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: "staff", Members: membersOf(members...)},
	}
	Expect(admin.Create(ctx, s)).To(Succeed())
	return s
}

func createUser(ctx context.Context, name string, change func(*v1alpha1.CloudSSOUser)) *v1alpha1.CloudSSOUser {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: name},
	}
	change(u)
	Expect(admin.Create(ctx, u)).To(Succeed())
	return u
}

func active(*v1alpha1.CloudSSOUser)          {}
func inactive(u *v1alpha1.CloudSSOUser)      { u.Spec.Active = new(false) }
func deprovisioned(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }

func reread(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
}

// storedMembers returns the members that a list has on the API server.
func storedMembers(ctx context.Context, list client.Object) (names []string) {
	GinkgoHelper()
	live, ok := list.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	reread(ctx, live)
	for _, m := range membership.MembersOf(live) {
		names = append(names, m.Name)
	}
	return names
}

// add adds a member to a list behind the back of everything that has read it.
func add(ctx context.Context, list client.Object, name string) {
	GinkgoHelper()
	live, ok := list.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	patch := fmt.Appendf(nil, `[{"op":"add","path":"/spec/members/-","value":{"name":%q}}]`, name)
	Expect(admin.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch))).To(Succeed())
}

var _ = Describe("RemoveNotLive", func() {
	for _, source := range []v1alpha1.Source{v1alpha1.SourceSCIM, v1alpha1.SourceManual} {
		It(fmt.Sprintf("removes users that are deprovisioned or do not exist from a %s group, and no others", source), func(ctx SpecContext) {
			createUser(ctx, "live", active)
			createUser(ctx, "disabled", inactive)
			createUser(ctx, "gone", deprovisioned)
			createUser(ctx, "kept", deprovisioned)
			g := createGroup(ctx, source, "live", "disabled", "gone", "unknown", "kept")
			Expect(remover.RemoveNotLive(ctx, g, "live", "disabled", "gone", "unknown", "no-member")).To(Equal([]string{"gone", "unknown"}))
			Expect(storedMembers(ctx, g)).To(Equal([]string{"live", "disabled", "kept"}))
		})
	}

	It("removes users from a slice", func(ctx SpecContext) {
		s := createSlice(ctx, "alice", "bob")
		Expect(remover.RemoveNotLive(ctx, s, "alice")).To(Equal([]string{"alice"}))
		Expect(storedMembers(ctx, s)).To(Equal([]string{"bob"}))
	})

	It("sets SCIM's lastModified of a SCIM group, with and without other annotations", func(ctx SpecContext) {
		g := createGroup(ctx, v1alpha1.SourceSCIM, "alice", "bob")
		for _, name := range []string{"alice", "bob"} { // the first write finds no annotations
			Expect(remover.RemoveNotLive(ctx, g, name)).To(Equal([]string{name}))
			reread(ctx, g)
			Expect(g.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationLastModified, now.Format(time.RFC3339Nano)))
			g.Annotations = map[string]string{"other": "kept"}
			Expect(admin.Update(ctx, g)).To(Succeed())
		}
		Expect(g.Annotations).To(HaveKeyWithValue("other", "kept"))
	})

	It("leaves the annotations of a Manual group alone", func(ctx SpecContext) {
		g := createGroup(ctx, v1alpha1.SourceManual, "alice")
		Expect(remover.RemoveNotLive(ctx, g, "alice")).To(Equal([]string{"alice"}))
		reread(ctx, g)
		Expect(g.Annotations).To(BeEmpty())
	})

	It("keeps a member that the given group does not have yet", func(ctx SpecContext) {
		stale := createGroup(ctx, v1alpha1.SourceSCIM, "alice", "bob")
		add(ctx, stale, "carol")
		Expect(remover.RemoveNotLive(ctx, stale, "alice")).To(Equal([]string{"alice"}))
		Expect(storedMembers(ctx, stale)).To(Equal([]string{"bob", "carol"}))
	})

	It("finds a member that the given group does not have yet", func(ctx SpecContext) {
		stale := createGroup(ctx, v1alpha1.SourceSCIM, "alice")
		add(ctx, stale, "bob")
		Expect(remover.RemoveNotLive(ctx, stale, "bob")).To(Equal([]string{"bob"}))
		Expect(storedMembers(ctx, stale)).To(Equal([]string{"alice"}))
	})

	It("removes a member although a status is written meanwhile", func(ctx SpecContext) {
		stale := createGroup(ctx, v1alpha1.SourceSCIM, "alice")
		g := stale.DeepCopy()
		g.Status.Members = new(int32(1))
		Expect(admin.Status().Update(ctx, g)).To(Succeed())
		Expect(remover.RemoveNotLive(ctx, stale, "alice")).To(Equal([]string{"alice"}))
		Expect(storedMembers(ctx, stale)).To(BeEmpty())
	})

	It("keeps a user who is live again and was added again meanwhile", func(ctx SpecContext) {
		u := createUser(ctx, "alice", deprovisioned)
		stale := createGroup(ctx, v1alpha1.SourceSCIM, "alice")
		Expect(remover.RemoveNotLive(ctx, stale, "alice")).To(Equal([]string{"alice"}))
		u.Spec.DeprovisionedAt = nil
		Expect(admin.Update(ctx, u)).To(Succeed())
		reread(ctx, stale)
		stale.Spec.Members = membersOf("alice")
		before := stale.DeepCopy()
		Expect(admin.Update(ctx, stale)).To(Succeed())
		Expect(remover.RemoveNotLive(ctx, before, "alice")).To(BeEmpty())
		Expect(storedMembers(ctx, stale)).To(Equal([]string{"alice"}))
	})

	It("removes nothing from a group that is gone", func(ctx SpecContext) {
		g := createGroup(ctx, v1alpha1.SourceManual, "alice")
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Expect(remover.RemoveNotLive(ctx, g, "alice")).To(BeEmpty())
	})

	It("loses no member and keeps no member when many are removed and added at once", func(ctx SpecContext) {
		leaving := []string{"l0", "l1", "l2", "l3", "l4"}
		stale := createGroup(ctx, v1alpha1.SourceSCIM, append([]string{"stays"}, leaving...)...)
		var all sync.WaitGroup
		for i, name := range leaving {
			all.Go(func() {
				defer GinkgoRecover()
				Expect(remover.RemoveNotLive(ctx, stale.DeepCopy(), name)).To(Equal([]string{name}))
			})
			all.Go(func() {
				defer GinkgoRecover()
				add(ctx, stale, fmt.Sprint("j", i))
			})
		}
		all.Wait()
		Expect(slices.Sorted(slices.Values(storedMembers(ctx, stale)))).To(Equal([]string{"j0", "j1", "j2", "j3", "j4", "stays"}))
	})
})

var _ = Describe("RemoveFrom", func() {
	It("removes users, live ones too, from the version of a list that it is given", func(ctx SpecContext) {
		createUser(ctx, "alice", active)
		s := createSlice(ctx, "alice", "bob")
		Expect(remover.RemoveFrom(ctx, s, "alice")).To(Succeed())
		Expect(storedMembers(ctx, s)).To(Equal([]string{"bob"}))
	})

	It("returns a Conflict if the list has changed since", func(ctx SpecContext) {
		stale := createSlice(ctx, "alice")
		add(ctx, stale, "bob")
		Expect(apierrors.IsConflict(remover.RemoveFrom(ctx, stale, "alice"))).To(BeTrue())
		Expect(storedMembers(ctx, stale)).To(Equal([]string{"alice", "bob"}))
	})

	It("removes nothing from a list that is gone", func(ctx SpecContext) {
		s := createSlice(ctx, "alice")
		Expect(admin.Delete(ctx, s)).To(Succeed())
		Expect(remover.RemoveFrom(ctx, s, "alice")).To(Succeed())
	})
})

var _ = It("keeps the annotation of the last change, whose value the cache does not have", func(ctx SpecContext) {
	const change = `{"cause":"Create"}`
	g := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "changed", Annotations: map[string]string{v1alpha1.AnnotationLastChange: change}},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Changed", Members: []v1alpha1.Member{{Name: "gone"}}},
	}
	Expect(admin.Create(ctx, g)).To(Succeed())
	cached := g.DeepCopy()
	_, err := cachetransform.Transform(cached)
	Expect(err).NotTo(HaveOccurred())
	Expect(remover.RemoveNotLive(ctx, cached, "gone")).To(ConsistOf("gone"))
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
	Expect(g.Spec.Members).To(BeEmpty())
	Expect(g.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationLastChange, change))
	Expect(g.Annotations).To(HaveKey(v1alpha1.AnnotationLastModified))
})
