package access_test

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func policyBinding() *admissionv1.ValidatingAdmissionPolicyBinding {
	return &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: policyName}}
}

// refuseBindings binds a policy of the cluster's administrators that refuses bindings in the spec's namespace, and returns a
// function that removes it.
func refuseBindings(ctx context.Context) (allow func()) {
	GinkgoHelper()
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	policy.Spec.MatchConstraints = &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule:       admissionv1.Rule{APIGroups: []string{rbacv1.GroupName}, APIVersions: []string{"*"}, Resources: []string{"rolebindings"}},
		},
	}}}
	policy.Spec.Validations = []admissionv1.Validation{{Expression: "false", Message: "no bindings here"}}
	Expect(admin.Create(ctx, policy)).To(Succeed())
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	binding.Spec = admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: namespace, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}},
	}
	Expect(admin.Create(ctx, binding)).To(Succeed())
	probe := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
	isRefused := func() bool { return admin.Create(ctx, probe.DeepCopy(), client.DryRunAll) != nil }
	Eventually(isRefused).Should(BeTrue())
	return func() {
		Expect(admin.Delete(ctx, binding)).To(Succeed())
		Expect(admin.Delete(ctx, policy)).To(Succeed())
		Eventually(isRefused).Should(BeFalse())
	}
}

// bindingWritesAfter returns the writes of bindings that a change leads to.
func bindingWritesAfter(change func()) []string {
	GinkgoHelper()
	before := len(traffic.bindingWrites())
	change()
	Consistently(func() int { return 0 }).WithTimeout(300 * time.Millisecond).Should(BeZero()) // a write too many has time to come
	return traffic.bindingWrites()[before:]
}

var _ = Describe("a group of 250 members", Serial, func() {
	It("has three bindings in each target, and a change of one member is one write in each", func(ctx SpecContext) {
		names := numbered(251)
		createUsers(ctx, names...)
		developers := createGroup(ctx, "developers", scim, names[:250]...)
		elsewhere := newNamespace(ctx, "target-", nil)
		a := assign(ctx, inNamespaces(namespace, elsewhere))
		for _, target := range a.Spec.Target.Namespaces {
			expectSubjects(ctx, a, target, names[:250]...)
			Expect(bindingsIn(ctx, a, target)).To(HaveLen(3))
		}
		expectReady(ctx, a)
		left := slices.Delete(slices.Clone(names[:250]), 30, 31)
		Expect(bindingWritesAfter(func() {
			setMembers(ctx, developers, left...)
			expectSubjects(ctx, a, namespace, left...)
			expectSubjects(ctx, a, elsewhere, left...)
		})).To(ConsistOf(HavePrefix("PATCH"), HavePrefix("PATCH")))
		Expect(bindingWritesAfter(func() {
			setMembers(ctx, developers, append(left, names[250])...)
			expectSubjects(ctx, a, namespace, append(left, names[250])...)
			expectSubjects(ctx, a, elsewhere, append(left, names[250])...)
		})).To(ConsistOf(HavePrefix("PATCH"), HavePrefix("PATCH")))
	})
})

