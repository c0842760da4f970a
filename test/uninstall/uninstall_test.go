// Package uninstall removes the operator and its CRDs from a cluster with make, as an administrator does.
package uninstall

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/programs"
)

var (
	cluster   client.Client
	arguments []string // for make
	settings  []string // of its environment
)

func TestUninstall(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Uninstall")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	environment := &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute} // as for the other suites
	DeferCleanup(environment.Stop)
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred())
	admin, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	Expect(err).NotTo(HaveOccurred())
	kubeconfig, err := admin.KubeConfig()
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(file, kubeconfig, 0o600)).To(Succeed())
	kubectl, err := controlplane.Kubectl()
	Expect(err).NotTo(HaveOccurred())
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	arguments = []string{"-C", root, "--no-print-directory", "KUBECTL=" + kubectl, "KUSTOMIZE=" + kustomize(ctx, root), "IMG=" + image}
	settings = append(programs.WithoutMake(os.Environ()), "KUBECONFIG="+file)

	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(apiextensionsv1.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	cluster, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
})

// kustomize returns the path of the kustomize that make runs. go tool needs a second at each call to find it.
func kustomize(ctx context.Context, root string) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, "go", "tool", "-n", "-modfile=hack/tools/go.mod", "kustomize")
	command.Dir = root
	path, err := command.Output()
	Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(string(path))
}

func runMake(ctx context.Context, target string) (output string, err error) {
	command := exec.CommandContext(ctx, "make", append(arguments, target)...)
	command.Env = settings
	printed, err := command.CombinedOutput()
	GinkgoWriter.Printf("make %s: %v\n%s\n", target, err, printed)
	return string(printed), err
}

func mustMake(ctx context.Context, target string) {
	GinkgoHelper()
	output, err := runMake(ctx, target)
	Expect(err).NotTo(HaveOccurred(), output)
}

var crdNames = []string{
	"cloudssoaccessassignments.cloudsso.dev",
	"cloudssodirectories.cloudsso.dev",
	"cloudssogroups.cloudsso.dev",
	"cloudssomembershipslices.cloudsso.dev",
	"cloudssonameclaims.cloudsso.dev",
	"cloudssousers.cloudsso.dev",
	"scimcredentials.cloudsso.dev",
}

// installed returns the names of the CRDs that are not being deleted.
func installed(ctx context.Context) (names []string) {
	GinkgoHelper()
	var all apiextensionsv1.CustomResourceDefinitionList
	Expect(cluster.List(ctx, &all)).To(Succeed())
	for _, crd := range all.Items {
		if crd.DeletionTimestamp == nil {
			names = append(names, crd.Name)
		}
	}
	return names
}

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "acme", Name: name} }

// newDirectory returns a directory with objects of most kinds. The user comes first, with the operator's finalizers.
func newDirectory() []client.Object {
	alice := &v1alpha1.CloudSSOUser{ObjectMeta: meta("alice"), Spec: v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "alice"}}
	alice.Finalizers = []string{v1alpha1.FinalizerMemberships, v1alpha1.FinalizerGuard}
	return append([]client.Object{alice}, withoutFinalizers()...)
}

// withoutFinalizers returns one object of each kind that can be deleted while no operator runs.
func withoutFinalizers() []client.Object {
	return []client.Object{
		&v1alpha1.CloudSSOGroup{ObjectMeta: meta("staff"), Spec: v1alpha1.CloudSSOGroupSpec{Source: v1alpha1.SourceSCIM, DisplayName: "Staff"}},
		&v1alpha1.CloudSSOMembershipSlice{ObjectMeta: meta("staff-1"), Spec: v1alpha1.CloudSSOMembershipSliceSpec{Source: v1alpha1.SourceSCIM, Group: "staff"}},
		&v1alpha1.SCIMCredential{ObjectMeta: meta("okta")},
		&v1alpha1.CloudSSOAccessAssignment{ObjectMeta: meta("staff"), Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "Staff"},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Target:    v1alpha1.AccessTarget{Namespaces: []string{"acme"}},
		}},
		&v1alpha1.CloudSSODirectory{ObjectMeta: meta(v1alpha1.DirectoryName), Spec: v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled}},
	}
}

