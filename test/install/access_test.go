//go:build install

package install

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

var _ = Describe("A release with access", Ordered, func() {
	const (
		name, where = "access", "cloudsso-access"
		hookAccount = "access-cloudsso-remove-bindings"
	)
	operator := client.ObjectKey{Namespace: where, Name: "access-cloudsso-operator"}
	values := []string{"--namespace", where, "--set", "access.enabled=true,crds.enabled=false"}

	BeforeAll(func(ctx SpecContext) {
		leaveCRDs(ctx)
		createNamespace(ctx, where)
		mustHelm(ctx, append([]string{"install", name, chart, "--wait", "--timeout", "2m"}, values...)...)
	})

	It("has a service account to which nothing is forbidden while access is granted and revoked", func(ctx SpecContext) {
		l := newLifeCycle(ctx, "umbrella", startManager(ctx, where, "access-cloudsso-operator", "--access"))
		l.runWithAccess(ctx)
		l.expectNothingForbidden(ctx)
	})

	It("stops the operator and takes back access under the service account of its hook", func(ctx SpecContext) {
		hooks := parse([]byte(mustHelm(ctx, append([]string{"template", name, chart, "--show-only", "templates/remove_bindings.yaml"}, values...)...)))
		var arguments []string
		for key, o := range hooks {
			if o.GetKind() == "Job" {
				for _, argument := range expectType[[]any](firstContainer(o.Object)["args"]) {
					arguments = append(arguments, expectType[string](argument))
				}
				Expect(nested(o.Object, "spec", "template", "spec", "serviceAccountName")).To(Equal(hookAccount))
				continue
			}
			Expect(cluster.Create(ctx, o)).To(Succeed(), key)
			DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, o)).To(Succeed()) })
		}
		granted := newBinding(where)
		account, err := plane.ServiceAccount(ctx, where, operator.Name)
		Expect(err).NotTo(HaveOccurred())
		asOperator, err := client.New(account, client.Options{Scheme: cluster.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		Expect(asOperator.Create(ctx, granted)).To(Succeed())

		identity, err := plane.ServiceAccount(ctx, where, hookAccount)
		Expect(err).NotTo(HaveOccurred())
		command := exec.CommandContext(ctx, buildManager(ctx), arguments...)
		command.Env = append(os.Environ(), "KUBECONFIG="+writeKubeconfig(identity))
		output, err := command.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), "%s", output)
		Expect(string(output)).To(ContainSubstring("1 projected bindings removed"))
		Expect(apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(granted), granted))).To(BeTrue())
		var deployment appsv1.Deployment
		Expect(cluster.Get(ctx, operator, &deployment)).To(Succeed())
		Expect(deployment.Spec.Replicas).To(HaveValue(BeZero()))
		Expect(podsOf(ctx, operator)).To(BeEmpty())
	})

	It("is not uninstalled if the hook's Job fails, and is started again by a rollback", func(ctx SpecContext) {
		setUnschedulable(ctx, true) // so that the Job does not end
		DeferCleanup(func(ctx SpecContext) { setUnschedulable(ctx, false) })
		_, err := helm(ctx, "uninstall", name, "--namespace", where, "--timeout", "3s")
		Expect(err).To(MatchError(ContainSubstring("Job/" + where + "/" + hookAccount + " not ready")))
		for _, kind := range []client.Object{&rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{}} {
			Expect(cluster.Get(ctx, client.ObjectKey{Name: "access-cloudsso-operator-access"}, kind)).To(Succeed())
		}
		// As docs/install.md says.
		Expect(mustHelm(ctx, "history", name, "--namespace", where)).To(ContainSubstring("uninstalling"))
		setUnschedulable(ctx, false)
		commands, _ := cutCommands(commandsByPage(marked)["install.md"], "REVISION")
		runCommands(ctx, root, strings.NewReplacer("cloudsso-remove-bindings", hookAccount, "cloudsso-system", where, release, name, "REVISION", "1").Replace(commands))
		expectReady(ctx, operator, 2)
	})

	It("does not lose access by an upgrade without its values", func(ctx SpecContext) {
		without := []string{"upgrade", name, chart, "--namespace", where, "--wait", "--timeout", "2m", "--set", "crds.enabled=false,image.tag=v2"}
		_, err := helm(ctx, without...)
		Expect(err).To(MatchError(And(ContainSubstring("access is installed"), ContainSubstring("--reset-then-reuse-values"))))
		mustHelm(ctx, append(without, "--reset-then-reuse-values")...)
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "access-cloudsso-operator-access"}}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(role), role)).To(Succeed())
		mustHelm(ctx, append(without, "--set", "access.leaveBindings=true")...)
		Expect(apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(role), role))).To(BeTrue())
	})

	It("is uninstalled after the hook's Job", func(ctx SpecContext) {
		mustHelm(ctx, append([]string{"upgrade", name, chart, "--wait", "--timeout", "2m"}, values...)...)
		mustHelm(ctx, "uninstall", name, "--namespace", where, "--wait")
		Expect(apierrors.IsNotFound(cluster.Get(ctx, operator, &appsv1.Deployment{}))).To(BeTrue())
		expectClusterObjects(ctx, name)
	})
})

// newBinding returns a binding as the operator makes it from an assignment.
func newBinding(namespace string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cloudsso:acme:staff:1", Labels: map[string]string{v1alpha1.LabelAssignment: "staff"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "alice"}},
	}
}

// buildManager compiles the manager, and returns its path.
func buildManager(ctx context.Context, flags ...string) string {
	GinkgoHelper()
	binary := filepath.Join(GinkgoT().TempDir(), "manager")
	command := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", binary, "./cmd/manager")...)
	command.Dir = root
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", output)
	return binary
}
