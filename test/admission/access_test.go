package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/admissionpolicy"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	accessPolicy = "cloudsso-access-assignments"
	accessRole   = "cloudsso-operator-access"
	rbacGroup    = rbacv1.GroupName
)

// installAccess applies config/access until the container ends, and waits until the operator has its rights.
func installAccess(ctx SpecContext) {
	Expect(plane.Apply(ctx, "access")).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		for _, o := range []client.Object{
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: accessRole}}, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: accessRole}},
			&batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "cloudsso-remove-bindings"}},
		} {
			Expect(person.Delete(ctx, o)).To(Succeed())
		}
		Eventually(mayBind).WithArguments(ctx, operator, "clusterroles", "view", "").Should(BeFalse())
	})
	Eventually(mayBind).WithArguments(ctx, operator, "clusterroles", "view", "").Should(BeTrue())
}

// newAssignment returns an assignment of the ClusterRole view to a group.
func newAssignment(namespace, name string, target v1alpha1.AccessTarget) *v1alpha1.CloudSSOAccessAssignment {
	return &v1alpha1.CloudSSOAccessAssignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.CloudSSOAccessAssignmentSpec{
			Principal: v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, DisplayName: "Developers"},
			RoleRef:   v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Target:    target,
		},
	}
}

// inNamespaces returns a target.
func inNamespaces(names ...string) v1alpha1.AccessTarget {
	return v1alpha1.AccessTarget{Namespaces: names}
}

// mayBind reports whether a client has the verb bind on a role, in a namespace or, if that is empty, in the whole cluster.
func mayBind(ctx context.Context, c client.Client, resource, name, namespace string) bool {
	GinkgoHelper()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "bind", Group: rbacGroup, Resource: resource, Name: name},
	}}
	Expect(c.Create(ctx, review)).To(Succeed())
	return review.Status.Allowed
}

// letBind gives the admin of a directory the verb bind on a role in namespaces; "" is the whole cluster.
func letBind(ctx context.Context, directory, resource, name string, namespaces ...string) {
	GinkgoHelper()
	subject := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacGroup, Name: "admin-of-" + directory}
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-bind-"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{rbacGroup}, Resources: []string{resource}, ResourceNames: []string{name}, Verbs: []string{"bind"}}},
	}
	Expect(person.Create(ctx, role)).To(Succeed())
	config, err := plane.User(subject.Name)
	Expect(err).NotTo(HaveOccurred())
	c := newClient(config)
	for _, namespace := range namespaces {
		if namespace == "" {
			Expect(person.Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{GenerateName: "test-bind-"}, Subjects: []rbacv1.Subject{subject},
				RoleRef: rbacv1.RoleRef{APIGroup: rbacGroup, Kind: "ClusterRole", Name: role.Name},
			})).To(Succeed())
		} else {
			bind(ctx, namespace, role.Name, subject)
		}
		Eventually(mayBind).WithArguments(ctx, c, resource, name, namespace).Should(BeTrue())
	}
}

// expectAssignmentRefused checks that the policy refused an assignment, and that the message has some texts.
func expectAssignmentRefused(err error, texts ...string) {
	GinkgoHelper()
	Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	for _, text := range append(texts, accessPolicy, "you do not have the verb bind on that role") {
		Expect(err).To(MatchError(ContainSubstring(text)))
	}
}