// newClaim returns the claim of a user that no longer exists, as a crash of the operator can leave it.
func newClaim() *v1alpha1.CloudSSONameClaim {
	return &v1alpha1.CloudSSONameClaim{ObjectMeta: meta("left-over"), Spec: v1alpha1.CloudSSONameClaimSpec{
		Kind: v1alpha1.ClaimedByUser, Name: "bob", Holder: "bob-x7k2p", AcquiredAt: metav1.NowMicro(),
	}}
}

// expectUnchanged checks that an object is the one that was created, and is not being deleted.
func expectUnchanged(ctx context.Context, o client.Object) {
	GinkgoHelper()
	uid := o.GetUID()
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	Expect(o.GetUID()).To(Equal(uid))
	Expect(o.GetDeletionTimestamp()).To(BeNil())
}

var _ = Describe("make", Ordered, func() {
	objects := newDirectory()
	system := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: controlplane.SystemNamespace}}

	BeforeAll(func(ctx SpecContext) {
		mustMake(ctx, "deploy")
		Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}})).To(Succeed())
		for _, o := range objects {
			Eventually(func() error { return cluster.Create(ctx, o) }, 30*time.Second).Should(Succeed())
		}
	})

	It("deploy runs the image that it is given, also after another tool has scaled the operator", func(ctx SpecContext) {
		deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: system.Name, Name: "cloudsso-operator"}}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)).To(Succeed())
		Expect(deployment.Spec.Template.Spec.Containers[0].Image).To(Equal(image))
		scaled := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":5}}`))
		Expect(cluster.Patch(ctx, deployment, scaled, client.FieldOwner("scaler"))).To(Succeed())
		mustMake(ctx, "deploy")
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)).To(Succeed())
		Expect(deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
	})

	It("deploy puts back what was changed or deleted by hand", func(ctx SpecContext) {
		policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-source"}}
		weaker := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"failurePolicy":"Ignore"}}`))
		Expect(cluster.Patch(ctx, policy, weaker, client.FieldOwner("person"))).To(Succeed())
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-operator"}}
		Expect(cluster.Delete(ctx, binding)).To(Succeed())
		mustMake(ctx, "deploy")
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(binding), binding)).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
		Expect(policy.Spec.FailurePolicy).To(HaveValue(Equal(admissionv1.Fail)))
	})

	It("undeploy deletes the operator alone", func(ctx SpecContext) {
		mustMake(ctx, "undeploy")
		deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: system.Name, Name: "cloudsso-operator"}}
		Expect(apierrors.IsNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(deployment), deployment))).To(BeTrue())
		var policies admissionv1.ValidatingAdmissionPolicyList
		Expect(cluster.List(ctx, &policies)).To(Succeed())
		Expect(policies.Items).To(BeEmpty())
		Expect(installed(ctx)).To(ConsistOf(crdNames))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(system), system)).To(Succeed())
		Expect(system.DeletionTimestamp).To(BeNil())
		for _, o := range objects {
			expectUnchanged(ctx, o)
		}
	})

	It("uninstall refuses while there are objects, names them, and deletes nothing", func(ctx SpecContext) {
		claim := newClaim()
		Eventually(func() error { return cluster.Create(ctx, claim) }, 30*time.Second).Should(Succeed(), "the policies are no longer in force")
		output, err := runMake(ctx, "uninstall")
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("refused, nothing is deleted"))
		Expect(output).To(ContainSubstring("docs/install.md"))
		for _, name := range []string{
			"CloudSSOUser acme/alice", "CloudSSOGroup acme/staff", "CloudSSOMembershipSlice acme/staff-1",
			"SCIMCredential acme/okta", "CloudSSOAccessAssignment acme/staff", "CloudSSODirectory acme/default",
		} {
			Expect(output).To(ContainSubstring("  " + name + "\n"))
		}
		Expect(output).NotTo(ContainSubstring(claim.Name))
		Expect(installed(ctx)).To(ConsistOf(crdNames))
		for _, o := range slices.Concat(objects, []client.Object{claim}) {
			expectUnchanged(ctx, o)
		}
	})

	It("uninstall counts the objects that it does not name", func(ctx SpecContext) {
		off := []byte(`{"spec":{"scimSynchronization":"Disabled"}}`)
		Expect(cluster.Patch(ctx, &v1alpha1.CloudSSODirectory{ObjectMeta: meta(v1alpha1.DirectoryName)}, client.RawPatch(types.MergePatchType, off))).To(Succeed())
		for i := range 12 {
			u := &v1alpha1.CloudSSOUser{ObjectMeta: meta(fmt.Sprintf("user-%02d", i)), Spec: v1alpha1.CloudSSOUserSpec{UserName: fmt.Sprintf("user-%02d", i)}}
			Expect(cluster.Create(ctx, u)).To(Succeed())
		}
		output, err := runMake(ctx, "uninstall")
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("  and 8 more\n"), "twelve users and %d objects", len(objects))
	})

	It("uninstall refuses while an object waits for its finalizers", func(ctx SpecContext) {
		Expect(cluster.DeleteAllOf(ctx, &v1alpha1.CloudSSOUser{}, client.InNamespace("acme"))).To(Succeed())
		for _, o := range objects[1:] {
			Expect(cluster.Delete(ctx, o)).To(Succeed())
		}
		output, err := runMake(ctx, "uninstall")
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("  CloudSSOUser acme/alice\n"))
		Expect(output).NotTo(ContainSubstring("staff"))
		Expect(installed(ctx)).To(ConsistOf(crdNames))
		Expect(cluster.Patch(ctx, objects[0], client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
	})

	It("uninstall refuses while there is one object of one kind", func(ctx SpecContext) {
		for _, o := range withoutFinalizers() {
			Expect(cluster.Create(ctx, o)).To(Succeed())
			_, err := runMake(ctx, "uninstall")
			Expect(err).To(HaveOccurred(), "%T", o)
			Expect(cluster.Delete(ctx, o)).To(Succeed())
		}
		Expect(installed(ctx)).To(ConsistOf(crdNames))
	})

	It("uninstall fails, and deletes nothing, if kubectl cannot list the objects", func(ctx SpecContext) {
		script := filepath.Join(GinkgoT().TempDir(), "kubectl")
		blind := "#!/bin/sh\nfor a; do [ \"$a\" = --all-namespaces ] && { echo 'Forbidden' >&2; exit 1; }; done\nexec " + strings.TrimPrefix(arguments[3], "KUBECTL=") + " \"$@\"\n"
		Expect(os.WriteFile(script, []byte(blind), 0o700)).To(Succeed())
		seeing := arguments
		defer func() { arguments = seeing }()
		arguments = append(append([]string{}, seeing...), "KUBECTL="+script)
		output, err := runMake(ctx, "uninstall")
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("Forbidden"))
		Expect(installed(ctx)).To(ConsistOf(crdNames))
	})

	It("uninstall deletes the CRDs, with a claim that is left over, and succeeds if there are none", func(ctx SpecContext) {
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(newClaim()), &v1alpha1.CloudSSONameClaim{})).To(Succeed())
		mustMake(ctx, "uninstall")
		Eventually(installed, 30*time.Second).WithContext(ctx).Should(BeEmpty())
		mustMake(ctx, "uninstall")
	})

	It("uninstall deletes the CRDs while their policy is in force, which a person's deletion is refused by", func(ctx SpecContext) {
		mustMake(ctx, "deploy")
		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: crdNames[0]}}
		Eventually(func() error { return cluster.Delete(ctx, crd, client.DryRunAll) }, 30*time.Second).Should(MatchError(ContainSubstring("cannot be deleted")))
		mustMake(ctx, "uninstall")
		Eventually(installed, 30*time.Second).WithContext(ctx).Should(BeEmpty())
	})
})