var _ = Describe("bindings that another hand changes", func() {
	var a *assignment

	BeforeEach(func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		createGroup(ctx, "developers", scim, "ada", "bob")
		a = assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectReady(ctx, a)
	})

	subject := func(kind, name string) rbacv1.Subject {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	isAsDeclared := func(ctx SpecContext) func() bool {
		return func() bool {
			all := bindingsIn(ctx, a, namespace)
			return len(all) == 1 && len(all[0].Subjects) == 2 && all[0].RoleRef.Name == role && all[0].Labels["app.kubernetes.io/managed-by"] == "cloudsso-operator" &&
				all[0].Annotations[v1alpha1.AnnotationPrincipal] == "CloudSSOGroup/developers" && slices.Equal(subjectsOf(ctx, a, namespace)(), []string{"ada", "bob"})
		}
	}

	DescribeTable("are as declared again, and an Event says so", func(ctx SpecContext, says string, change func(context.Context, *rbacv1.RoleBinding)) {
		change(ctx, &bindingsIn(ctx, a, namespace)[0])
		Eventually(notes(ctx, a, "DriftRepaired")).Should(ContainSubstring(says))
		Eventually(isAsDeclared(ctx)).Should(BeTrue())
	},
		Entry("one that is deleted", "was gone", func(ctx context.Context, b *rbacv1.RoleBinding) { Expect(admin.Delete(ctx, b)).To(Succeed()) }),
		Entry("a subject that is added", "eve", func(ctx context.Context, b *rbacv1.RoleBinding) {
			modify(ctx, b, func(b *rbacv1.RoleBinding) { b.Subjects = append(b.Subjects, subject("User", "eve")) })
		}),
		Entry("a subject that is removed", "ada", func(ctx context.Context, b *rbacv1.RoleBinding) {
			modify(ctx, b, func(b *rbacv1.RoleBinding) { b.Subjects = []rbacv1.Subject{subject("User", "bob")} })
		}),
		Entry("a group among the subjects", "other subjects", func(ctx context.Context, b *rbacv1.RoleBinding) {
			modify(ctx, b, func(b *rbacv1.RoleBinding) { b.Subjects = append(b.Subjects, subject("Group", "everyone")) })
		}),
		Entry("another role", "RoleBinding", func(ctx context.Context, b *rbacv1.RoleBinding) {
			gate.shut()
			defer gate.unlock()
			Expect(admin.Delete(ctx, b)).To(Succeed())
			b.ResourceVersion, b.UID, b.RoleRef.Name = "", "", "edit"
			Expect(admin.Create(ctx, b)).To(Succeed())
		}),
		Entry("other labels and annotations", "other labels", func(ctx context.Context, b *rbacv1.RoleBinding) {
			modify(ctx, b, func(b *rbacv1.RoleBinding) {
				delete(b.Labels, "app.kubernetes.io/managed-by")
				b.Annotations[v1alpha1.AnnotationPrincipal] = "CloudSSOGroup/others"
			})
		}),
		Entry("no label of the assignment", "was gone", func(ctx context.Context, b *rbacv1.RoleBinding) {
			modify(ctx, b, func(b *rbacv1.RoleBinding) { delete(b.Labels, v1alpha1.LabelAssignment) })
		}),
	)
})

var _ = Describe("ClusterRoleBindings that another hand changes", func() {
	It("are as declared again, and an Event says so", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx, inCluster)
		expectSubjects(ctx, a, "", "ada")
		expectReady(ctx, a)
		b := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: bindingsIn(ctx, a, "")[0].Name}}
		modify(ctx, b, func(b *rbacv1.ClusterRoleBinding) {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve"})
		})
		Eventually(notes(ctx, a, "DriftRepaired")).Should(And(ContainSubstring("in the cluster"), ContainSubstring("eve")))
		expectSubjects(ctx, a, "", "ada")
		Expect(admin.Delete(ctx, b)).To(Succeed())
		expectSubjects(ctx, a, "", "ada")
	})
})

var _ = Describe("a binding that loses its label while it is withdrawn", func() {
	var a *assignment
	var b rbacv1.RoleBinding

	BeforeEach(func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		a = assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		b = bindingsIn(ctx, a, namespace)[0]
		gate.shut()
	})

	DescribeTable("is deleted all the same", func(ctx SpecContext, withdraw func(ctx SpecContext)) {
		held := gate.countHeld()
		withdraw(ctx)
		Eventually(gate.countHeld).Should(BeNumerically(">", held))
		modify(ctx, &b, func(b *rbacv1.RoleBinding) { delete(b.Labels, v1alpha1.LabelAssignment) })
		gate.unlock()
		Eventually(isGone(ctx, &b)).Should(BeTrue())
	},
		Entry("because another target takes its place", func(ctx SpecContext) {
			modify(ctx, a, inNamespaces(newNamespace(ctx, "target-", nil)))
		}),
		Entry("because its assignment is deleted", func(ctx SpecContext) { Expect(admin.Delete(ctx, a)).To(Succeed()) }),
	)
})

