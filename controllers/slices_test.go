package controllers_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/controllers/slice"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

func createSlice(ctx context.Context, name, group string, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOMembershipSlice {
	GinkgoHelper()
	s := &v1alpha1.CloudSSOMembershipSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: source, Group: group, Members: membersOf(members...)},
	}
	Expect(admin.Create(ctx, s)).To(Succeed())
	return s
}

func createSlicedGroup(ctx context.Context, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff"},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Staff", Sliced: true, Members: membersOf(members...)},
	}
	Expect(admin.Create(ctx, g)).To(Succeed())
	return g
}

// listed returns a function that returns the members of a slice.
func listed(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice) func() []v1alpha1.Member {
	return func() []v1alpha1.Member {
		var found v1alpha1.CloudSSOMembershipSlice
		if admin.Get(ctx, client.ObjectKeyFromObject(s), &found) != nil {
			return nil
		}
		return found.Spec.Members
	}
}

// exists returns a function that reports whether an object exists.
func exists(ctx context.Context, o client.Object) func() bool {
	return func() bool { return !apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o)) }
}

// setLastModified sets SCIM's meta.lastModified.
func setLastModified(ctx context.Context, o client.Object, at string) {
	GinkgoHelper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationLastModified, at)
	Expect(admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
}

