package admission_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const (
	claimsPolicy = "cloudsso-name-claims"
	// controllerManager is the user that kube-controller-manager is if its controllers have no service accounts.
	controllerManager = "system:kube-controller-manager"
)

// newClaim returns the claim of a user "alice" who does not exist. Its spec.name has the greatest length, 18 KB.
func newClaim(namespace, name string) *v1alpha1.CloudSSONameClaim {
	return &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelExcludeFromBackup: "true"}},
		Spec: v1alpha1.CloudSSONameClaimSpec{
			Kind: v1alpha1.ClaimedByUser, Name: strings.Repeat("👩", 4608), Holder: "alice", AcquiredAt: metav1.NowMicro(),
		},
	}
}

// claimAct is a request on a claim.
type claimAct struct {
	name      string
	verb      string // as the message of the policy says it
	operation admissionv1.OperationType
	do        func(ctx context.Context, c client.Client, claim *v1alpha1.CloudSSONameClaim) error
}

var claimActs = []claimAct{
	{"create", "created", admissionv1.Create, func(ctx context.Context, c client.Client, claim *v1alpha1.CloudSSONameClaim) error {
		return c.Create(ctx, newClaim(claim.Namespace, "another"))
	}},
	{"update", "changed", admissionv1.Update, func(ctx context.Context, c client.Client, claim *v1alpha1.CloudSSONameClaim) error {
		claim.Spec.Holder = "mallory"
		return c.Update(ctx, claim)
	}},
	{"label", "changed", admissionv1.Update, func(ctx context.Context, c client.Client, claim *v1alpha1.CloudSSONameClaim) error {
		claim.Labels = nil
		return c.Update(ctx, claim)
	}},
	{"delete", "deleted", admissionv1.Delete, func(ctx context.Context, c client.Client, claim *v1alpha1.CloudSSONameClaim) error {
		return c.Delete(ctx, claim)
	}},
	{"delete all", "deleted", admissionv1.Delete, func(ctx context.Context, c client.Client, claim *v1alpha1.CloudSSONameClaim) error {
		return c.DeleteAllOf(ctx, &v1alpha1.CloudSSONameClaim{}, client.InNamespace(claim.Namespace))
	}},
}

// claimant is a client that writes claims, with every right in the namespace, so that the policy alone decides.
type claimant struct {
	name    string
	subject rbacv1.Subject
	client  func(ctx context.Context) client.Client
	writes  bool // creates, changes and deletes claims
	deletes bool // deletes claims
}

// inKubeSystem returns a controller of kube-controller-manager with a service account of its own.
func inKubeSystem(name string, deletes bool) claimant {
	const namespace = metav1.NamespaceSystem
	return claimant{
		name: "the service account " + name, deletes: deletes,
		subject: rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name},
		client: func(ctx context.Context) client.Client {
			return newServiceAccountClient(ctx, namespace, name)
		},
	}
}

// newServiceAccountClient returns a client of a service account, which kube-controller-manager may be about to create.
func newServiceAccountClient(ctx context.Context, namespace, name string) client.Client {
	GinkgoHelper()
	account := &corev1.ServiceAccount{}
	Eventually(func() error { return person.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, account) }).Should(Succeed())
	config, err := plane.ServiceAccount(ctx, namespace, name)
	Expect(err).NotTo(HaveOccurred())
	return newClient(config)
}

// user returns a user with a client certificate.
func user(name string) claimant {
	return claimant{
		name: "the user " + name, subject: rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name},
		client: func(context.Context) client.Client {
			GinkgoHelper()
			config, err := plane.User(name)
			Expect(err).NotTo(HaveOccurred())
			return newClient(config)
		},
	}
}

func claimants() []claimant {
	manager := user(controllerManager)
	manager.deletes = true
	return []claimant{
		{
			name: "the operator", writes: true, deletes: true,
			subject: rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: controlplane.SystemNamespace, Name: controlplane.OperatorServiceAccount},
			client:  func(context.Context) client.Client { return operator },
		},
		user("root"),
		inKubeSystem("namespace-controller", true),
		inKubeSystem("generic-garbage-collector", true),
		inKubeSystem("clusterrole-aggregation-controller", false),
		manager,
	}
}

// bind gives a subject a ClusterRole in one namespace.
func bind(ctx context.Context, namespace, role string, subject rbacv1.Subject) {
	GinkgoHelper()
	Expect(person.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "test-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{subject},
	})).To(Succeed())
}