// The policy is in force whether access is installed or not: an assignment from before would be in effect afterwards.
var _ = Describe("access assignments", func() {
	var (
		directory, other string // namespaces
		admin            client.Client
	)
	BeforeEach(func(ctx SpecContext) {
		directory, other = newDirectory(ctx, ""), newDirectory(ctx, "")
		admin = newPerson(ctx, directory, "admin")
	})

	It("are created and changed by an admin who may bind the role in each target namespace", func(ctx SpecContext) {
		letBind(ctx, directory, "clusterroles", "view", directory, other)
		a := newAssignment(directory, "developers", inNamespaces(directory, other))
		Expect(admin.Create(ctx, a)).To(Succeed())
		Expect(patched(ctx, admin, a, func(a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.Mode = v1alpha1.AccessPreview })).To(Succeed())
		Expect(patched(ctx, admin, a, func(a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.Principal.Confirmed = "developers-x7k2p" })).To(Succeed())
		Expect(admin.Delete(ctx, a)).To(Succeed())
	})

	It("are refused to an admin who may bind the role in one of two target namespaces, and the message names the other one", func(ctx SpecContext) {
		letBind(ctx, directory, "clusterroles", "view", other)
		for _, targets := range [][]string{{directory, other}, {other, directory}} {
			err := admin.Create(ctx, newAssignment(directory, "developers", inNamespaces(targets...)))
			expectAssignmentRefused(err, `CloudSSOAccessAssignment "developers" cannot be created: it gives ClusterRole "view" in namespace "`+directory+`"`,
				"kubectl auth can-i bind clusterroles/view -n "+directory+".", "remove the namespace from spec.target.namespaces")
			Expect(err).NotTo(MatchError(ContainSubstring(other)))
		}
	})

	It("are refused to an admin of the namespace who may bind no role, although the admin may create a RoleBinding to it", func(ctx SpecContext) {
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: directory, Name: "mine"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacGroup, Kind: "ClusterRole", Name: "view"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacGroup, Name: "ada"}},
		}
		Expect(admin.Create(ctx, binding)).To(Succeed())
		expectAssignmentRefused(admin.Create(ctx, newAssignment(directory, "developers", inNamespaces(directory))), "cannot be created")
	})

	It("are refused in a preview, in a dry run, and before their time too", func(ctx SpecContext) {
		a := newAssignment(directory, "developers", inNamespaces(directory))
		expectAssignmentRefused(admin.Create(ctx, a.DeepCopy(), client.DryRunAll))
		a.Spec.NotBefore = new(metav1.Now())
		expectAssignmentRefused(admin.Create(ctx, a.DeepCopy()))
		a.Spec.Mode = v1alpha1.AccessPreview
		expectAssignmentRefused(admin.Create(ctx, a))
	})

	for name, target := range map[string]v1alpha1.AccessTarget{
		"in the whole cluster": {Cluster: new(true)},
		"in all namespaces that spec.target.namespaceSelector finds, now or later": {NamespaceSelector: &v1alpha1.NamespaceSelector{
			MatchLabels: map[string]v1alpha1.LabelValue{"team": "a"},
		}},
	} {
		It("take the right to bind the role in the whole cluster if they give it "+name, func(ctx SpecContext) {
			letBind(ctx, directory, "clusterroles", "view", directory, other)
			expectAssignmentRefused(admin.Create(ctx, newAssignment(directory, "developers", target)), name,
				"in the whole cluster. This command shows the right: kubectl auth can-i bind clusterroles/view --all-namespaces.",
				"name in spec.target.namespaces the namespaces in which you have it")
			letBind(ctx, directory, "clusterroles", "view", "")
			Expect(admin.Create(ctx, newAssignment(directory, "developers", target))).To(Succeed())
			Expect(admin.Create(ctx, newAssignment(directory, "others", inNamespaces(directory, other)))).To(Succeed())
		})
	}

	It("take the right to bind that role, of that kind and name", func(ctx SpecContext) {
		letBind(ctx, directory, "clusterroles", "view", directory)
		letBind(ctx, directory, "roles", "deployer", directory)
		try := func(kind v1alpha1.RoleKind, name string) error {
			a := newAssignment(directory, "developers", inNamespaces(directory))
			a.Spec.RoleRef = v1alpha1.AccessRoleRef{Kind: kind, Name: name}
			return admin.Create(ctx, a, client.DryRunAll)
		}
		Expect(try(v1alpha1.RoleKindClusterRole, "view")).To(Succeed())
		Expect(try(v1alpha1.RoleKindRole, "deployer")).To(Succeed())
		expectAssignmentRefused(try(v1alpha1.RoleKindRole, "view"), `Role "view"`, "can-i bind roles/view -n")
		expectAssignmentRefused(try(v1alpha1.RoleKindClusterRole, "deployer"), `ClusterRole "deployer"`)
		expectAssignmentRefused(try(v1alpha1.RoleKindClusterRole, "edit"), `ClusterRole "edit"`)
		a := newAssignment(directory, "developers", v1alpha1.AccessTarget{NamespaceSelector: &v1alpha1.NamespaceSelector{}})
		a.Spec.RoleRef = v1alpha1.AccessRoleRef{Kind: v1alpha1.RoleKindRole, Name: "deployer"}
		expectAssignmentRefused(admin.Create(ctx, a), "can-i bind roles/deployer --all-namespaces")
	})

	It("are checked in each of 16 namespaces", func(ctx SpecContext) {
		var names []string
		for i := range v1alpha1.MaxTargetNamespaces {
			names = append(names, fmt.Sprintf("%s-%d", directory, i)) // the authorizer does not ask whether they exist
			Expect(person.Create(ctx, namespaceNamed(names[i]))).To(Succeed())
		}
		letBind(ctx, directory, "clusterroles", "view", names...)
		Expect(admin.Create(ctx, newAssignment(directory, "developers", inNamespaces(names...)))).To(Succeed())
		for i := range names {
			targets := slices.Clone(names)
			targets[i] = other
			expectAssignmentRefused(admin.Create(ctx, newAssignment(directory, "others", inNamespaces(targets...))), `in namespace "`+other+`"`)
		}
	})

	It("are changed by an admin without the right in labels, annotations and finalizers, and deleted", func(ctx SpecContext) {
		a := newAssignment(directory, "developers", inNamespaces(directory, other))
		Expect(person.Create(ctx, a)).To(Succeed())
		Expect(patched(ctx, admin, a, func(a *v1alpha1.CloudSSOAccessAssignment) {
			a.Labels, a.Annotations = map[string]string{"team": "a"}, map[string]string{"ticket": "1"}
			a.Finalizers = []string{"example.com/archive"}
		})).To(Succeed())
		Expect(admin.Update(ctx, a)).To(Succeed(), "nothing changes")
		Expect(admin.Delete(ctx, a)).To(Succeed())
		Expect(patched(ctx, admin, a, func(a *v1alpha1.CloudSSOAccessAssignment) { a.Finalizers = nil })).To(Succeed())
		Eventually(isGone(ctx, a)).Should(BeTrue())
	})

	It("are not changed in any field of spec without the right", func(ctx SpecContext) {
		a := newAssignment(directory, "developers", inNamespaces(directory, other))
		Expect(person.Create(ctx, a)).To(Succeed())
		for what, edit := range map[string]func(*v1alpha1.CloudSSOAccessAssignmentSpec){
			"the confirmed object":    func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.Principal.Confirmed = "developers-x7k2p" },
			"the principal":           func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.Principal.DisplayName = "Mine" },
			"the mode":                func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.Mode = v1alpha1.AccessPreview },
			"Manual members":          func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.IncludeManual = true },
			"the role":                func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.RoleRef.Name = "edit" },
			"the end":                 func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.ExpiresAt = new(metav1.Now()) },
			"a namespace less":        func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.Target = inNamespaces(directory) },
			"a namespace in exchange": func(s *v1alpha1.CloudSSOAccessAssignmentSpec) { s.Target = inNamespaces(directory, system) },
		} {
			err := patched(ctx, admin, a.DeepCopy(), func(a *v1alpha1.CloudSSOAccessAssignment) { edit(&a.Spec) })
			expectAssignmentRefused(err, `"developers" cannot be changed`)
			Expect(patched(ctx, person, a.DeepCopy(), func(a *v1alpha1.CloudSSOAccessAssignment) { edit(&a.Spec) })).To(Succeed(), what)
			Expect(person.Get(ctx, client.ObjectKeyFromObject(a), a)).To(Succeed())
		}
	})

	It("of a role beyond the allow-list are not written by the operator, which is not exempt", func(ctx SpecContext) {
		a := newAssignment(directory, "developers", inNamespaces(directory))
		Expect(person.Create(ctx, a)).To(Succeed())
		bind(ctx, directory, "admin", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: controlplane.OperatorServiceAccount})
		Eventually(func() error {
			return patched(ctx, operator, a, func(a *v1alpha1.CloudSSOAccessAssignment) { a.Finalizers = []string{v1alpha1.FinalizerBindings} })
		}).Should(Succeed())
		expectAssignmentRefused(patched(ctx, operator, a, func(a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.RoleRef.Name = "cluster-admin" }), `"cluster-admin"`)
	})

	It("may name a system namespace, of which their status tells", func(ctx SpecContext) {
		Expect(person.Create(ctx, newAssignment(directory, "developers", inNamespaces(metav1.NamespaceSystem)))).To(Succeed())
	})

	It("are refused with a command that shows the missing right", func(ctx SpecContext) {
		letBind(ctx, directory, "clusterroles", "view", other)
		config, err := plane.User("admin-of-" + directory)
		Expect(err).NotTo(HaveOccurred())
		refusal := admin.Create(ctx, newAssignment(directory, "developers", inNamespaces(other, directory)))
		Expect(refusal).To(HaveOccurred())
		_, command, found := strings.Cut(refusal.Error(), "This command shows the right: kubectl ")
		Expect(found).To(BeTrue())
		command, _, _ = strings.Cut(command, ". ")
		Expect(canI(ctx, config, strings.Fields(command))).To(Equal("no"))
		Expect(canI(ctx, config, strings.Fields(strings.ReplaceAll(command, directory, other)))).To(Equal("yes"))
		cluster := []string{"auth", "can-i", "bind", "clusterroles/view", "--all-namespaces"}
		Expect(canI(ctx, config, cluster)).To(Equal("no"))
		letBind(ctx, directory, "clusterroles", "view", "")
		Expect(canI(ctx, config, cluster)).To(Equal("yes"))
	})

	It("are guarded as internal/admissionpolicy requires", func(ctx SpecContext) {
		var installed admissionpolicy.Set
		var policies admissionv1.ValidatingAdmissionPolicyList
		var bindings admissionv1.ValidatingAdmissionPolicyBindingList
		Expect(operator.List(ctx, &policies)).To(Succeed())
		Expect(operator.List(ctx, &bindings)).To(Succeed())
		installed.Policies, installed.Bindings = policies.Items, bindings.Items
		Expect(admissionpolicy.RequiredForAccess().Problems(installed, controlplane.OperatorUser)).To(BeEmpty())
		Expect(admissionpolicy.Required().Problems(installed, controlplane.OperatorUser)).To(BeEmpty())
	})
})

