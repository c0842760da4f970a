package admission_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	ours   = "cloudsso.dev"
	system = controlplane.SystemNamespace
)

// right is one verb on one resource; the empty namespace stands for all of them.
type right struct{ verb, group, resource, namespace string }

func (r right) String() string {
	return fmt.Sprintf("%s %s/%s in %q", r.verb, r.group, r.resource, r.namespace)
}

// needed is what the operator cannot do its work without.
var needed = []right{
	{"create", ours, "cloudssousers", ""},
	{"patch", ours, "cloudssousers", ""},
	{"delete", ours, "cloudssousers", ""}, // undoes a create that lost its name
	{"delete", ours, "cloudssogroups", ""},
	{"create", ours, "cloudssomembershipslices", ""},
	{"delete", ours, "cloudssomembershipslices", ""},
	{"patch", ours, "cloudssousers/status", ""},
	{"patch", ours, "cloudssogroups/status", ""},
	{"patch", ours, "cloudssodirectories/status", ""},
	{"patch", ours, "scimcredentials/status", ""},
	{"watch", ours, "cloudssodirectories", ""},
	{"get", "", "secrets", ""},
	{"create", "", "secrets", ""},
	{"create", "events.k8s.io", "events", ""},
	{"update", "coordination.k8s.io", "leases", system},
}

// beyond is what would make the operator more than it is.
var beyond = []right{
	{"update", ours, "cloudssodirectories", "acme"}, // the switch is an administrator's
	{"patch", ours, "cloudssodirectories", "acme"},
	{"delete", ours, "cloudssodirectories", "acme"},
	{"deletecollection", ours, "cloudssousers", "acme"},
	{"deletecollection", ours, "cloudssogroups", "acme"},
	{"deletecollection", ours, "cloudssomembershipslices", "acme"},
	{"create", ours, "scimcredentials", "acme"},
	{"delete", ours, "scimcredentials", "acme"},
	{"deletecollection", "", "secrets", "acme"},
	{"get", "", "configmaps", "acme"},
	{"list", "", "configmaps", system},
	{"delete", "", "namespaces", ""},
	{"create", "", "namespaces", ""},
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
	It("may do its work", func(ctx SpecContext) {
		for _, r := range needed {
			Expect(allows(ctx, r)).To(BeTrue(), r.String())
		}
	})

	It("may do nothing that would make it more", func(ctx SpecContext) {
		for _, r := range beyond {
			Expect(allows(ctx, r)).To(BeFalse(), r.String())
		}
	})

	It("is refused when it tries", func(ctx SpecContext) {
		namespace := newDirectory(ctx, disabled)
		account, err := plane.Operator(ctx)
		Expect(err).NotTo(HaveOccurred())
		account.Impersonate = rest.ImpersonationConfig{UserName: "root"}
		meta := metav1.ObjectMeta{Namespace: namespace, Name: "mine"}
		for what, err := range map[string]error{
			"reading a ConfigMap":   operator.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "kube-root-ca.crt"}, &corev1.ConfigMap{}),
			"deleting a namespace":  operator.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}),
			"starting a Pod":        operator.Create(ctx, &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}}}),
			"binding itself":        operator.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"}}),
			"being somebody else":   newClient(account).Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{}),
			"deleting all Secrets":  operator.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(namespace)),
			"reading the namespace": operator.Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{}),
		} {
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", what, err)
		}
		Expect(operator.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "none"}, &corev1.Secret{})).To(MatchError(apierrors.IsNotFound, "not found"))
	})

	DescribeTable("has the rules of config/rbac and what everybody has, no others",
		func(ctx SpecContext, namespace string, roles ...string) {
			nobody, err := plane.User("nobody", "system:serviceaccounts", "system:serviceaccounts:"+system)
			Expect(err).NotTo(HaveOccurred())
			resources, paths := rulesIn(ctx, operator, namespace)
			common, commonPaths := rulesIn(ctx, newClient(nobody), namespace)
			Expect(paths).To(ConsistOf(commonPaths))
			own := slices.DeleteFunc(resources, func(rule string) bool { return slices.Contains(common, rule) })
			Expect(own).To(ConsistOf(declared(roles...)))
		},
		Entry("in a directory's namespace", "default", "role.yaml"),
		Entry("in its own namespace", system, "role.yaml", "leader_election.yaml"),
	)
})

func allows(ctx context.Context, r right) bool {
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
	Expect(operator.Create(ctx, review)).To(Succeed())
	return review.Status.Allowed
}

// rulesIn are the rules that bind a client in a namespace, each verb of each resource and path by itself.
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

// declared are the rules of the roles in files of config/rbac.
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