var _ = Describe("an operator that starts", Serial, func() {
	It("takes away what has ended meanwhile, before it grants anything", func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		developers := createGroup(ctx, "developers", scim, "ada", "bob")
		ends, stays := assign(ctx, named("ends"), ending(clock.Now().Add(time.Hour))), assign(ctx, named("stays"))
		expectSubjects(ctx, ends, namespace, "ada", "bob")
		expectSubjects(ctx, stays, namespace, "ada", "bob")
		unknown := bindingsIn(ctx, stays, namespace)[0]
		unknown.ResourceVersion, unknown.UID = "", ""
		unknown.Name, unknown.Labels[v1alpha1.LabelAssignment] = "cloudsso:"+namespace+":unknown:0", "unknown"

		stopManager()
		clock.Advance(2 * time.Hour)
		Expect(admin.Create(ctx, &unknown)).To(Succeed())
		createUsers(ctx, "eve")
		setMembers(ctx, developers, "bob", "eve")
		before := len(traffic.bindingWrites())
		startManager()
		expectSubjects(ctx, stays, namespace, "bob", "eve")
		expectSubjects(ctx, ends, namespace)
		Eventually(isGone(ctx, &unknown)).Should(BeTrue())
		expectCondition(ctx, ends, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAccessExpired)
		written := slices.DeleteFunc(traffic.bindingWrites()[before:], func(line string) bool { return !strings.Contains(line, namespace) })
		Expect(written).To(HaveLen(4), "%v", written)
		Expect(written[:3]).To(ConsistOf(HaveSuffix("ends:0"), HaveSuffix("unknown:0"), HaveSuffix("stays:0")))
		Expect(written[3]).To(And(HavePrefix("PATCH"), HaveSuffix("stays:0")))
	})

	// endAndStop returns an assignment that ends while no operator runs, and another one, of a group that eve joins meanwhile.
	endAndStop := func(ctx SpecContext) (ends, stays *assignment) {
		createUsers(ctx, "ada", "eve")
		developers := createGroup(ctx, "developers", scim, "ada")
		ends, stays = assign(ctx, named("ends"), ending(clock.Now().Add(time.Hour))), assign(ctx, named("stays"))
		expectSubjects(ctx, ends, namespace, "ada")
		expectSubjects(ctx, stays, namespace, "ada")
		expectReady(ctx, stays)
		stopManager()
		clock.Advance(2 * time.Hour)
		setMembers(ctx, developers, "ada", "eve")
		return ends, stays
	}

	It("tries again to take away what has ended meanwhile, before it grants anything", func(ctx SpecContext) {
		ends, stays := endAndStop(ctx)
		before := len(traffic.bindingWrites())
		deletions.setNext(2, namespace)
		startManager()
		expectSubjects(ctx, stays, namespace, "ada", "eve")
		expectSubjects(ctx, ends, namespace)
		written := slices.DeleteFunc(traffic.bindingWrites()[before:], func(line string) bool { return !strings.Contains(line, namespace) })
		Expect(written).To(HaveExactElements(And(HavePrefix("DELETE"), HaveSuffix("ends:0")), And(HavePrefix("PATCH"), HaveSuffix("stays:0"))))
	})

	It("grants to others while the API server refuses to take away what has ended, and takes it away once that is permitted", func(ctx SpecContext) {
		ends, stays := endAndStop(ctx)
		deletions.set()
		startManager()
		expectSubjects(ctx, stays, namespace, "ada", "eve")
		Expect(subjectsOf(ctx, ends, namespace)()).To(Equal([]string{"ada"}))
		deletions.unset()
		expectSubjects(ctx, ends, namespace)
	})

	It("grants what has begun meanwhile", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx, beginning(clock.Now().Add(time.Hour)))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
		stopManager()
		clock.Advance(2 * time.Hour)
		startManager()
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
	})

	It("takes a binding over that lost its label meanwhile, and finds none of an unknown assignment that did", func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		developers := createGroup(ctx, "developers", scim, "ada", "bob")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada", "bob")
		b := bindingsIn(ctx, a, namespace)[0]

		stopManager()
		modify(ctx, &b, func(b *rbacv1.RoleBinding) { delete(b.Labels, v1alpha1.LabelAssignment) })
		unknown := b.DeepCopy()
		unknown.ResourceVersion, unknown.UID, unknown.Name = "", "", "cloudsso:"+namespace+":unknown:0"
		Expect(admin.Create(ctx, unknown)).To(Succeed())
		setMembers(ctx, developers, "bob")
		startManager()
		expectSubjects(ctx, a, namespace, "bob")
		expectReady(ctx, a)
		Expect(bindingsIn(ctx, a, namespace)[0].UID).To(Equal(b.UID))
		reread(ctx, unknown) // docs/adr/0022-cost-of-a-grant.md; manager --remove-bindings finds it by name
	})
})

