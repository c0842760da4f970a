package controllers_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func slice(ctx context.Context, name, group string, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOMembershipSlice {
	GinkgoHelper()
	s := &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: source, Group: group, Members: membersOf(members...)},
	}
	Expect(admin.Create(ctx, s)).To(Succeed())
	return s
}

func membersOf(names ...string) (members []v1alpha1.Member) {
	for _, name := range names {
		members = append(members, v1alpha1.Member{Name: name})
	}
	return members
}

func slicedGroup(ctx context.Context, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "everybody"},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Everybody", Sliced: true, Members: membersOf(members...)},
	}
	Expect(admin.Create(ctx, g)).To(Succeed())
	return g
}

func scimUser(ctx context.Context, name string) *v1alpha1.CloudSSOUser {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: name},
	}
	Expect(admin.Create(ctx, u)).To(Succeed())
	return u
}

// listed polls who is in a slice.
func listed(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) func() []v1alpha1.Member {
	return func() []v1alpha1.Member {
		var found v1alpha1.CloudSSOMembershipSlice
		if admin.Get(ctx, client.ObjectKeyFromObject(s), &found) != nil {
			return nil
		}
		return found.Spec.Members
	}
}

func isThere(ctx context.Context, o client.Object) func() bool {
	return func() bool { return !apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o)) }
}

// modified moves SCIM's meta.lastModified.
func modified(ctx context.Context, o client.Object, at string) {
	GinkgoHelper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationLastModified, at)
	Expect(admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
}

func turnOff(ctx context.Context) {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName}}
	Expect(admin.Patch(ctx, d, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"scimSynchronization":"Disabled"}}`)))).To(Succeed())
}

var _ = Describe("a sliced group", func() {
	counted := func(ctx context.Context, g *v1alpha1.CloudSSOGroup) func() *int32 {
		return func() *int32 {
			_ = admin.Get(ctx, client.ObjectKeyFromObject(g), g)
			return g.Status.Members
		}
	}

	It("counts the members of all its lists, each once, and takes second copies out", func(ctx SpecContext) {
		for _, name := range []string{"a", "b", "c", "d"} {
			scimUser(ctx, name)
		}
		g := slicedGroup(ctx, v1alpha1.SourceSCIM, "a")
		first := slice(ctx, "s1", g.Name, v1alpha1.SourceSCIM, "b", "a")
		second := slice(ctx, "s2", g.Name, v1alpha1.SourceSCIM, "c", "b")
		slice(ctx, "foreign", g.Name, v1alpha1.SourceManual, "d")
		Eventually(listed(ctx, first)).Should(Equal(membersOf("b")))
		Eventually(listed(ctx, second)).Should(Equal(membersOf("c")))
		Eventually(counted(ctx, g)).Should(HaveValue(BeEquivalentTo(3)))
	})

	It("loses a member that is deprovisioned or deleted, wherever it is listed", func(ctx SpecContext) {
		a, b := scimUser(ctx, "a"), scimUser(ctx, "b")
		g := slicedGroup(ctx, v1alpha1.SourceSCIM, "a")
		s := slice(ctx, "s1", g.Name, v1alpha1.SourceSCIM, "b")
		Eventually(counted(ctx, g)).Should(HaveValue(BeEquivalentTo(2)))
		for _, u := range []*v1alpha1.CloudSSOUser{a, b} {
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
			u.Spec.DeprovisionedAt = new(metav1.Now())
			Expect(admin.Update(ctx, u)).To(Succeed())
		}
		Eventually(listed(ctx, s)).Should(BeEmpty())
		Eventually(counted(ctx, g)).Should(HaveValue(BeEquivalentTo(0)))
		Expect(g.Spec.Members).To(BeEmpty())
	})

	It("takes its slices with it, and those that come too late", func(ctx SpecContext) {
		scimUser(ctx, "a")
		g := slicedGroup(ctx, v1alpha1.SourceSCIM)
		s := slice(ctx, "s1", g.Name, v1alpha1.SourceSCIM, "a")
		Eventually(func() []string { _ = admin.Get(ctx, client.ObjectKeyFromObject(g), g); return g.Finalizers }).
			Should(ContainElement(v1alpha1.FinalizerSlices))
		turnOff(ctx)
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Eventually(isThere(ctx, s)).Should(BeFalse())
		Eventually(isThere(ctx, g)).Should(BeFalse())
		late := slice(ctx, "s2", g.Name, v1alpha1.SourceSCIM, "a")
		Eventually(isThere(ctx, late)).Should(BeFalse())
	})

	It("keeps the slices that a person made for a group that is yet to come", func(ctx SpecContext) {
		early := slice(ctx, "early", "everybody", v1alpha1.SourceManual, "a")
		empty := slice(ctx, "empty", "everybody", v1alpha1.SourceManual)
		scimUser(ctx, "a")
		g := slicedGroup(ctx, v1alpha1.SourceManual)
		Eventually(counted(ctx, g)).Should(HaveValue(BeEquivalentTo(1)))
		Expect(isThere(ctx, early)()).To(BeTrue())
		Expect(isThere(ctx, empty)()).To(BeTrue())
	})

	It("is rid of a slice that has held nobody for a while, and stays as recently modified", func(ctx SpecContext) {
		g := slicedGroup(ctx, v1alpha1.SourceSCIM)
		s := slice(ctx, "s1", g.Name, v1alpha1.SourceSCIM)
		const at = "2020-01-02T03:04:05.678Z"
		modified(ctx, g, "2019-01-02T03:04:05Z")
		modified(ctx, s, at)
		Eventually(isThere(ctx, s)).Should(BeFalse())
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
		Expect(g.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationLastModified, at))
	})
})

var _ = Describe("a slice that somebody deletes", func() {
	It("is held, without the policies, while its directory is synchronized", func(ctx SpecContext) {
		scimUser(ctx, "a")
		g := slicedGroup(ctx, v1alpha1.SourceSCIM)
		s := slice(ctx, "s1", g.Name, v1alpha1.SourceSCIM, "a")
		Eventually(func() []string { _ = admin.Get(ctx, client.ObjectKeyFromObject(s), s); return s.Finalizers }).
			Should(ContainElement(v1alpha1.FinalizerGuard))
		Expect(admin.Delete(ctx, s)).To(Succeed())
		Consistently(isThere(ctx, s), "500ms").Should(BeTrue())
		turnOff(ctx)
		Eventually(isThere(ctx, s)).Should(BeFalse())
	})
})
