package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

var _ = Describe("a group", func() {
	It("with members that do not exist names them, until they do", func(ctx SpecContext) {
		createUser(ctx, "here", "here", scim)
		g := createGroup(ctx, "crew", "Crew", manual, "here", "early", "late")
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonUnknownMembers))
		Expect(meta.IsStatusConditionFalse(g.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
		Eventually(reasonsOf(ctx, "crew")).Should(ContainElement(v1alpha1.ReasonUnknownMembers))
		createUser(ctx, "early", "early", scim)
		Eventually(memberCount(ctx, g)).Should(HaveValue(Equal(int32(2))))
		Expect(readiness(ctx, g)()).To(Equal(v1alpha1.ReasonUnknownMembers), "one is still unknown")
		createUser(ctx, "late", "late", scim)
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Expect(g.Status.Members).To(HaveValue(Equal(int32(3))))
		Expect(g.Spec.Members).To(HaveLen(3), "a member was removed from what a person wrote")
	})

	It("counts the members that exist, disabled and suspended ones too", func(ctx SpecContext) {
		u := createUser(ctx, "here", "here", scim)
		g := createGroup(ctx, "crew", "Crew", scim, "here")
		Eventually(memberCount(ctx, g)).Should(HaveValue(Equal(int32(1))))
		modify(ctx, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active, u.Spec.Suspended = new(false), true })
		Eventually(stateOf(ctx, u)).Should(Equal(v1alpha1.UserDisabled))
		Expect(memberCount(ctx, g)()).To(HaveValue(Equal(int32(1))))
		Expect(g.Spec.Members).To(HaveLen(1))
	})

	It("of source SCIM loses members that were deprovisioned, or did not exist, when they were added", func(ctx SpecContext) {
		gone := newUser("gone", "gone", scim)
		gone.Spec.DeprovisionedAt = new(metav1.Now())
		Expect(admin.Create(ctx, gone)).To(Succeed())
		Eventually(stateOf(ctx, gone)).Should(Equal(v1alpha1.UserDeprovisioned))
		createUser(ctx, "stays", "stays", scim)
		g := createGroup(ctx, "crew", "Crew", scim, "gone", "unknown", "stays")
		Eventually(func() []v1alpha1.Member { reread(ctx, g); return g.Spec.Members }).Should(Equal(membersOf("stays")))
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Eventually(reasonsOf(ctx, "crew")).Should(ContainElement("MembersRemoved"))
	})

	It("of source SCIM keeps members that do not exist while the switch is Disabled, and loses them once it is Enabled", func(ctx SpecContext) {
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(func() v1alpha1.Synchronization { return directoryOf(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationDisabled))
		g := createGroup(ctx, "crew", "Crew", scim, "unknown")
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonUnknownMembers))
		Expect(g.Spec.Members).To(HaveLen(1))
		turn(ctx, v1alpha1.SynchronizationEnabled)
		Eventually(func() []v1alpha1.Member { reread(ctx, g); return g.Spec.Members }).Should(BeEmpty())
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
	})

	It("that is deleted without policies is held, with full effect, until the switch is Disabled", func(ctx SpecContext) {
		createUser(ctx, "member", "member", scim)
		g := createGroup(ctx, "crew", "Crew", scim, "member")
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Expect(g.Finalizers).To(ContainElement(v1alpha1.FinalizerGuard))
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Eventually(func() bool {
			reread(ctx, g)
			return meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.ConditionDeletionHeld)
		}).Should(BeTrue())
		Expect(readiness(ctx, g)()).To(Equal(v1alpha1.ReasonReady))
		Expect(g.Status.Members).To(HaveValue(Equal(int32(1))))
		Eventually(reasonsOf(ctx, "crew")).Should(ContainElement(v1alpha1.ConditionDeletionHeld))
		Eventually(func() int32 { return directoryOf(ctx).Status.Groups.DeletionHeld }).Should(Equal(int32(1)))
		second := createGroup(ctx, "second", "crew", manual)
		Eventually(readiness(ctx, second)).Should(Equal(v1alpha1.ReasonDisplayNameConflict), "the group that is held has the name")
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(isGone(ctx, g)).Should(BeTrue())
		Eventually(readiness(ctx, second)).Should(Equal(v1alpha1.ReasonReady))
		Eventually(func() int32 { return directoryOf(ctx).Status.Groups.DeletionHeld }).Should(BeZero())
	})

	It("of source Manual releases its displayName when it is deleted", func(ctx SpecContext) {
		g := createGroup(ctx, "crew", "Crew", manual)
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		Expect(g.Finalizers).To(Equal([]string{v1alpha1.FinalizerClaim}))
		Expect(holderOf(ctx, g)()).To(Equal("crew"))
		Expect(admin.Delete(ctx, g)).To(Succeed())
		Eventually(isGone(ctx, g)).Should(BeTrue())
		Expect(holderOf(ctx, g)()).To(BeEmpty())
	})
})

