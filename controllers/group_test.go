package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	scim   = v1alpha1.SourceSCIM
	manual = v1alpha1.SourceManual
)

var _ = Describe("a group", func() {
	for _, source := range []v1alpha1.Source{scim, manual} {
		It("whose displayName another took first is in conflict, until the other leaves it: "+string(source), func(ctx SpecContext) {
			first := createGroup(ctx, "first", "Staff", scim)
			Eventually(readiness(ctx, first)).Should(Equal(v1alpha1.ReasonReady))
			Expect(first.Status.DisplayName).To(Equal("Staff"))
			second := createGroup(ctx, "second", "Others", source)
			modifyGroup(ctx, second, func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "ＳＴＡＦＦ" }) // of full width: NFKC and folding make them one
			Eventually(readiness(ctx, second)).Should(Equal(v1alpha1.ReasonDisplayNameConflict))
			Expect(meta.IsStatusConditionFalse(second.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
			Expect(second.Status.DisplayName).To(BeEmpty(), "it has not been accepted")
			Expect(readiness(ctx, first)()).To(Equal(v1alpha1.ReasonReady))
			Eventually(reasonsOf(ctx, "second")).Should(ContainElement(v1alpha1.ReasonDisplayNameConflict))
			modifyGroup(ctx, first, func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "Personnel" })
			Eventually(readiness(ctx, second)).Should(Equal(v1alpha1.ReasonReady))
			Expect(second.Status.DisplayName).To(Equal("ＳＴＡＦＦ"))
		})
	}

	It("whose displayName another took first is Ready once the other is deleted", func(ctx SpecContext) {
		first := createGroup(ctx, "first", "Staff", manual)
		Eventually(readiness(ctx, first)).Should(Equal(v1alpha1.ReasonReady))
		second := createGroup(ctx, "second", "staff", manual)
		Eventually(readiness(ctx, second)).Should(Equal(v1alpha1.ReasonDisplayNameConflict))
		Expect(admin.Delete(ctx, first)).To(Succeed())
		Eventually(readiness(ctx, second)).Should(Equal(v1alpha1.ReasonReady))
	})

	It("that names users who do not exist says so, until they do", func(ctx SpecContext) {
		create(ctx, "here", "here")
		g := createGroup(ctx, "crew", "Crew", manual, "here", "early", "late")
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonUnknownMembers))
		Expect(meta.IsStatusConditionFalse(g.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
		Eventually(reasonsOf(ctx, "crew")).Should(ContainElement(v1alpha1.ReasonUnknownMembers))
		create(ctx, "early", "early")
		Eventually(present(ctx, g)).Should(HaveValue(Equal(int32(2))))
		Expect(readiness(ctx, g)()).To(Equal(v1alpha1.ReasonUnknownMembers), "one is still unknown")
		create(ctx, "late", "late")
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Expect(g.Status.Members).To(HaveValue(Equal(int32(3))))
		Expect(g.Spec.Members).To(HaveLen(3), "nobody was taken out of what a person wrote")
	})

	It("counts the members that exist, disabled and suspended ones too", func(ctx SpecContext) {
		u := create(ctx, "here", "here")
		g := createGroup(ctx, "crew", "Crew", scim, "here")
		Eventually(present(ctx, g)).Should(HaveValue(Equal(int32(1))))
		modify(ctx, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active, u.Spec.Suspended = new(false), true })
		Eventually(stateOf(ctx, u)).Should(Equal(v1alpha1.UserDisabled))
		Expect(present(ctx, g)()).To(HaveValue(Equal(int32(1))))
		Expect(g.Spec.Members).To(HaveLen(1))
	})

	It("loses members that had departed, or were gone, when they were added", func(ctx SpecContext) {
		gone := newUser("gone", "gone")
		gone.Spec.DeprovisionedAt = new(metav1.Now())
		Expect(admin.Create(ctx, gone)).To(Succeed())
		Eventually(stateOf(ctx, gone)).Should(Equal(v1alpha1.UserDeprovisioned))
		stays := create(ctx, "stays", "stays")
		g := createGroup(ctx, "crew", "Crew", scim, "gone", "nobody", "stays")
		Eventually(func() []v1alpha1.Member { reread(ctx, g); return g.Spec.Members }).Should(ConsistOf(v1alpha1.Member{Name: stays.Name}))
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Eventually(reasonsOf(ctx, "crew")).Should(ContainElement("MembersDeparted"))
	})

	It("that names nobody keeps them while the switch is Disabled, and loses them once it is Enabled", func(ctx SpecContext) {
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(func() v1alpha1.Synchronization { return settings(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationDisabled))
		g := createGroup(ctx, "crew", "Crew", scim, "nobody")
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonUnknownMembers))
		Expect(g.Spec.Members).To(HaveLen(1))
		turn(ctx, v1alpha1.SynchronizationEnabled)
		Eventually(func() v1alpha1.Synchronization { return settings(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationEnabled))
		Eventually(func() []v1alpha1.Member { reread(ctx, g); return g.Spec.Members }).Should(BeEmpty())
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
	})

	It("that is deleted where no policy guards it is held, with full effect, until the switch is Disabled", func(ctx SpecContext) {
		create(ctx, "member", "member")
		g := createGroup(ctx, "crew", "Crew", scim, "member")
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Eventually(func() []string { reread(ctx, g); return g.Finalizers }).Should(ContainElement(v1alpha1.FinalizerGuard))
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Eventually(func() bool {
			reread(ctx, g)
			return meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.ConditionDeletionHeld)
		}).Should(BeTrue())
		Expect(readiness(ctx, g)()).To(Equal(v1alpha1.ReasonReady))
		Expect(g.Status.Members).To(HaveValue(Equal(int32(1))))
		Eventually(reasonsOf(ctx, "crew")).Should(ContainElement(v1alpha1.ConditionDeletionHeld))
		Eventually(func() int32 { return settings(ctx).Status.Groups.DeletionHeld }).Should(Equal(int32(1)))
		rival := createGroup(ctx, "rival", "Rivals", scim)
		modifyGroup(ctx, rival, func(g *v1alpha1.CloudSSOGroup) { g.Spec.DisplayName = "crew" })
		Eventually(readiness(ctx, rival)).Should(Equal(v1alpha1.ReasonDisplayNameConflict), "who is held has the name")
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(isGone(ctx, g)).Should(BeTrue())
		Eventually(readiness(ctx, rival)).Should(Equal(v1alpha1.ReasonReady))
		Eventually(func() int32 { return settings(ctx).Status.Groups.DeletionHeld }).Should(BeZero())
	})

	It("of people's own making goes when it is deleted", func(ctx SpecContext) {
		g := createGroup(ctx, "crew", "Crew", manual)
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Eventually(isGone(ctx, g)).Should(BeTrue())
	})

	It("loses a reservation that nobody is going to commit", func(ctx SpecContext) {
		g := newGroup("crew", "Crew", scim)
		g.Annotations = map[string]string{v1alpha1.AnnotationReservation: policy.Reservation{
			Nonce: "n", Time: metav1.Now().Add(-2 * policy.ReservationLife), Name: "other",
		}.String()}
		Expect(admin.Create(ctx, g)).To(Succeed())
		Eventually(func() map[string]string { reread(ctx, g); return g.Annotations }).ShouldNot(HaveKey(v1alpha1.AnnotationReservation))
	})
})

