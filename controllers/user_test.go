package controllers_test

import (
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var _ = Describe("a user", func() {
	It("that SCIM creates active needs its claim and itself written, and no status", func(ctx SpecContext) {
		u := postUser(ctx, "alice@example.com")
		marker := createUser(ctx, "marker", "marker", manual) // its status comes after the other user was seen
		Eventually(readiness(ctx, marker)).Should(Equal(v1alpha1.ReasonReady))
		reread(ctx, u)
		Expect(u.Status).To(Equal(v1alpha1.CloudSSOUserStatus{State: v1alpha1.UserActive}))
		Expect(written.In(namespace)).To(ContainElements(
			HavePrefix(http.MethodPost+" /apis/cloudsso.dev/v1alpha1/namespaces/"+namespace+"/cloudssonameclaims"),
			HavePrefix(http.MethodPost+" /apis/cloudsso.dev/v1alpha1/namespaces/"+namespace+"/cloudssousers"),
		))
		Expect(written.In(namespace)).NotTo(ContainElement(ContainSubstring(u.Name)))
	})

	It("shows the state of its spec, with Events for what the identity provider does not do every day", func(ctx SpecContext) {
		u := postUser(ctx, "alice@example.com")
		expected := []any{}
		for _, step := range []struct {
			change func(*v1alpha1.CloudSSOUser)
			state  v1alpha1.UserState
			ready  string
			event  string
		}{
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) }, v1alpha1.UserDisabled, v1alpha1.ReasonDisabled, ""},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = nil }, v1alpha1.UserActive, v1alpha1.ReasonReady, ""},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true }, v1alpha1.UserSuspended, v1alpha1.ReasonSuspended, "Suspended"},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = false }, v1alpha1.UserActive, v1alpha1.ReasonReady, "Enabled"},
			{func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) }, v1alpha1.UserDeprovisioned, v1alpha1.ReasonDeprovisioned, "Deprovisioned"},
		} {
			modify(ctx, u, step.change)
			Eventually(stateOf(ctx, u)).Should(Equal(step.state))
			Expect(meta.IsStatusConditionTrue(u.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue(), "what the spec asks for has been carried out")
			Expect(controllerutil.ReasonOf(u.Status.Conditions, v1alpha1.ConditionReady)).To(Equal(step.ready))
			isActive := step.state == v1alpha1.UserActive
			Expect(meta.IsStatusConditionTrue(u.Status.Conditions, v1alpha1.ConditionEffective)).To(Equal(isActive))
			if step.event != "" {
				expected = append(expected, step.event)
			}
			Eventually(reasonsOf(ctx, u.Name)).Should(ConsistOf(expected))
		}
	})

	It("that is deleted without policies is held, with full effect, until the switch is Disabled", func(ctx SpecContext) {
		u := postUser(ctx, "carol")
		Expect(admin.Delete(ctx, u)).To(Succeed())
		Eventually(func() bool {
			reread(ctx, u)
			return meta.IsStatusConditionTrue(u.Status.Conditions, v1alpha1.ConditionDeletionHeld)
		}).Should(BeTrue())
		Expect(u.Status.State).To(Equal(v1alpha1.UserActive))
		Eventually(func() int32 { return directoryOf(ctx).Status.Users.DeletionHeld }).Should(Equal(int32(1)))
		Expect(holderOf(ctx, u)()).To(Equal(u.Name))
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(isGone(ctx, u)).Should(BeTrue())
		Expect(holderOf(ctx, u)()).To(BeEmpty())
	})

	It("that got an owner while the switch was Disabled loses it once it is Enabled, as its group and slice do", func(ctx SpecContext) {
		u, g := postUser(ctx, "carol"), postGroup(ctx, "Crew")
		s := &v1alpha1.CloudSSOMembershipSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "crew-1"},
			Spec:       v1alpha1.CloudSSOMembershipSliceSpec{Source: scim, Group: g.Name, Members: membersOf(u.Name)},
		}
		Expect(admin.Create(ctx, s)).To(Succeed())
		turn(ctx, v1alpha1.SynchronizationDisabled)
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "owner"}}
		Expect(admin.Create(ctx, owner)).To(Succeed())
		owned := []client.Object{u, g, s}
		for _, o := range owned {
			modify(ctx, o, func(o client.Object) {
				o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}})
			})
		}
		turn(ctx, v1alpha1.SynchronizationEnabled)
		for _, o := range owned {
			Eventually(func() []metav1.OwnerReference { reread(ctx, o); return o.GetOwnerReferences() }).Should(BeEmpty(), o.GetName())
			Eventually(reasonsOf(ctx, o.GetName())).Should(ContainElement("OwnersRemoved"))
		}
	})

	It("of source Manual that is adopted loses its owner", func(ctx SpecContext) {
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "owner"}}
		Expect(admin.Create(ctx, owner)).To(Succeed())
		u := newUser("dave", "dave", manual)
		u.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
		Expect(admin.Create(ctx, u)).To(Succeed())
		Eventually(readiness(ctx, u)).Should(Equal(v1alpha1.ReasonReady))
		Expect(u.OwnerReferences).To(HaveLen(1), "an owner of a Manual user is its author's")
		modify(ctx, directoryOf(ctx), func(d *v1alpha1.CloudSSODirectory) { d.Spec.ExistingUsers = v1alpha1.ExistingUsersAdopt })
		Eventually(func() error { // until the index shows the setting
			_, err := resources.In(namespace).Create(ctx, schema.User, schema.Object{}.With(schema.UserName, "dave"), nil)
			return err
		}).Should(Succeed())
		Eventually(func() []metav1.OwnerReference { reread(ctx, u); return u.OwnerReferences }).Should(BeEmpty())
		Expect(u.Spec.Source).To(Equal(scim))
	})

	for _, leave := range []struct {
		how, why string
		from     v1alpha1.Source
	}{{"deprovisioned", v1alpha1.ReasonDeprovisioned, scim}, {"deleted", "Unknown", manual}} {
		It(fmt.Sprintf("that is %s leaves its SCIM groups, and stays listed in Manual groups without effect", leave.how), func(ctx SpecContext) {
			u := createUser(ctx, "dora", "dora", leave.from)
			createUser(ctx, "erik", "erik", scim)
			synchronized := createGroup(ctx, "staff", "Staff", scim, "dora", "erik")
			declared := createGroup(ctx, "crew", "Crew", manual, "dora", "erik")
			for _, g := range []*v1alpha1.CloudSSOGroup{synchronized, declared} {
				Eventually(memberCount(ctx, g)).Should(HaveValue(Equal(int32(2))))
			}
			generation := declared.Generation
			if leave.how == "deleted" {
				Expect(admin.Delete(ctx, u)).To(Succeed())
				Eventually(isGone(ctx, u)).Should(BeTrue())
			} else {
				modify(ctx, u, func(u *v1alpha1.CloudSSOUser) { u.Spec.DeprovisionedAt = new(metav1.Now()) })
			}
			Eventually(func() []v1alpha1.Member { reread(ctx, synchronized); return synchronized.Spec.Members }).Should(Equal(membersOf("erik")))
			for _, g := range []*v1alpha1.CloudSSOGroup{synchronized, declared} {
				Eventually(memberCount(ctx, g)).Should(HaveValue(Equal(int32(1))))
			}
			Expect(declared.Generation).To(Equal(generation), "the operator wrote the spec of a Manual group")
			Expect(declared.Spec.Members).To(Equal(membersOf("dora", "erik")))
			Eventually(func() string {
				reread(ctx, declared)
				return controllerutil.MessageOf(declared.Status.Conditions, v1alpha1.ConditionIneffectiveMembers)
			}).Should(ContainSubstring("dora (" + leave.why + ")"))
		})
	}
})
