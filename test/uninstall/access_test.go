package uninstall

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/programs"
)

const (
	image = "registry.example.com/cloudsso-operator:test"
	job   = "cloudsso-remove-bindings"
	// soon is how long controllers may take on a busy machine.
	soon = time.Minute
)

// copyOfSources returns a copy of the repository as far as make deploy reads it, with config/access.
func copyOfSources() string {
	GinkgoHelper()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	into := GinkgoT().TempDir()
	for _, folder := range []string{"config", "hack/tools"} {
		Expect(os.CopyFS(filepath.Join(into, folder), os.DirFS(filepath.Join(root, folder)))).To(Succeed())
	}
	for _, file := range []string{"Makefile", "go.mod", "go.sum", "hack/remove-bindings.sh"} {
		content, err := os.ReadFile(filepath.Join(root, file))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(into, file), content, 0o700)).To(Succeed())
	}
	file := filepath.Join(into, "config", "default", "kustomization.yaml")
	content, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	with := strings.NewReplacer("# components:", "components:", "# - ../access", "- ../access").Replace(string(content))
	Expect(os.WriteFile(file, []byte(with), 0o600)).To(Succeed())
	return into
}

// newBinding returns a binding as the operator makes it from an assignment.
func newBinding(namespace string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cloudsso:acme:staff:1", Labels: map[string]string{v1alpha1.LabelAssignment: "staff"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "alice"}},
	}
}

