//go:build install

package install

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/admissionpolicy"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

var _ = Describe("A release", Ordered, func() {
	operator := client.ObjectKey{Namespace: namespace, Name: "cloudsso-operator"}
	user := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "alice"}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "alice"}}

	BeforeAll(func(ctx SpecContext) {
		createNamespace(ctx, namespace)
		DeferCleanup(removeRelease)
	})

	It("is installed, and its Pods are ready, on a node each", func(ctx SpecContext) {
		mustHelm(ctx, "install", release, chart, "--namespace", namespace, "--wait", "--timeout", "2m")
		expectReady(ctx, operator, 2)
		on := map[string]bool{}
		for _, pod := range podsOf(ctx, operator) {
			on[pod.Spec.NodeName] = true
			Expect(pod.Spec.Priority).To(HaveValue(BeEquivalentTo(1_000_000)))
		}
		Expect(on).To(HaveLen(len(nodes)))
	})

	It("runs in a namespace that refuses Pods with more rights", func(ctx SpecContext) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "loose"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "loose", Image: "loose"}}}}
		Expect(cluster.Create(ctx, pod, client.DryRunAll)).To(MatchError(ContainSubstring(`violates PodSecurity "restricted`)))
	})

	It("has the policies that the operator requires", func(ctx SpecContext) {
		Expect(policyProblems(ctx, controlplane.OperatorUser)).To(BeEmpty())
	})

	It("is repaired by an upgrade to its own version, as docs/install.md says", func(ctx SpecContext) {
		policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-source"}}
		weaker := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"failurePolicy":"Ignore"}}`))
		Expect(cluster.Patch(ctx, policy, weaker, client.FieldOwner("person"))).To(Succeed())
		gone := []client.Object{
			&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-name-claims"}},
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "cloudsso-operator"}},
			&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cloudsso-operator-leader-election"}},
		}
		for _, o := range gone {
			Expect(cluster.Delete(ctx, o)).To(Succeed())
		}
		Expect(policyProblems(ctx, controlplane.OperatorUser)).To(HaveLen(2))
		mustHelm(ctx, "upgrade", release, chart, "--namespace", namespace, "--wait", "--timeout", "2m", "--reset-then-reuse-values", "--force-conflicts")
		Expect(policyProblems(ctx, controlplane.OperatorUser)).To(BeEmpty())
		for _, o := range gone {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		}
	})

	It("is upgraded and rolled back", func(ctx SpecContext) {
		mustHelm(ctx, "upgrade", release, chart, "--namespace", namespace, "--wait", "--timeout", "2m", "--set", "replicas=3,image.tag=next")
		expectReady(ctx, operator, 3)
		for _, pod := range podsOf(ctx, operator) {
			Expect(pod.Spec.Containers[0].Image).To(Equal("cloudsso-operator:next"))
		}
		mustHelm(ctx, "rollback", release, "1", "--namespace", namespace, "--wait", "--timeout", "2m")
		expectReady(ctx, operator, 2)
	})

	It("keeps a replica when nodes are drained", func(ctx SpecContext) {
		setUnschedulable(ctx, true)
		DeferCleanup(func(ctx SpecContext) { setUnschedulable(ctx, false) })
		pods := podsOf(ctx, operator)
		Expect(pods).To(HaveLen(2))
		Eventually(evict, soon).WithContext(ctx).WithArguments(&pods[0]).Should(Succeed())
		Expect(apierrors.IsTooManyRequests(evict(ctx, &pods[1]))).To(BeTrue(), "the first one has not been replaced")
		setUnschedulable(ctx, false)
		Eventually(evict, soon).WithContext(ctx).WithArguments(&pods[1]).Should(Succeed())
		Eventually(func(g Gomega) { expectReadyWith(ctx, g, operator, 2) }, soon).Should(Succeed())
	})

	It("is moved from one node after the other by kubectl drain", func(ctx SpecContext) {
		for _, node := range nodes {
			kubectl(ctx, "drain", node, "--timeout=1m")
			for _, pod := range podsOf(ctx, operator) {
				Expect(pod.Spec.NodeName).NotTo(Equal(node))
			}
			Eventually(func(g Gomega) { expectReadyWith(ctx, g, operator, 2) }, soon).Should(Succeed())
			kubectl(ctx, "uncordon", node)
		}
	})

	It("leaves CRDs and users when it is uninstalled, and has them again when it is reinstalled", func(ctx SpecContext) {
		Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}})).To(Succeed())
		Eventually(func() error { return cluster.Create(ctx, user) }, soon).Should(Succeed())
		before := crdUIDs(ctx)
		Expect(before).To(HaveLen(7))

		mustHelm(ctx, "uninstall", release, "--namespace", namespace, "--wait")
		Expect(apierrors.IsNotFound(cluster.Get(ctx, operator, &appsv1.Deployment{}))).To(BeTrue())
		Expect(policyProblems(ctx, controlplane.OperatorUser)).NotTo(BeEmpty())
		Expect(crdUIDs(ctx)).To(Equal(before))
		expectUnchanged(ctx, user)

		mustHelm(ctx, "install", release, chart, "--namespace", namespace, "--wait", "--timeout", "2m")
		Expect(crdUIDs(ctx)).To(Equal(before))
		expectUnchanged(ctx, user)
	})

	It("cannot be installed twice with policies, with CRDs or without", func(ctx SpecContext) {
		for _, crds := range []string{"true", "false"} {
			_, err := helm(ctx, "install", "other", chart, "--namespace", namespace, "--set", "crds.enabled="+crds)
			Expect(err).To(MatchError(ContainSubstring("the policies of the release " + release + " are in the cluster")))
		}
	})

	It("has a second one beside it, for a shard", func(ctx SpecContext) {
		const south = "cloudsso-south"
		createNamespace(ctx, south)
		Expect(cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "globex"}})).To(Succeed())
		mustHelm(ctx, "install", "south", chart, "--namespace", south, "--wait", "--timeout", "2m",
			"--set", "crds.enabled=false,mainRelease="+release+",shard.name=south,shard.namespaces={globex},scim.publicURL=https://scim-south.example.com/scim/v2")
		expectReady(ctx, client.ObjectKey{Namespace: south, Name: "south-cloudsso-operator"}, 2)
		var binding rbacv1.RoleBinding
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: "globex", Name: "south-cloudsso-operator"}, &binding)).To(Succeed())
		Expect(cluster.Get(ctx, client.ObjectKey{Name: binding.RoleRef.Name}, &rbacv1.ClusterRole{})).To(Succeed())
		expectClusterObjects(ctx, "south", "ClusterRoleBinding south-cloudsso-operator-cluster-reader", "PriorityClass south-cloudsso-operator")

		account := "system:serviceaccount:" + south + ":south-cloudsso-operator"
		Expect(policyProblems(ctx, account)).NotTo(BeEmpty())
		mustHelm(ctx, "upgrade", release, chart, "--namespace", namespace, "--wait", "--set", "shardAccounts[0].namespace="+south+",shardAccounts[0].name=south-cloudsso-operator")
		Expect(policyProblems(ctx, account)).To(BeEmpty())
		Expect(policyProblems(ctx, controlplane.OperatorUser)).To(BeEmpty())
		mustHelm(ctx, "uninstall", "south", "--namespace", south, "--wait")
		Expect(crdUIDs(ctx)).To(HaveLen(7))
	})

	It("has a packed chart, and an image that runs as its user without any right on the node", func(ctx SpecContext) {
		made := makeRelease(ctx)
		testReleasedChart(ctx, made)
		testReleasedImage(ctx, made)
	})

	It("has a service account to which nothing is forbidden in the life cycle of users", func(ctx SpecContext) {
		l := newLifeCycle(ctx, "initech", startManager(ctx, namespace, controlplane.OperatorServiceAccount))
		l.run(ctx)
		l.expectNothingForbidden(ctx)
	})
})

// policyProblems returns what an operator misses of its policies.
func policyProblems(ctx context.Context, account string) []admissionpolicy.Problem {
	GinkgoHelper()
	var policies admissionv1.ValidatingAdmissionPolicyList
	var bindings admissionv1.ValidatingAdmissionPolicyBindingList
	Expect(cluster.List(ctx, &policies)).To(Succeed())
	Expect(cluster.List(ctx, &bindings)).To(Succeed())
	return admissionpolicy.Required().Problems(admissionpolicy.Set{Policies: policies.Items, Bindings: bindings.Items}, account)
}

func expectReady(ctx context.Context, key client.ObjectKey, replicas int) {
	GinkgoHelper()
	expectReadyWith(ctx, Default, key, replicas)
}

func expectReadyWith(ctx context.Context, g Gomega, key client.ObjectKey, replicas int) {
	GinkgoHelper()
	var deployment appsv1.Deployment
	g.Expect(cluster.Get(ctx, key, &deployment)).To(Succeed())
	g.Expect(deployment.Status).To(And(HaveField("Replicas", BeEquivalentTo(replicas)), HaveField("ReadyReplicas", BeEquivalentTo(replicas)),
		HaveField("UpdatedReplicas", BeEquivalentTo(replicas))))
}

// podsOf returns the Pods of a Deployment that are not being deleted.
func podsOf(ctx context.Context, deployment client.ObjectKey) (pods []corev1.Pod) {
	GinkgoHelper()
	var all corev1.PodList
	Expect(cluster.List(ctx, &all, client.InNamespace(deployment.Namespace))).To(Succeed())
	for _, pod := range all.Items {
		if strings.HasPrefix(pod.Name, deployment.Name+"-") && pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	return pods
}

func evict(ctx context.Context, pod *corev1.Pod) error {
	return cluster.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{})
}

func setUnschedulable(ctx context.Context, unschedulable bool) {
	GinkgoHelper()
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"unschedulable":false}}`))
	if unschedulable {
		patch = client.RawPatch(types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`))
	}
	for _, name := range nodes {
		Expect(cluster.Patch(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, patch)).To(Succeed())
	}
}

// crdUIDs returns the UIDs of the CRDs that are not being deleted.
func crdUIDs(ctx context.Context) map[string]types.UID {
	GinkgoHelper()
	var crds apiextensionsv1.CustomResourceDefinitionList
	Expect(cluster.List(ctx, &crds)).To(Succeed())
	uids := map[string]types.UID{}
	for _, crd := range crds.Items {
		if crd.DeletionTimestamp == nil {
			uids[crd.Name] = crd.UID
		}
	}
	return uids
}

func expectUnchanged(ctx context.Context, o client.Object) {
	GinkgoHelper()
	uid := o.GetUID()
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	Expect(o.GetUID()).To(Equal(uid))
	Expect(o.GetDeletionTimestamp()).To(BeNil())
}

// expectClusterObjects checks which objects of the cluster a release has, of the kinds that the chart may have.
func expectClusterObjects(ctx context.Context, release string, expected ...string) {
	GinkgoHelper()
	var found []string
	of := client.MatchingLabels{"app.kubernetes.io/instance": release}
	for kind, list := range map[string]client.ObjectList{
		"ClusterRole": &rbacv1.ClusterRoleList{}, "ClusterRoleBinding": &rbacv1.ClusterRoleBindingList{}, "PriorityClass": &schedulingv1.PriorityClassList{},
		"ValidatingAdmissionPolicy": &admissionv1.ValidatingAdmissionPolicyList{}, "CustomResourceDefinition": &apiextensionsv1.CustomResourceDefinitionList{},
	} {
		Expect(cluster.List(ctx, list, of)).To(Succeed())
		Expect(meta.EachListItem(list, func(o runtime.Object) error {
			found = append(found, kind+" "+expectType[client.Object](o).GetName())
			return nil
		})).To(Succeed())
	}
	Expect(found).To(ConsistOf(expected))
}