// reconcileSliceIn reconciles a slice as the controller does after a time.
func reconcileSliceIn(ctx context.Context, s *v1alpha1.CloudSSOMembershipSlice, d time.Duration) {
	GinkgoHelper()
	r := &slice.Reconciler{Base: controllerutil.Base{Client: admin, Live: admin, Now: func() time.Time { return time.Now().Add(d) }}}
	_, err := r.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(s)})
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("a sliced group", func() {
	It("counts the members of all its lists, each once, and takes second copies out", func(ctx SpecContext) {
		for _, name := range []string{"a", "b", "c", "d"} {
			createUser(ctx, name, name, scim)
		}
		g := createSlicedGroup(ctx, scim, "a")
		first := createSlice(ctx, "s1", g.Name, scim, "b", "a")
		second := createSlice(ctx, "s2", g.Name, scim, "c", "b")
		createSlice(ctx, "foreign", g.Name, manual, "d")
		Eventually(listed(ctx, first)).Should(Equal(membersOf("b")))
		Eventually(listed(ctx, second)).Should(Equal(membersOf("c")))
		Eventually(memberCount(ctx, g)).Should(HaveValue(BeEquivalentTo(3)))
	})

	It("loses a member that is deprovisioned or deleted, wherever it is listed", func(ctx SpecContext) {
		a, b := createUser(ctx, "a", "a", scim), createUser(ctx, "b", "b", scim)
		g := createSlicedGroup(ctx, scim, "a")
		s := createSlice(ctx, "s1", g.Name, scim, "b")
		Eventually(memberCount(ctx, g)).Should(HaveValue(BeEquivalentTo(2)))
		for _, u := range []*v1alpha1.CloudSSOUser{a, b} {
			Expect(admin.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
			u.Spec.DeprovisionedAt = new(metav1.Now())
			Expect(admin.Update(ctx, u)).To(Succeed())
		}
		Eventually(listed(ctx, s)).Should(BeEmpty())
		Eventually(func() []v1alpha1.Member { reread(ctx, g); return g.Spec.Members }).Should(BeEmpty())
		Eventually(memberCount(ctx, g)).Should(HaveValue(BeEquivalentTo(0)))
	})

	It("is deleted with its slices, and with those that are created too late", func(ctx SpecContext) {
		createUser(ctx, "a", "a", scim)
		g := createSlicedGroup(ctx, scim)
		s := createSlice(ctx, "s1", g.Name, scim, "a")
		Eventually(func() []string { _ = admin.Get(ctx, client.ObjectKeyFromObject(g), g); return g.Finalizers }).
			Should(ContainElement(v1alpha1.FinalizerSlices))
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Eventually(exists(ctx, s)).Should(BeFalse())
		Eventually(exists(ctx, g)).Should(BeFalse())
		late := createSlice(ctx, "s2", g.Name, scim, "a")
		turn(ctx, v1alpha1.SynchronizationEnabled)
		reconcileSliceIn(ctx, late, 11*time.Minute)
		Eventually(exists(ctx, late)).Should(BeFalse())
	})

	It("may come after its slices, which count from then on", func(ctx SpecContext) {
		for _, name := range []string{"a", "b"} {
			createUser(ctx, name, name, scim)
		}
		early := createSlice(ctx, "s1", "staff", scim, "b")
		Eventually(func() []string { reread(ctx, early); return early.Finalizers }).Should(ContainElement(v1alpha1.FinalizerGuard))
		reconcileSliceIn(ctx, early, 9*time.Minute)
		Expect(exists(ctx, early)()).To(BeTrue(), "the request that creates the group may still be under way")
		g := createSlicedGroup(ctx, scim, "a")
		Eventually(memberCount(ctx, g)).Should(HaveValue(BeEquivalentTo(2)))
		reconcileSliceIn(ctx, early, 11*time.Minute)
		Expect(exists(ctx, early)()).To(BeTrue())
	})

	It("may be restored after its slices, which stay for a day", func(ctx SpecContext) {
		turn(ctx, v1alpha1.SynchronizationDisabled)
		early := createSlice(ctx, "s1", "staff", scim, "b")
		reconcileSliceIn(ctx, early, 23*time.Hour)
		Expect(exists(ctx, early)()).To(BeTrue())
		reconcileSliceIn(ctx, early, 25*time.Hour)
		Eventually(exists(ctx, early)).Should(BeFalse())
	})

	It("may never come, and its slices do not hold up the deletion of the namespace", func(ctx SpecContext) {
		early := createSlice(ctx, "s1", "staff", scim, "b")
		Eventually(func() []string { reread(ctx, early); return early.Finalizers }).Should(ContainElement(v1alpha1.FinalizerGuard))
		turn(ctx, v1alpha1.SynchronizationDisabled) // without that, the namespace is not deleted
		Expect(admin.Delete(ctx, early)).To(Succeed())
		Eventually(exists(ctx, early)).Should(BeFalse())
	})

	It("keeps the slices that a person made for a group that is yet to come", func(ctx SpecContext) {
		early := createSlice(ctx, "early", "staff", manual, "a")
		empty := createSlice(ctx, "empty", "staff", manual)
		createUser(ctx, "a", "a", scim)
		g := createSlicedGroup(ctx, manual)
		Eventually(memberCount(ctx, g)).Should(HaveValue(BeEquivalentTo(1)))
		Expect(exists(ctx, early)()).To(BeTrue())
		Expect(exists(ctx, empty)()).To(BeTrue())
	})

	It("loses a slice that has been empty for a while, and keeps its meta.lastModified", func(ctx SpecContext) {
		g := createSlicedGroup(ctx, scim)
		s := createSlice(ctx, "s1", g.Name, scim)
		const at = "2020-01-02T03:04:05.678Z"
		setLastModified(ctx, g, "2019-01-02T03:04:05Z")
		setLastModified(ctx, s, at)
		Eventually(exists(ctx, s)).Should(BeFalse())
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(g), g)).To(Succeed())
		Expect(g.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationLastModified, at))
	})
})

var _ = Describe("a slice that is deleted", func() {
	It("is held, without the policies, while its directory is synchronized", func(ctx SpecContext) {
		createUser(ctx, "a", "a", scim)
		g := createSlicedGroup(ctx, scim)
		s := createSlice(ctx, "s1", g.Name, scim, "a")
		Eventually(func() []string { _ = admin.Get(ctx, client.ObjectKeyFromObject(s), s); return s.Finalizers }).
			Should(ContainElement(v1alpha1.FinalizerGuard))
		Expect(admin.Delete(ctx, s)).To(Succeed())
		Consistently(exists(ctx, s), "500ms").Should(BeTrue())
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(exists(ctx, s)).Should(BeFalse())
	})
})
