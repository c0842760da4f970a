package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("a directory", func() {
	It("shows its endpoint, its switch and what is in it, and is not written when nothing changes", func(ctx SpecContext) {
		u := createUser(ctx, "gina", "gina", scim)
		Eventually(func(g Gomega) {
			d := directoryOf(ctx)
			g.Expect(d.Status.Endpoint).To(Equal(endpoint))
			g.Expect(d.Status.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationEnabled))
			g.Expect(d.Status.Users).To(HaveValue(Equal(v1alpha1.UserCounts{Active: 1, SCIM: 1, Suspended: new(int32(0)), Conflict: new(int32(0))})))
		}).Should(Succeed())
		Eventually(func() []string { reread(ctx, u); return u.Finalizers }).Should(HaveLen(2))
		before := written.In(namespace)
		modify(ctx, u, func(u *v1alpha1.CloudSSOUser) { u.Labels = map[string]string{"reconcile": "again"} })
		marker := createUser(ctx, "marker", "marker", manual) // its status comes after the other user has been reconciled
		Eventually(readiness(ctx, marker)).Should(Equal(v1alpha1.ReasonReady))
		for _, line := range written.In(namespace)[len(before):] {
			Expect(line).NotTo(ContainSubstring("/gina"))
		}
	})

	It("asks for a full push once it is Enabled after writes were refused, until the push is acknowledged", func(ctx SpecContext) {
		Eventually(func() v1alpha1.Synchronization { return directoryOf(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationEnabled))
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(func() v1alpha1.Synchronization { return directoryOf(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationDisabled))
		d := directoryOf(ctx)
		before := d.DeepCopy()
		refused := v1alpha1.RefusedWrite{Time: metav1.Now(), Method: "POST", Resource: "Users"}
		d.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: 3, Last: []v1alpha1.RefusedWrite{refused}}
		Expect(admin.Status().Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
		Eventually(reasonsOf(ctx, v1alpha1.DirectoryName)).Should(ContainElement(v1alpha1.ReasonWritesRefused))
		turn(ctx, v1alpha1.SynchronizationEnabled)
		needed := func() bool {
			return meta.IsStatusConditionTrue(directoryOf(ctx).Status.Conditions, v1alpha1.ConditionResyncNeeded)
		}
		Eventually(needed).Should(BeTrue())
		turn(ctx, v1alpha1.SynchronizationDisabled)
		Eventually(needed).Should(BeFalse())
		turn(ctx, v1alpha1.SynchronizationEnabled)
		Eventually(needed).Should(BeTrue(), "what was refused is still missing")

		d = directoryOf(ctx)
		before = d.DeepCopy()
		// A little ahead, as a person's clock may be: it counts when it has come.
		d.Annotations = map[string]string{v1alpha1.AnnotationResynced: refused.Time.Add(3 * time.Second).UTC().Format(time.RFC3339)}
		Expect(admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
		Eventually(needed).Should(BeFalse())
		Expect(directoryOf(ctx).Status.RefusedWrites).To(BeNil())
		Eventually(reasonsOf(ctx, v1alpha1.DirectoryName)).Should(ContainElement("Resynced"))
	})

	It("is switched on by the operator when the time of resumeAt has passed", func(ctx SpecContext) {
		pause := func(wait time.Duration) (d *v1alpha1.CloudSSODirectory) {
			GinkgoHelper()
			d = directoryOf(ctx)
			modify(ctx, d, func(o *v1alpha1.CloudSSODirectory) {
				o.Spec.SCIMSynchronization, o.Spec.ResumeAt = v1alpha1.SynchronizationDisabled, new(metav1.NewTime(time.Now().Add(wait)))
			})
			return d
		}
		Eventually(func() *metav1.Time { return directoryOf(ctx).Status.ActivatedAt }).ShouldNot(BeNil())
		pause(time.Hour)
		Eventually(func() v1alpha1.Synchronization { return directoryOf(ctx).Status.SCIMSynchronization }).Should(Equal(v1alpha1.SynchronizationDisabled))
		Expect(directoryOf(ctx).Spec.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationDisabled), "its time has not come")
		at := pause(2 * time.Second).Spec.ResumeAt
		Eventually(func() v1alpha1.CloudSSODirectorySpec { return directoryOf(ctx).Spec }).Should(And(
			HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
		Expect(time.Now()).To(BeTemporally(">=", at.Time))
		Eventually(reasonsOf(ctx, v1alpha1.DirectoryName)).Should(ContainElement("SynchronizationResumed"))
	})
})