// canI runs a command of kubectl and returns its answer.
func canI(ctx context.Context, config *rest.Config, arguments []string) string {
	GinkgoHelper()
	kubectl, err := controlplane.Kubectl()
	Expect(err).NotTo(HaveOccurred())
	kubeconfig, err := plane.Kubeconfig(config)
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(file, kubeconfig, 0o600)).To(Succeed())
	answer, err := exec.CommandContext(ctx, kubectl, append(arguments, "--kubeconfig="+file)...).Output() // fails if the answer is no
	GinkgoWriter.Printf("kubectl %v: %v\n", arguments, err)
	return strings.TrimSpace(string(answer))
}

// withoutAccess are rights that the operator has only with config/access.
var withoutAccess = []right{
	{"get", rbacGroup, "rolebindings", "acme"},
	{"list", rbacGroup, "rolebindings", ""},
	{"watch", rbacGroup, "clusterrolebindings", ""},
	{"create", rbacGroup, "rolebindings", "acme"},
	{"patch", rbacGroup, "clusterrolebindings", ""},
	{"delete", rbacGroup, "rolebindings", "acme"},
	{"delete", rbacGroup, "clusterrolebindings", ""},
	{"get", rbacGroup, "roles", "acme"},
	{"list", rbacGroup, "clusterroles", ""},
	{"get", "", "namespaces", ""},
	{"watch", "admissionregistration.k8s.io", "validatingadmissionpolicies", ""},
}

