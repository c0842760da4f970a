package admission_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	ours   = "cloudsso.dev"
	system = controlplane.SystemNamespace
)

// right is one verb on one resource. The empty namespace stands for all namespaces.
type right struct{ verb, group, resource, namespace string }

func (r right) String() string {
	return fmt.Sprintf("%s %s/%s in %q", r.verb, r.group, r.resource, r.namespace)
}

// needed are rights without which the operator does not work.
var needed = []right{
	{"create", ours, "cloudssousers", ""},
	{"patch", ours, "cloudssousers", ""},
	{"delete", ours, "cloudssogroups", ""},
	{"create", ours, "cloudssomembershipslices", ""},
	{"delete", ours, "cloudssomembershipslices", ""},
	{"get", ours, "cloudssonameclaims", ""},
	{"list", ours, "cloudssonameclaims", ""}, // once a day
	{"create", ours, "cloudssonameclaims", ""},
	{"update", ours, "cloudssonameclaims", ""},
	{"delete", ours, "cloudssonameclaims", ""},
	{"patch", ours, "cloudssousers/status", ""},
	{"patch", ours, "cloudssogroups/status", ""},
	{"patch", ours, "cloudssodirectories", ""}, // confined by the policy cloudsso-resume
	{"patch", ours, "cloudssodirectories/status", ""},
	{"patch", ours, "scimcredentials/status", ""},
	{"watch", ours, "cloudssodirectories", ""},
	{"create", "", "secrets", ""},
	{"create", "events.k8s.io", "events", ""},
	{"update", "coordination.k8s.io", "leases", system},
	{"list", "admissionregistration.k8s.io", "validatingadmissionpolicies", ""},
	{"list", "admissionregistration.k8s.io", "validatingadmissionpolicybindings", ""},
	{"list", "", "namespaces", ""},
	{"watch", "", "namespaces", ""},
	{"create", "authentication.k8s.io", "tokenreviews", ""},
	{"create", "authorization.k8s.io", "subjectaccessreviews", ""},
}

// beyond are rights that the operator must not have.
var beyond = []right{
	{"create", ours, "cloudssodirectories", "acme"},
	{"update", ours, "cloudssodirectories", "acme"},
	{"delete", ours, "cloudssodirectories", "acme"},
	{"delete", ours, "cloudssousers", "acme"}, // SCIM deprovisions a user, and its object stays
	{"deletecollection", ours, "cloudssousers", "acme"},
	{"deletecollection", ours, "cloudssogroups", "acme"},
	{"deletecollection", ours, "cloudssomembershipslices", "acme"},
	{"deletecollection", ours, "cloudssonameclaims", "acme"},
	{"patch", ours, "cloudssonameclaims", "acme"}, // an update has a resourceVersion
	{"watch", ours, "cloudssonameclaims", "acme"}, // claims are read live
	{"create", ours, "scimcredentials", "acme"},
	{"delete", ours, "scimcredentials", "acme"},
	{"get", "", "secrets", "acme"},
	{"list", "", "secrets", "acme"},
	{"watch", "", "secrets", "acme"},
	{"update", "", "secrets", "acme"},
	{"patch", "", "secrets", "acme"},
	{"delete", "", "secrets", "acme"},
	{"deletecollection", "", "secrets", "acme"},
	{"get", "", "configmaps", "acme"},
	{"list", "", "configmaps", system},
	{"delete", "", "namespaces", ""},
	{"create", "", "namespaces", ""},
	{"patch", "", "namespaces", "acme"},
	{"create", "", "pods", "acme"},
	{"create", "", "pods", system},
	{"create", "", "pods/exec", system},
	{"create", "", "serviceaccounts/token", system},
	{"impersonate", "", "users", ""},
	{"impersonate", "", "groups", ""},
	{"impersonate", "", "serviceaccounts", system},
	{"create", "rbac.authorization.k8s.io", "rolebindings", "acme"},
	{"patch", "rbac.authorization.k8s.io", "rolebindings", system},
	{"create", "rbac.authorization.k8s.io", "clusterrolebindings", ""},
	{"bind", "rbac.authorization.k8s.io", "clusterroles", ""},
	{"escalate", "rbac.authorization.k8s.io", "clusterroles", ""},
	{"patch", "admissionregistration.k8s.io", "validatingadmissionpolicies", ""},
	{"delete", "admissionregistration.k8s.io", "validatingadmissionpolicybindings", ""},
	{"patch", "apiextensions.k8s.io", "customresourcedefinitions", ""},
	{"update", "coordination.k8s.io", "leases", "acme"},
	{"create", "apps", "deployments", system},
	{"*", "*", "*", ""},
}