var _ = Describe("make undeploy with config/access", Ordered, func() {
	var (
		operator client.Client // the operator's service account
		binding  = newBinding("acme")
	)

	BeforeAll(func(ctx SpecContext) {
		plane, err := controlplane.Start(ctx, controlplane.Options{Controllers: []string{
			"deployment-controller", "replicaset-controller", "job-controller", "cronjob-controller", "garbage-collector-controller",
		}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(plane.Stop)
		outside, outsideArguments, outsideSettings := cluster, arguments, settings
		DeferCleanup(func() { cluster, arguments, settings = outside, outsideArguments, outsideSettings })
		cluster, err = client.New(plane.Admin(), client.Options{Scheme: outside.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		kubeconfig, err := plane.Kubeconfig(plane.Admin())
		Expect(err).NotTo(HaveOccurred())
		file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(file, kubeconfig, 0o600)).To(Succeed())
		arguments = append([]string{"-C", copyOfSources()}, arguments[2:]...)
		settings = append(programs.WithoutMake(os.Environ()), "KUBECONFIG="+file)

		// The control plane comes with policies, whose other field manager would be a conflict for kubectl.
		Expect(cluster.DeleteAllOf(ctx, &admissionv1.ValidatingAdmissionPolicy{})).To(Succeed())
		mustMake(ctx, "deploy")
		account, err := plane.Operator(ctx)
		Expect(err).NotTo(HaveOccurred())
		operator, err = client.New(account, client.Options{Scheme: outside.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}})).To(Succeed())
		Eventually(func() error { return operator.Create(ctx, binding) }, soon).Should(Succeed())
		Eventually(podsOf(ctx, "app.kubernetes.io/name", "cloudsso-operator"), soon).Should(HaveLen(2))
	})

	It("deploys the operator with access, and a Job of the same image that does not run", func(ctx SpecContext) {
		deployment := &appsv1.Deployment{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: controlplane.SystemNamespace, Name: "cloudsso-operator"}, deployment)).To(Succeed())
		container := deployment.Spec.Template.Spec.Containers[0]
		Expect(container.Args).To(ContainElement("--access"))
		Expect(container.Image).To(Equal(image))
		cronjob := &batchv1.CronJob{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: controlplane.SystemNamespace, Name: job}, cronjob)).To(Succeed())
		Expect(cronjob.Spec.Suspend).To(HaveValue(BeTrue()))
		Expect(cronjob.Spec.JobTemplate.Spec.Template.Spec.Containers[0]).To(And(HaveField("Image", image), HaveField("Args", []string{"--remove-bindings"})))
		Expect(cronjob.Spec.JobTemplate.Spec.Template.Spec.ServiceAccountName).To(Equal("cloudsso-operator"))
	})

	It("stops if the Job fails: rights, policies and Job stay, and it names the bindings", func(ctx SpecContext) {
		// One failure is enough, and make deploy creates the CronJob again.
		once := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"jobTemplate":{"spec":{"backoffLimit":0}}}}`))
		cronjob := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.SystemNamespace, Name: job}}
		Expect(cluster.Patch(ctx, cronjob, once)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, cronjob)).To(Succeed()) })
		output, err := undeploy(ctx, func() corev1.PodPhase { return corev1.PodFailed })
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("undeploy: stopped, because the Job " + job + " in namespace cloudsso-system has not succeeded"))
		Expect(output).To(ContainSubstring("RoleBinding   acme   " + binding.Name))
		Expect(output).To(ContainSubstring("kubectl -n cloudsso-system logs job/" + job))
		expectInstalled(ctx)
	})

	It("stops if the Job has left a binding", func(ctx SpecContext) {
		mustMake(ctx, "deploy")
		output, err := undeploy(ctx, func() corev1.PodPhase { return corev1.PodSucceeded })
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("undeploy: stopped, because the Job " + job + " has left bindings"))
		expectInstalled(ctx)
	})

	It("deletes the operator after the Job has deleted the bindings, with the operator's own rights", func(ctx SpecContext) {
		mustMake(ctx, "deploy")
		output, err := undeploy(ctx, func() corev1.PodPhase {
			Expect(operator.Delete(ctx, binding)).To(Succeed())
			return corev1.PodSucceeded
		})
		Expect(err).NotTo(HaveOccurred(), output)
		for _, o := range []client.Object{
			&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-operator-access"}},
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-operator-access"}},
			&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-access-assignments"}},
			&batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.SystemNamespace, Name: job}},
			&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.SystemNamespace, Name: job}},
		} {
			Expect(apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(o), o))).To(BeTrue(), "%T", o)
		}
		mustMake(ctx, "undeploy")
	})

	It("refuses while there is a binding and no Job to delete it", func(ctx SpecContext) {
		Eventually(func() error { return cluster.Create(ctx, newBinding("acme")) }, soon).Should(Succeed()) // the policies are gone, or about to be
		output, err := runMake(ctx, "undeploy")
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("the CronJob " + job + ", which takes back access, is not installed"))
		Expect(output).To(ContainSubstring("run: make deploy; then run again: make undeploy"))
	})
})

// undeploy runs make undeploy. When the Pod of its Job exists, run plays the kubelet: it returns the phase in which the
// Pod ends.
func undeploy(ctx context.Context, run func() corev1.PodPhase) (output string, err error) {
	GinkgoHelper()
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(done)
		output, err = runMake(ctx, "undeploy")
	}()
	var pods []corev1.Pod // without that of an earlier attempt, which has ended
	Eventually(func() []corev1.Pod {
		pods = slices.DeleteFunc(podsOf(ctx, batchv1.JobNameLabel, job)(), func(p corev1.Pod) bool { return p.Status.Phase != corev1.PodPending })
		return pods
	}, soon).Should(HaveLen(1))
	Expect(podsOf(ctx, "app.kubernetes.io/name", "cloudsso-operator")()).To(BeEmpty(), "a running operator restores bindings")
	pod := pods[0]
	pod.Status.Phase = run()
	Expect(cluster.Status().Update(ctx, &pod)).To(Succeed())
	Eventually(done, soon).Should(BeClosed())
	return output, err
}

// podsOf returns a function that lists the Pods with a label.
func podsOf(ctx context.Context, label, value string) func() []corev1.Pod {
	return func() []corev1.Pod {
		GinkgoHelper()
		var pods corev1.PodList
		Expect(cluster.List(ctx, &pods, client.InNamespace(controlplane.SystemNamespace), client.MatchingLabels{label: value})).To(Succeed())
		return pods.Items
	}
}

// expectInstalled checks that the operator's rights and policies are there.
func expectInstalled(ctx context.Context) {
	GinkgoHelper()
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-operator-access"}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-operator"}},
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-access-assignments"}},
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-deletion-guard"}},
		newBinding("acme"),
	} {
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed(), "%T", o)
	}
}