func newGroup(name, displayName string, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	return &v1alpha1.CloudSSOGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: displayName, Members: membersOf(members...)},
	}
}

func createGroup(ctx context.Context, name, displayName string, source v1alpha1.Source, members ...string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	g := newGroup(name, displayName, source, members...)
	Expect(admin.Create(ctx, g)).To(Succeed())
	return g
}

func modifyGroup(ctx context.Context, g *v1alpha1.CloudSSOGroup, change func(*v1alpha1.CloudSSOGroup)) {
	GinkgoHelper()
	before := g.DeepCopy()
	change(g)
	Expect(admin.Patch(ctx, g, client.MergeFrom(before))).To(Succeed())
}

func reread(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
}

// readiness reads g anew and returns the reason of its Ready condition, if that is of its present spec.
func readiness(ctx context.Context, g *v1alpha1.CloudSSOGroup) func() string {
	return func() string {
		reread(ctx, g)
		c := meta.FindStatusCondition(g.Status.Conditions, v1alpha1.ConditionReady)
		if c == nil || c.ObservedGeneration != g.Generation {
			return ""
		}
		return c.Reason
	}
}

// present reads g anew and returns how many of its members exist.
func present(ctx context.Context, g *v1alpha1.CloudSSOGroup) func() *int32 {
	return func() *int32 { reread(ctx, g); return g.Status.Members }
}