var _ = Describe("an operator that selects namespaces", Serial, func() {
	It("grants once the namespace of the directory is selected", func(ctx SpecContext) {
		stopManager()
		startSelecting("serves=" + namespace)
		defer func() { stopManager(); startManager() }()
		elsewhere := newNamespace(ctx, "target-", nil)
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx, inNamespaces(elsewhere))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynchronizationDisabled, "not in effect yet")
		modify(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, func(n *corev1.Namespace) { n.Labels["serves"] = namespace })
		expectSubjects(ctx, a, elsewhere, "ada")
		expectReady(ctx, a)
	})
})

var _ = Describe("an operator without access", Serial, func() {
	It("says so of every assignment, and lets it go", func(ctx SpecContext) {
		stopManager()
		startWithoutAccess()
		defer func() { stopManager(); startManager() }()
		a := assign(ctx)
		for _, conditionType := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionEffective} {
			expectCondition(ctx, a, conditionType, metav1.ConditionFalse, v1alpha1.ReasonAccessNotInstalled, "../access")
		}
		Eventually(notes(ctx, a, v1alpha1.ReasonAccessNotInstalled)).ShouldNot(BeEmpty())
		modify(ctx, a, func(a *assignment) { a.Finalizers = []string{v1alpha1.FinalizerBindings} })
		Expect(admin.Delete(ctx, a)).To(Succeed())
		Eventually(isGone(ctx, a)).Should(BeTrue())
	})

	It("says of bindings that it cannot take back that they still grant", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		stopManager()
		startWithoutAccess()
		defer func() { stopManager(); startManager() }()
		expectCondition(ctx, a, v1alpha1.ConditionEffective, metav1.ConditionFalse, v1alpha1.ReasonAccessNotInstalled, "bindings (1) still grant", "manager --remove-bindings")
		Eventually(func() []*int32 { reread(ctx, a); return []*int32{a.Status.Users, a.Status.Bindings} }).Should(HaveEach(HaveValue(BeEquivalentTo(1))))
		Eventually(notes(ctx, a, v1alpha1.ReasonAccessNotInstalled)).Should(ContainSubstring("still grant"))
		Expect(admin.Delete(ctx, a)).To(Succeed())
		Eventually(isGone(ctx, a)).Should(BeTrue())
		Eventually(notes(ctx, a, v1alpha1.ReasonAccessNotInstalled)).Should(ContainSubstring("is deleted without its bindings"))
		By("letting the directory go, which was held by the bindings")
		Expect(directory()).To(WithTransform(func(d *v1alpha1.CloudSSODirectory) []string { reread(ctx, d); return d.Finalizers }, ContainElement(v1alpha1.FinalizerBindings)))
		Expect(admin.Delete(ctx, directory())).To(Succeed())
		Eventually(isGone(ctx, directory())).Should(BeTrue())
	})
})

