package plugin_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("kubectl cloudsso sync disable --for", func() {
	It("ends by itself although no operator runs at its end", func(ctx SpecContext) {
		token := created(ctx, "paused")
		kubectl(ctx, 0, "cloudsso", "sync", "disable", "--for", "1h", "--yes")
		Eventually(statusWith(ctx, token)).Should(Equal(http.StatusForbidden))
		Expect(environment.Manager.Stop()).To(Succeed())
		end := time.Now().Add(time.Second).Truncate(time.Second).UTC()
		kubectl(ctx, 0, "patch", "cloudssodirectory", v1alpha1.DirectoryName, "--type=merge", "-p", `{"spec":{"resumeAt":"`+end.Format(time.RFC3339)+`"}}`)
		Eventually(time.Now).Should(BeTemporally(">", end))
		without := directory(ctx).Spec
		Expect(environment.RestartManager(ctx)).To(Succeed())
		Expect(without.SCIMSynchronization).To(Equal(v1alpha1.SynchronizationDisabled))

		Eventually(func() v1alpha1.CloudSSODirectorySpec { return directory(ctx).Spec }).Should(And(
			HaveField("SCIMSynchronization", v1alpha1.SynchronizationEnabled), HaveField("ResumeAt", BeNil())))
		Eventually(statusWith(ctx, token)).Should(Equal(http.StatusOK))
		Eventually(func() (notes []string) {
			var all eventsv1.EventList
			Expect(environment.Admin.List(ctx, &all, client.InNamespace(environment.Namespace))).To(Succeed())
			for i := range all.Items {
				if all.Items[i].Reason == "SynchronizationResumed" {
					notes = append(notes, all.Items[i].Note)
				}
			}
			return notes
		}).Should(ContainElement(ContainSubstring(end.Format(time.RFC3339))))
	})
})