var _ = Describe("name claims", func() {
	for _, writer := range claimants() {
		for _, position := range []v1alpha1.Synchronization{enabled, disabled, ""} {
			It(fmt.Sprintf("while the switch is %[4]q, %[1]s writes them: %[2]t, deletes them: %[3]t", writer.name, writer.writes, writer.deletes, position), func(ctx SpecContext) {
				namespace := newDirectory(ctx, position)
				bind(ctx, namespace, "cluster-admin", writer.subject)
				c := writer.client(ctx)
				Eventually(func() bool { return allows(ctx, c, right{"deletecollection", ours, "cloudssonameclaims", namespace}) }).Should(BeTrue())
				for _, act := range claimActs {
					claim := newClaim(namespace, strings.ReplaceAll(act.name, " ", "-"))
					Expect(operator.Create(ctx, claim)).To(Succeed())
					err := act.do(ctx, c, claim.DeepCopy())
					if writer.writes || (writer.deletes && act.operation == admissionv1.Delete) {
						Expect(err).NotTo(HaveOccurred(), act.name)
						continue
					}
					expectClaimRefused(err, act.verb)
					Expect(person.Get(ctx, client.ObjectKeyFromObject(claim), claim)).To(Succeed(), act.name)
					Expect(claim.Spec.Holder).To(Equal("alice"))
				}
			})
		}
	}

	It("are deleted with their namespace", func(ctx SpecContext) {
		namespace := newDirectory(ctx, disabled)
		claim := newClaim(namespace, "claim")
		Expect(operator.Create(ctx, claim)).To(Succeed())
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		Expect(person.Delete(ctx, ns)).To(Succeed())
		Eventually(isGone(ctx, ns)).Should(BeTrue())
	})

	It("are collected as garbage if the operator gives them an owner", func(ctx SpecContext) {
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: newDirectory(ctx, enabled), Name: "owner"}}
		Expect(person.Create(ctx, owner)).To(Succeed())
		claim := newClaim(owner.Namespace, "claim")
		claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
		Expect(operator.Create(ctx, claim)).To(Succeed())
		Expect(person.Delete(ctx, owner)).To(Succeed())
		Eventually(isGone(ctx, claim)).Should(BeTrue())
	})

	It("are written by the operator of a shard once the policy names it, and by no other service account", Serial, func(ctx SpecContext) {
		const shard = "cloudsso-south" // config/default/shards.yaml
		namespace := newDirectory(ctx, enabled)
		c := newShard(ctx, shard, namespace)
		claim := newClaim(namespace, "claim")
		expectClaimRefused(c.Create(ctx, claim.DeepCopy()), "created")
		nameShards(ctx, claimsPolicy)
		Eventually(func() error { return c.Create(ctx, claim.DeepCopy(), client.DryRunAll) }).Should(Succeed())
		for _, act := range claimActs[:len(claimActs)-1] { // the operator has no right to delete all
			claim := newClaim(namespace, act.name)
			Expect(c.Create(ctx, claim)).To(Succeed())
			Expect(act.do(ctx, c, claim)).To(Succeed(), act.name)
		}
		expectClaimRefused(person.Create(ctx, claim), "created")
	})
})

// expectClaimRefused checks that the policy refused a request, and says what to do instead.
func expectClaimRefused(err error, verb string) {
	GinkgoHelper()
	Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	Expect(err).To(MatchError(And(
		ContainSubstring(claimsPolicy),
		ContainSubstring("cannot be "+verb+" by hand"),
		ContainSubstring(`rename or delete CloudSSOUser "alice" instead`),
	)))
}

// newShard creates the operator of a shard in a namespace of its own, with the operator's rights in a directory.
func newShard(ctx context.Context, namespace, directory string) client.Client {
	GinkgoHelper()
	Expect(client.IgnoreAlreadyExists(person.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))).To(Succeed())
	account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: controlplane.OperatorServiceAccount}
	Expect(client.IgnoreAlreadyExists(person.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account.Name}}))).To(Succeed())
	bind(ctx, directory, controlplane.OperatorServiceAccount, account)
	c := newServiceAccountClient(ctx, namespace, account.Name)
	Eventually(func() bool { return allows(ctx, c, right{"create", ours, "cloudssonameclaims", directory}) }).Should(BeTrue())
	return c
}

// nameShards writes the service accounts of config/default/shards.yaml into a policy until the spec ends.
func nameShards(ctx context.Context, name string) {
	GinkgoHelper()
	root, err := controlplane.ModuleRoot()
	Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(filepath.Join(root, "config", "default", "shards.yaml"))
	Expect(err).NotTo(HaveOccurred())
	patch, err := k8syaml.YAMLToJSON(content)
	Expect(err).NotTo(HaveOccurred())
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(person.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
	Expect(policy.Spec.Variables[1].Name).To(Equal("shards"))
	before := policy.Spec.Variables[1]
	DeferCleanup(func(ctx SpecContext) {
		Expect(patched(ctx, person, policy, func(p *admissionv1.ValidatingAdmissionPolicy) { p.Spec.Variables[1] = before })).To(Succeed())
	})
	Expect(person.Patch(ctx, policy, client.RawPatch(types.JSONPatchType, patch))).To(Succeed())
	Expect(policy.Spec.Variables[1].Name).To(Equal("shards"))
	Expect(policy.Spec.Variables[1]).NotTo(Equal(before))
}