var _ = Describe("the operator's service account", func() {
	It("has the rights that it needs", func(ctx SpecContext) {
		for _, r := range needed {
			Expect(allows(ctx, operator, r)).To(BeTrue(), r.String())
		}
	})

	It("has no right to more", func(ctx SpecContext) {
		for _, r := range beyond {
			Expect(allows(ctx, operator, r)).To(BeFalse(), r.String())
		}
	})

	It("is refused if it tries more", func(ctx SpecContext) {
		namespace := newDirectory(ctx, disabled)
		account, err := plane.Operator(ctx)
		Expect(err).NotTo(HaveOccurred())
		account.Impersonate = rest.ImpersonationConfig{UserName: "root"}
		meta := metav1.ObjectMeta{Namespace: namespace, Name: "mine"}
		for what, err := range map[string]error{
			"reading a ConfigMap":  operator.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "kube-root-ca.crt"}, &corev1.ConfigMap{}),
			"deleting a namespace": operator.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}),
			"starting a Pod":       operator.Create(ctx, &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}}}),
			"binding itself":       operator.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"}}),
			"impersonating":        newClient(account).Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{}),
			"reading a Secret":     operator.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "none"}, &corev1.Secret{}),
			"listing all Secrets":  operator.List(ctx, &corev1.SecretList{}),
			"changing a Secret":    operator.Update(ctx, &corev1.Secret{ObjectMeta: meta}),
			"deleting all Secrets": operator.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(namespace)),
			"deleting all claims":  operator.DeleteAllOf(ctx, &v1alpha1.CloudSSONameClaim{}, client.InNamespace(namespace)),
		} {
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", what, err)
		}
	})

	DescribeTable("has the rules of config/rbac and those of every service account, no others",
		func(ctx SpecContext, namespace string, roles ...string) {
			other, err := plane.User("other", "system:serviceaccounts", "system:serviceaccounts:"+system)
			Expect(err).NotTo(HaveOccurred())
			resources, paths := rulesIn(ctx, operator, namespace)
			common, commonPaths := rulesIn(ctx, newClient(other), namespace)
			Expect(paths).To(ConsistOf(commonPaths))
			own := slices.DeleteFunc(resources, func(rule string) bool { return slices.Contains(common, rule) })
			Expect(own).To(ConsistOf(declared(roles...)))
		},
		Entry("in a directory's namespace", "default", "role.yaml", "cluster_reader.yaml"),
		Entry("in its own namespace", system, "role.yaml", "cluster_reader.yaml", "leader_election.yaml"),
	)

	It("has the rights that kubectl lists in docs/rbac.md", func(ctx SpecContext) {
		arguments, documented := documentedList()
		kubectl, err := controlplane.Kubectl()
		Expect(err).NotTo(HaveOccurred())
		config, err := plane.Kubeconfig(plane.Admin())
		Expect(err).NotTo(HaveOccurred())
		file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(file, config, 0o600)).To(Succeed())
		command := exec.CommandContext(ctx, kubectl, append(arguments, "--kubeconfig="+file)...)
		command.Stderr = GinkgoWriter
		printed, err := command.Output()
		Expect(err).NotTo(HaveOccurred())
		Expect(rows(string(printed))).To(ConsistOf(rows(documented)))
	})
})

// listBlock matches a command of kubectl in docs/rbac.md, and what it prints.
var listBlock = regexp.MustCompile("(?s)```console\n\\$ kubectl (auth can-i --list [^\n]+)\n(.+?)```")

// documentedList returns the arguments of the command in docs/rbac.md that lists the operator's rights, and its output.
func documentedList() (arguments []string, output string) {
	GinkgoHelper()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	page, err := os.ReadFile(filepath.Join(root, "docs", "rbac.md"))
	Expect(err).NotTo(HaveOccurred())
	block := listBlock.FindStringSubmatch(string(page))
	Expect(block).NotTo(BeNil())
	return strings.Fields(block[1]), block[2]
}