var _ = Describe("a group's members without effect", func() {
	It("are counted and named in a group of source Manual, with the reason why, until they have effect", func(ctx SpecContext) {
		createUser(ctx, "here", "here", scim)
		off, on := userWith(scim, inactive), createUser(ctx, "on", "on", manual)
		off.Name, off.Spec.UserName = "off", "off"
		create(ctx, off)
		lost, held := userWith(scim, deprovisioned), userWith(manual, suspended)
		lost.Name, lost.Spec.UserName, held.Name, held.Spec.UserName = "lost", "lost", "held", "held"
		create(ctx, lost)
		create(ctx, held)
		g := createGroup(ctx, "crew", "Crew", manual, "here", "off", "lost", "held", "unknown", "on")
		ineffective := func() string {
			reread(ctx, g)
			return controllerutil.MessageOf(g.Status.Conditions, v1alpha1.ConditionIneffectiveMembers)
		}
		Eventually(ineffective).Should(ContainSubstring("off (Disabled), lost (Deprovisioned), held (Suspended), unknown (Unknown);"))
		Expect(g.Status.Members).To(HaveValue(Equal(int32(4))))
		Expect(g.Status.EffectiveMembers).To(HaveValue(Equal(int32(2))))
		Expect(g.Status.ManualMembers).To(BeNil())
		Expect(meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.ConditionEffective)).To(BeTrue())

		modify(ctx, off, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(true) })
		Eventually(ineffective).ShouldNot(ContainSubstring("off"))
		Expect(g.Status.EffectiveMembers).To(HaveValue(Equal(int32(3))))
		modify(ctx, on, suspended)
		Eventually(ineffective).Should(ContainSubstring("on (Suspended)"))
		modify(ctx, g, func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = membersOf("here", "off") })
		Eventually(func() *metav1.Condition {
			reread(ctx, g)
			return meta.FindStatusCondition(g.Status.Conditions, v1alpha1.ConditionIneffectiveMembers)
		}).Should(BeNil())
		Expect(readiness(ctx, g)()).To(Equal(v1alpha1.ReasonReady))
		Expect(g.Status.EffectiveMembers).To(HaveValue(Equal(int32(2))))
	})

	It("cost a synchronized group no write when the identity provider disables them", func(ctx SpecContext) {
		u := createUser(ctx, "here", "here", scim)
		g := createGroup(ctx, "crew", "Crew", scim, "here")
		declared := createGroup(ctx, "declared", "Declared", manual, "here")
		Eventually(memberCount(ctx, declared)).Should(HaveValue(Equal(int32(1))))
		Eventually(memberCount(ctx, g)).Should(HaveValue(Equal(int32(1))))
		Eventually(readiness(ctx, g)).Should(Equal(v1alpha1.ReasonReady))
		modify(ctx, u, inactive)
		Eventually(func() *int32 { reread(ctx, declared); return declared.Status.EffectiveMembers }).Should(HaveValue(BeZero()))
		version := g.ResourceVersion
		reread(ctx, g)
		Expect(g.ResourceVersion).To(Equal(version))
		Expect(g.Status.EffectiveMembers).To(BeNil())
	})
})

var _ = Describe("a Manual member of a synchronized group", func() {
	It("is counted, named and reported, until it is taken out or adopted", func(ctx SpecContext) {
		createUser(ctx, "synced", "synced", scim)
		local, other := createUser(ctx, "local", "local", manual), createUser(ctx, "other", "other", manual)
		g := createGroup(ctx, "crew", "Crew", scim, "synced", "local", other.Name)
		manualMembers := func() *int32 { reread(ctx, g); return g.Status.ManualMembers }
		Eventually(manualMembers).Should(HaveValue(Equal(int32(2))))
		Expect(g.Status.Members).To(HaveValue(Equal(int32(3))))
		Expect(g.Status.EffectiveMembers).To(BeNil())
		shown := meta.FindStatusCondition(g.Status.Conditions, v1alpha1.ConditionManualMembers)
		Expect(shown).To(And(HaveField("Status", metav1.ConditionTrue), HaveField("Reason", v1alpha1.ReasonAddedByHand),
			HaveField("Message", ContainSubstring("local, other;"))))
		Eventually(reasonsOf(ctx, "crew")).Should(ContainElement(v1alpha1.ConditionManualMembers))
		Expect(readiness(ctx, g)()).To(Equal(v1alpha1.ReasonReady))

		modify(ctx, local, func(u *v1alpha1.CloudSSOUser) { u.Spec.Source = scim })
		Eventually(manualMembers).Should(HaveValue(Equal(int32(1))))
		modify(ctx, g, func(g *v1alpha1.CloudSSOGroup) { g.Spec.Members = membersOf("synced", "local") })
		Eventually(manualMembers).Should(HaveValue(BeZero()))
		Expect(meta.FindStatusCondition(g.Status.Conditions, v1alpha1.ConditionManualMembers)).To(BeNil())
	})
})

// memberCount returns a function that rereads a group and returns how many of its members are live.
func memberCount(ctx context.Context, g *v1alpha1.CloudSSOGroup) func() *int32 {
	return func() *int32 { reread(ctx, g); return g.Status.Members }
}
