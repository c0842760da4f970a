//go:build install

package install

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// allComponents sets every value that adds objects.
const allComponents = "access.enabled=true,certManager.enabled=true,console.enabled=true,dashboard.enabled=true,flowControl.enabled=true,gateway.enabled=true," +
	"ingress.enabled=true,networkPolicy.enabled=true,prometheus.enabled=true,prometheusRule.enabled=true"

var _ = Describe("The rendered objects", func() {
	It("have the recommended labels", func(ctx SpecContext) {
		for key, o := range parse([]byte(mustHelm(ctx, "template", release, chart, "--namespace", namespace, "--set", allComponents))) {
			Expect(o.GetLabels()).To(And(HaveKeyWithValue("app.kubernetes.io/name", "cloudsso-operator"),
				HaveKeyWithValue("app.kubernetes.io/instance", release), HaveKeyWithValue("app.kubernetes.io/part-of", "cloudsso")), key)
		}
	})

	It("run without a right on their node", func(ctx SpecContext) {
		all := parse([]byte(mustHelm(ctx, "template", release, chart, "--namespace", namespace, "--set", allComponents+",auditLog.volume.emptyDir.sizeLimit=2Gi")))
		var deployment, console appsv1.Deployment
		var job batchv1.Job
		decode(all["Deployment cloudsso-system/cloudsso-operator"], &deployment)
		decode(all["Deployment cloudsso-system/cloudsso-console"], &console)
		decode(all["Job cloudsso-system/cloudsso-remove-bindings"], &job)
		expectHardened(deployment.Spec.Template.Spec)
		expectHardened(console.Spec.Template.Spec)
		Expect(console.Spec.Template.Spec.AutomountServiceAccountToken).To(HaveValue(BeFalse()))
		expectHardened(job.Spec.Template.Spec)
	})

	It("have two replicas that a drain and a full node leave running", func(ctx SpecContext) {
		all := template(ctx, release, namespace)
		var deployment appsv1.Deployment
		var budget policyv1.PodDisruptionBudget
		decode(all["Deployment cloudsso-system/cloudsso-operator"], &deployment)
		decode(all["PodDisruptionBudget cloudsso-system/cloudsso-operator"], &budget)
		Expect(deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
		Expect(deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue()).To(BeZero())
		Expect(budget.Spec.MaxUnavailable.IntValue()).To(Equal(1))
		Expect(budget.Spec.Selector).To(Equal(deployment.Spec.Selector))
		pod := deployment.Spec.Template.Spec
		Expect(all).To(HaveKey("PriorityClass /" + pod.PriorityClassName))
		for _, c := range pod.TopologySpreadConstraints {
			Expect(c.LabelSelector).To(Equal(deployment.Spec.Selector))
		}
		Expect(pod.TopologySpreadConstraints).To(ConsistOf(HaveField("TopologyKey", corev1.LabelHostname), HaveField("TopologyKey", corev1.LabelTopologyZone)))
		container := pod.Containers[0]
		Expect(container.LivenessProbe).NotTo(BeNil())
		Expect(container.ReadinessProbe).NotTo(BeNil())
	})

	It("give the console no right", func(ctx SpecContext) {
		for key, o := range parse([]byte(mustHelm(ctx, "template", release, chart, "--namespace", namespace, "--set", allComponents))) {
			subjects, _, err := unstructured.NestedSlice(o.Object, "subjects")
			Expect(err).NotTo(HaveOccurred(), key)
			Expect(subjects).NotTo(ContainElement(HaveKeyWithValue("name", "cloudsso-console")), key)
		}
	})

	It("give the operator no right in rbac.authorization.k8s.io without access, and no right on every resource", func(ctx SpecContext) {
		for key, o := range template(ctx, release, namespace) {
			if o.GetKind() != "ClusterRole" && o.GetKind() != "Role" {
				continue
			}
			for _, rule := range expectType[[]any](nested(o.Object, "rules")) {
				for _, values := range expectType[map[string]any](rule) {
					Expect(values).NotTo(ContainElement(BeElementOf("*", "rbac.authorization.k8s.io")), key)
				}
			}
		}
	})
})

func decode(o *unstructured.Unstructured, into any) {
	GinkgoHelper()
	Expect(o).NotTo(BeNil())
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into)).To(Succeed())
}

func expectHardened(pod corev1.PodSpec) {
	GinkgoHelper()
	Expect(pod.HostNetwork || pod.HostPID || pod.HostIPC).To(BeFalse())
	Expect(pod.SecurityContext.RunAsNonRoot).To(HaveValue(BeTrue()))
	Expect(pod.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
	Expect(pod.ServiceAccountName).To(HavePrefix("cloudsso-"))
	for _, v := range pod.Volumes {
		Expect(v.HostPath).To(BeNil())
	}
	for _, c := range pod.Containers {
		Expect(c.SecurityContext).To(Equal(&corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}))
		Expect(c.Resources.Requests).To(And(HaveKey(corev1.ResourceCPU), HaveKey(corev1.ResourceMemory)))
		Expect(c.Resources.Limits).To(HaveKey(corev1.ResourceMemory))
	}
}