// rows returns the lines of a table without padding. The API server decides the order of the rows, and of the verbs at the
// end of each.
func rows(table string) (rows []string) {
	for line := range strings.Lines(table) {
		row, verbs := line, ""
		if at := strings.LastIndex(line, "["); at >= 0 {
			row, verbs = line[:at], strings.Trim(line[at:], "[]\n")
		}
		rows = append(rows, strings.Join(append(strings.Fields(row), slices.Sorted(slices.Values(strings.Fields(verbs)))...), " "))
	}
	return unique(rows)
}

// The verbs of a role for people.
var (
	readVerbs  = []string{"get", "list", "watch"}
	writeVerbs = []string{"create", "update", "patch", "delete", "deletecollection"}
)

// Which of Kubernetes' roles reads and writes which resource in its namespace.
var _ = Describe("the roles for people", func() {
	resources := []string{
		"cloudssoaccessassignments", "cloudssodirectories", "cloudssousers", "cloudssogroups", "cloudssomembershipslices", "cloudssonameclaims", "scimcredentials",
	}
	for _, role := range []struct {
		name   string
		writes []string
	}{
		{"view", nil},
		{"edit", nil},
		{"admin", []string{"cloudssoaccessassignments", "cloudssodirectories", "cloudssousers", "cloudssogroups", "cloudssomembershipslices", "scimcredentials"}},
	} {
		It(fmt.Sprintf("%s reads all kinds and writes %v", role.name, role.writes), func(ctx SpecContext) {
			namespace := newDirectory(ctx, disabled)
			c := newPerson(ctx, namespace, role.name)
			for _, resource := range resources {
				for _, verb := range readVerbs {
					r := right{verb, ours, resource, namespace}
					Expect(allows(ctx, c, r)).To(BeTrue(), r.String())
				}
				for _, verb := range writeVerbs {
					r := right{verb, ours, resource, namespace}
					Expect(allows(ctx, c, r)).To(Equal(slices.Contains(role.writes, resource)), r.String())
					r.resource += "/status"
					Expect(allows(ctx, c, r)).To(BeFalse(), r.String())
				}
				for _, verb := range []string{"map-usernames", "bind", "escalate"} {
					r := right{verb, ours, resource, namespace}
					Expect(allows(ctx, c, r)).To(BeFalse(), r.String())
				}
			}
		})
	}

	It("let admin alone write users, groups, slices and credentials, and neither write claims", func(ctx SpecContext) {
		namespace := newDirectory(ctx, disabled)
		editor, admin := newPerson(ctx, namespace, "edit"), newPerson(ctx, namespace, "admin")
		for _, o := range []client.Object{
			newUser(namespace, "alice", v1alpha1.SourceManual), newGroup(namespace, "staff", v1alpha1.SourceManual), newSlice(namespace, "staff-1", v1alpha1.SourceManual),
			&v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}},
		} {
			Expect(apierrors.IsForbidden(editor.Create(ctx, o))).To(BeTrue(), "%T", o)
			Expect(admin.Create(ctx, o)).To(Succeed())
			label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"team":"a"}}}`))
			Expect(apierrors.IsForbidden(editor.Patch(ctx, o, label))).To(BeTrue(), "%T", o)
			Expect(admin.Patch(ctx, o, label)).To(Succeed())
			Expect(apierrors.IsForbidden(editor.Delete(ctx, o))).To(BeTrue(), "%T", o)
			Expect(admin.Delete(ctx, o)).To(Succeed())
		}
		claim := newClaim(namespace, "claim")
		Expect(operator.Create(ctx, claim)).To(Succeed())
		for _, c := range []client.Client{editor, admin} {
			Expect(apierrors.IsForbidden(c.Create(ctx, newClaim(namespace, "another")))).To(BeTrue())
			Expect(apierrors.IsForbidden(c.Update(ctx, claim.DeepCopy()))).To(BeTrue())
			Expect(apierrors.IsForbidden(c.Delete(ctx, claim))).To(BeTrue())
			Expect(c.Get(ctx, client.ObjectKeyFromObject(claim), claim)).To(Succeed())
		}
	})
})

// The change of the roles that docs/rbac.md describes.
var _ = Describe("the role that reads personal data", func() {
	const (
		toAdmin = `[{"op":"remove","path":"/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-view"},
			{"op":"add","path":"/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-admin","value":"true"}]`
		toView = `[{"op":"remove","path":"/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-admin"},
			{"op":"add","path":"/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-view","value":"true"}]`
	)

	It("is kept from view and edit, and not from admin, if it is aggregated into admin alone", func(ctx SpecContext) {
		namespace := newDirectory(ctx, disabled)
		viewer, editor, admin := newPerson(ctx, namespace, "view"), newPerson(ctx, namespace, "edit"), newPerson(ctx, namespace, "admin")
		aggregate := func(ctx context.Context, patch string, isShown bool) {
			GinkgoHelper()
			role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-viewer"}}
			Expect(person.Patch(ctx, role, client.RawPatch(types.JSONPatchType, []byte(patch)))).To(Succeed())
			for _, c := range []client.Client{viewer, editor} {
				Eventually(allows).WithArguments(ctx, c, right{"list", ours, "cloudssousers", namespace}).Should(Equal(isShown))
			}
			Eventually(allows).WithArguments(ctx, admin, right{"list", ours, "cloudssousers", namespace}).Should(BeTrue())
		}
		DeferCleanup(aggregate, toView, true)
		aggregate(ctx, toAdmin, false)
	})
})

// newPerson returns a client of a new user who has one of Kubernetes' roles in a namespace. It waits until the role has
// the rules that kube-controller-manager aggregates into it.
func newPerson(ctx context.Context, namespace, role string) client.Client {
	GinkgoHelper()
	config, err := plane.User(role + "-of-" + namespace)
	Expect(err).NotTo(HaveOccurred())
	bind(ctx, namespace, role, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: role + "-of-" + namespace})
	c := newClient(config)
	last := right{"watch", ours, "scimcredentials", namespace}
	if role == "admin" {
		last.verb = "deletecollection"
	}
	Eventually(func() bool { return allows(ctx, c, last) }).Should(BeTrue(), last.String())
	return c
}

// allows reports whether RBAC gives a client a right.
func allows(ctx context.Context, c client.Client, r right) bool {
	GinkgoHelper()
	resource, subresource := r.resource, ""
	if dir, sub := filepath.Split(r.resource); dir != "" {
		resource, subresource = filepath.Clean(dir), sub
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: r.namespace, Verb: r.verb, Group: r.group, Resource: resource, Subresource: subresource,
		},
	}}
	Expect(c.Create(ctx, review)).To(Succeed())
	return review.Status.Allowed
}

// rulesIn returns the rules that a client has in a namespace, one for each verb of each resource and path.
func rulesIn(ctx context.Context, c client.Client, namespace string) (resources, paths []string) {
	GinkgoHelper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	Expect(c.Create(ctx, review)).To(Succeed())
	Expect(review.Status.Incomplete).To(BeFalse())
	for _, rule := range review.Status.ResourceRules {
		resources = append(resources, singly(rule.Verbs, rule.APIGroups, rule.Resources, rule.ResourceNames)...)
	}
	for _, rule := range review.Status.NonResourceRules {
		paths = append(paths, singly(rule.Verbs, []string{""}, rule.NonResourceURLs, nil)...)
	}
	return unique(resources), unique(paths)
}

// declared returns the rules of the first role in each of some files, which are named as config/rbac sees them.
func declared(files ...string) (rules []string) {
	GinkgoHelper()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	for _, file := range files {
		content, err := os.Open(filepath.Join(root, "config", "rbac", file))
		Expect(err).NotTo(HaveOccurred())
		var role rbacv1.ClusterRole // a Role has the same fields
		Expect(yaml.NewYAMLOrJSONDecoder(content, 4096).Decode(&role)).To(Succeed())
		Expect(content.Close()).To(Succeed())
		for _, rule := range role.Rules {
			rules = append(rules, singly(rule.Verbs, rule.APIGroups, rule.Resources, rule.ResourceNames)...)
		}
	}
	Expect(rules).NotTo(BeEmpty())
	return unique(rules)
}

func singly(verbs, groups, resources, names []string) (rules []string) {
	for _, verb := range verbs {
		for _, group := range groups {
			for _, resource := range resources {
				rules = append(rules, fmt.Sprintf("%s %s/%s %v", verb, group, resource, names))
			}
		}
	}
	return rules
}

func unique(rules []string) []string {
	slices.Sort(rules)
	return slices.Compact(rules)
}