var _ = Describe("the operator without config/access", func() {
	It("has no right in rbac.authorization.k8s.io", func(ctx SpecContext) {
		for _, r := range withoutAccess {
			Expect(allows(ctx, operator, r)).To(BeFalse(), r.String())
		}
		resources, _ := rulesIn(ctx, operator, "default")
		Expect(resources).NotTo(ContainElement(ContainSubstring(rbacGroup)))
		for _, role := range []string{"view", "edit", "admin", "cluster-admin"} {
			Expect(mayBind(ctx, operator, "clusterroles", role, "default")).To(BeFalse(), role)
		}
	})
})

var _ = Describe("the operator with config/access", Ordered, func() {
	BeforeAll(installAccess)

	It("has the rules of its manifests, no others", func(ctx SpecContext) {
		other, err := plane.User("other", "system:serviceaccounts", "system:serviceaccounts:"+system)
		Expect(err).NotTo(HaveOccurred())
		common, _ := rulesIn(ctx, newClient(other), "default")
		resources, _ := rulesIn(ctx, operator, "default")
		own := slices.DeleteFunc(resources, func(rule string) bool { return slices.Contains(common, rule) })
		Expect(own).To(ConsistOf(declared("role.yaml", "cluster_reader.yaml", "../access/role.yaml")))
	})

	It("has the rights that granting takes, and may bind the roles of the allow-list alone", func(ctx SpecContext) {
		for _, r := range withoutAccess {
			Expect(allows(ctx, operator, r)).To(BeTrue(), r.String())
		}
		for _, r := range beyond {
			if !slices.Contains(withoutAccess, r) && r.resource != "rolebindings" && r.resource != "clusterrolebindings" {
				Expect(allows(ctx, operator, r)).To(BeFalse(), r.String())
			}
		}
		for _, namespace := range []string{"", "default", system} {
			for role, allowed := range map[string]bool{"view": true, "edit": true, "admin": false, "cluster-admin": false, "": false} {
				Expect(mayBind(ctx, operator, "clusterroles", role, namespace)).To(Equal(allowed), "%q in %q", role, namespace)
			}
			Expect(mayBind(ctx, operator, "roles", "view", namespace)).To(BeFalse())
		}
		for _, verb := range []string{"escalate", "create", "update", "patch", "delete"} {
			Expect(allows(ctx, operator, right{verb, rbacGroup, "clusterroles", ""})).To(BeFalse(), verb)
			Expect(allows(ctx, operator, right{verb, rbacGroup, "roles", "default"})).To(BeFalse(), verb)
		}
		for _, verb := range []string{"update", "deletecollection"} {
			Expect(allows(ctx, operator, right{verb, rbacGroup, "rolebindings", "default"})).To(BeFalse(), verb)
			Expect(allows(ctx, operator, right{verb, rbacGroup, "clusterrolebindings", ""})).To(BeFalse(), verb)
		}
	})

	It("binds view, adds and removes users, and deletes the binding; cluster-admin and roles beyond the list are refused", func(ctx SpecContext) {
		namespace := newDirectory(ctx, "")
		meta := metav1.ObjectMeta{Namespace: namespace, Name: "cloudsso:" + namespace + ":developers:1"}
		for _, kind := range []string{"ClusterRole", "Role"} {
			for _, name := range []string{"cluster-admin", "admin", "system:node", "deployer"} {
				ref := rbacv1.RoleRef{APIGroup: rbacGroup, Kind: kind, Name: name}
				err := operator.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: []rbacv1.Subject{userSubject("ada")}})
				Expect(apierrors.IsForbidden(err) || apierrors.IsNotFound(err)).To(BeTrue(), "%s %s: %v", kind, name, err)
				if name == "cluster-admin" && kind == "ClusterRole" {
					Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
				}
			}
		}
		for _, name := range []string{"cluster-admin", "admin"} {
			clusterWide := &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, Subjects: []rbacv1.Subject{userSubject("ada")},
				RoleRef: rbacv1.RoleRef{APIGroup: rbacGroup, Kind: "ClusterRole", Name: name},
			}
			Expect(apierrors.IsForbidden(operator.Create(ctx, clusterWide))).To(BeTrue(), name)
		}
		for _, name := range []string{"view", "edit"} {
			ref := rbacv1.RoleRef{APIGroup: rbacGroup, Kind: "ClusterRole", Name: name}
			b := &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: []rbacv1.Subject{userSubject("ada")}}
			Expect(operator.Create(ctx, b)).To(Succeed())
			Expect(replaceSubjects(ctx, operator, b, userSubject("ada"), userSubject("bob"))).To(Succeed())
			Expect(replaceSubjects(ctx, operator, b)).To(Succeed())
			Expect(operator.Delete(ctx, b)).To(Succeed())
			clusterWide := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, RoleRef: ref, Subjects: []rbacv1.Subject{userSubject("ada")}}
			Expect(operator.Create(ctx, clusterWide)).To(Succeed())
			Expect(operator.Delete(ctx, clusterWide)).To(Succeed())
		}
	})

	DescribeTable("binds a role to users alone", func(ctx SpecContext, subject rbacv1.Subject) {
		for _, namespace := range []string{newDirectory(ctx, ""), metav1.NamespaceSystem, ""} {
			b := newBinding(namespace, "cloudsso:acme:developers:7", "edit", userSubject("ada"))
			Expect(operator.Create(ctx, b)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(person.Delete(ctx, b)).To(Succeed()) })
			expectBindingRefused(replaceSubjects(ctx, operator, b, userSubject("ada"), subject), "only users")
			another := newBinding(namespace, "cloudsso:acme:developers:8", "edit", userSubject("ada"), subject)
			expectBindingRefused(operator.Create(ctx, another), "only users")
		}
	},
		Entry("not to itself", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: controlplane.OperatorServiceAccount}),
		Entry("not to itself as a user", userSubject("system:serviceaccount:"+system+":"+controlplane.OperatorServiceAccount)),
		Entry("not to a group", rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacGroup, Name: "developers"}),
	)

	It("takes users out of a binding to which others have added a service account", func(ctx SpecContext) {
		namespace := newDirectory(ctx, "")
		account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "default"}
		b := newBinding(namespace, "cloudsso:acme:developers:7", "view", userSubject("ada"), userSubject("bob"))
		Expect(operator.Create(ctx, b)).To(Succeed())
		Expect(replaceSubjects(ctx, person, b, userSubject("ada"), userSubject("bob"), account)).To(Succeed())
		Expect(replaceSubjects(ctx, operator, b, userSubject("bob"), account)).To(Succeed())
		Expect(replaceSubjects(ctx, operator, b)).To(Succeed())
	})

	It("leaves bindings that others have made", func(ctx SpecContext) {
		made := func(namespace, name, role string) client.Object {
			b := newBinding(namespace, name, role, userSubject("ada"))
			Expect(person.Create(ctx, b)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(person.Delete(ctx, b)).To(Succeed()) })
			return b
		}
		for _, namespace := range []string{newDirectory(ctx, ""), ""} {
			expectBindingRefused(operator.Create(ctx, newBinding(namespace, "viewers", "view", userSubject("ada"))), "bindings of assignments")
			viewers, admins := made(namespace, "viewers", "view"), made(namespace, "admins", "admin")
			expectBindingRefused(replaceSubjects(ctx, operator, viewers, userSubject("bob")), "bindings of assignments")
			Expect(apierrors.IsForbidden(replaceSubjects(ctx, operator, admins, userSubject("bob")))).To(BeTrue(), "RBAC refuses it too")
			expectBindingRefused(operator.Delete(ctx, viewers), "bindings of assignments")
			expectBindingRefused(operator.Delete(ctx, admins), "bindings of assignments")
		}
	})

	It("is the only one who creates a binding that is named like one of an assignment", func(ctx SpecContext) {
		for _, namespace := range []string{newDirectory(ctx, ""), ""} {
			for _, name := range []string{"cloudsso:acme:developers:0", "cloudsso::x:12"} {
				expectBindingRefused(person.Create(ctx, newBinding(namespace, name, "view", userSubject("ada"))), "only the operator creates a binding whose name has the form of \""+name+"\"")
			}
			for _, name := range []string{"cloudsso:acme:developers", "cloudsso:viewers", "cloudsso:acme:developers:x"} { // no assignment's
				b := newBinding(namespace, name, "view", userSubject("ada"))
				Expect(person.Create(ctx, b)).To(Succeed())
				Expect(person.Delete(ctx, b)).To(Succeed())
			}
		}
	})

	It("deletes a binding of another name that has the label of an assignment, and does not change it", func(ctx SpecContext) {
		b := newBinding(newDirectory(ctx, ""), "made-by-hand", "view", userSubject("ada"))
		b.SetLabels(map[string]string{v1alpha1.LabelAssignment: "developers"})
		Expect(person.Create(ctx, b)).To(Succeed())
		expectBindingRefused(replaceSubjects(ctx, operator, b), "bindings of assignments")
		Expect(operator.Delete(ctx, b)).To(Succeed())
	})
})

func userSubject(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacGroup, Name: name}
}

// newBinding returns a binding of a ClusterRole in a namespace, or in the whole cluster if that is "".
func newBinding(namespace, name, role string, subjects ...rbacv1.Subject) client.Object {
	ref := rbacv1.RoleRef{APIGroup: rbacGroup, Kind: "ClusterRole", Name: role}
	if namespace == "" {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: ref, Subjects: subjects}
	}
	return &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, RoleRef: ref, Subjects: subjects}
}

func replaceSubjects(ctx context.Context, c client.Client, binding client.Object, subjects ...rbacv1.Subject) error {
	patch, err := json.Marshal(map[string]any{"subjects": subjects})
	if err != nil {
		return err
	}
	return c.Patch(ctx, binding, client.RawPatch(types.MergePatchType, patch))
}

// expectBindingRefused checks that the policy refused a write of the operator.
func expectBindingRefused(err error, says string) {
	GinkgoHelper()
	Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	Expect(err).To(MatchError(And(ContainSubstring("cloudsso-bindings"), ContainSubstring(says))))
}