// requestsSinceSettled waits until the operator has requested nothing for a while that may concern the spec, and returns a function
// that returns its later requests: those of the spec's namespace, and those of the whole cluster. The controller of directories
// lists the admission policies every 15 seconds, whatever assignments there are. A manager that has just started sweeps the
// claims of one namespace after the other, so it has settled when it sweeps none.
func requestsSinceSettled() func() []string {
	GinkgoHelper()
	all := func() []string {
		return slices.DeleteFunc(traffic.all(), func(line string) bool {
			return strings.Contains(line, "/namespaces/") && !strings.Contains(line, namespace) || strings.Contains(line, "/validatingadmissionpolic")
		})
	}
	var before, sweeps int
	Eventually(func() bool {
		lastBefore, lastSweeps := before, sweeps
		before, sweeps = len(all()), len(slices.DeleteFunc(traffic.all(), func(line string) bool { return !strings.Contains(line, "/cloudssonameclaims") }))
		return before == lastBefore && sweeps == lastSweeps
	}).WithPolling(quiet).Should(BeTrue())
	return func() []string { return all()[before:] }
}

var _ = Describe("a settled assignment", Serial, func() {
	It("costs no request, nor when what does not concern it changes", func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		g := createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		requests := requestsSinceSettled()
		for _, o := range []client.Object{a, g, &user{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}} {
			Expect(admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"again":"yes"}}}`)))).To(Succeed())
		}
		Consistently(requests).WithTimeout(quiet).Should(BeEmpty())
	})

	It("costs no request while its role is missing", func(ctx SpecContext) {
		createUsers(ctx, "ada")
		createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx, ofRole(v1alpha1.RoleKindRole, "deployer"))
		expectCondition(ctx, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRoleNotFound)
		Consistently(requestsSinceSettled()).WithTimeout(quiet).Should(BeEmpty())
	})

	It("is written a few times in a second while each write is a conflict", func(ctx SpecContext) {
		createUsers(ctx, "ada", "bob")
		g := createGroup(ctx, "developers", scim, "ada")
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, "ada")
		expectReady(ctx, a)
		bound.pause()
		modify(ctx, &bindingsIn(ctx, a, namespace)[0], func(b *rbacv1.RoleBinding) { b.Annotations["again"] = "yes" })
		before := len(traffic.conflicts())
		setMembers(ctx, g, "ada", "bob")
		Eventually(func() int { return len(traffic.conflicts()) - before }).Should(BeNumerically(">", 1))
		Consistently(func() int { return len(traffic.conflicts()) - before }).WithTimeout(time.Second).Should(BeNumerically("<", 15))
		bound.goOn()
		expectSubjects(ctx, a, namespace, "ada", "bob")
		expectReady(ctx, a)
	})

	It("writes its counts at most once in ten seconds", func(ctx SpecContext) {
		names := numbered(20)
		createUsers(ctx, names...)
		ill := []string{"root0", "root1", "root2"}
		for _, name := range ill {
			createUser(ctx, name, "system:"+name, scim)
		}
		g := createGroup(ctx, "developers", scim, names[0], ill[0])
		a := assign(ctx)
		expectSubjects(ctx, a, namespace, names[0])
		expectReady(ctx, a)
		expectCondition(ctx, a, v1alpha1.ConditionUsersSkipped, metav1.ConditionTrue, v1alpha1.ReasonUsernameInvalid, "CloudSSOUser root0 gets")
		before := len(statusWrites())
		for i := range names {
			setMembers(ctx, g, slices.Concat(ill[:min(i, 2)+1], names[:i+1])...)
		}
		expectSubjects(ctx, a, namespace, names...)
		reread(ctx, a)
		Expect(*a.Status.Users).To(BeEquivalentTo(1))
		Expect(len(statusWrites()) - before).To(BeZero())
		clock.Advance(11 * time.Second)
		Eventually(func() int32 { reread(ctx, a); return *a.Status.Users }).Should(BeEquivalentTo(20))
		Expect(len(statusWrites()) - before).To(Equal(1))
		expectCondition(ctx, a, v1alpha1.ConditionUsersSkipped, metav1.ConditionTrue, v1alpha1.ReasonUsernameInvalid, "3 users get no access")
	})
})

// statusWrites returns the writes of the statuses of the spec's assignments.
func statusWrites() []string {
	return slices.DeleteFunc(traffic.all(), func(line string) bool {
		return !strings.Contains(line, namespace+"/cloudssoaccessassignments/") || !strings.HasSuffix(line, "/status")
	})
}
