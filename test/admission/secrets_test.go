package admission_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

const secretsPolicy = "cloudsso-secrets"

// newSecret returns a Secret that kube-apiserver accepts as one of its type.
func newSecret(namespace string, kind corev1.SecretType) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, GenerateName: "test-", Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"},
		},
		Type: kind,
		Data: map[string][]byte{
			v1alpha1.SecretKeyToken: []byte("t"), corev1.TLSCertKey: []byte("c"), corev1.TLSPrivateKeyKey: []byte("k"),
			corev1.BasicAuthUsernameKey: []byte("u"), corev1.DockerConfigJsonKey: []byte("{}"),
		},
	}
}

// expectSecretRefused checks that the policy refused a Secret of the operator.
func expectSecretRefused(err error) {
	GinkgoHelper()
	Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	Expect(err).To(MatchError(And(ContainSubstring(secretsPolicy), ContainSubstring("only of type cloudsso.dev/scim-credential"))))
}

var _ = Describe("Secrets", func() {
	types := []corev1.SecretType{
		corev1.SecretTypeServiceAccountToken, // kube-controller-manager writes the token of a service account into it
		corev1.SecretTypeBootstrapToken,      // a node joins the cluster with it
		corev1.SecretTypeOpaque, corev1.SecretTypeTLS, corev1.SecretTypeBasicAuth, corev1.SecretTypeDockerConfigJson,
		"", "cloudsso.dev/scim-credential2", "CLOUDSSO.DEV/SCIM-CREDENTIAL",
	}

	It("of one type are created by the operator, and of no other", func(ctx SpecContext) {
		for _, namespace := range []string{newDirectory(ctx, disabled), newDirectory(ctx, ""), metav1.NamespaceSystem, system} {
			Expect(operator.Create(ctx, newSecret(namespace, v1alpha1.SecretTypeSCIMCredential))).To(Succeed())
			for _, kind := range types {
				expectSecretRefused(operator.Create(ctx, newSecret(namespace, kind)))
			}
		}
	})

	It("are created of any type by other users", func(ctx SpecContext) {
		namespace := newDirectory(ctx, enabled)
		for _, kind := range append(types, v1alpha1.SecretTypeSCIMCredential) {
			Expect(person.Create(ctx, newSecret(namespace, kind))).To(Succeed(), string(kind))
		}
	})

	It("are not changed by the operator, even if it has every right in a namespace", func(ctx SpecContext) {
		namespace := newDirectory(ctx, disabled)
		bind(ctx, namespace, "cluster-admin", rbacv1.Subject{
			Kind: rbacv1.ServiceAccountKind, Namespace: controlplane.SystemNamespace, Name: controlplane.OperatorServiceAccount,
		})
		secret := newSecret(namespace, v1alpha1.SecretTypeSCIMCredential)
		Expect(operator.Create(ctx, secret)).To(Succeed())
		Eventually(func() bool { return allows(ctx, operator, right{"patch", "", "secrets", namespace}) }).Should(BeTrue())
		change := func(s *corev1.Secret) { s.Data[v1alpha1.SecretKeyToken] = []byte("another") }
		expectSecretRefused(patched(ctx, operator, secret.DeepCopy(), change))
		Expect(patched(ctx, person, secret, change)).To(Succeed())
	})

	It("of a shard are confined when the policy names its service account", func(ctx SpecContext) {
		namespace := newDirectory(ctx, disabled)
		shard := newShard(ctx, "cloudsso-south", namespace)
		Expect(shard.Create(ctx, newSecret(namespace, corev1.SecretTypeOpaque))).To(Succeed(), "the policy does not know it")
		nameShards(ctx, secretsPolicy)
		Eventually(func() error {
			return shard.Create(ctx, newSecret(namespace, corev1.SecretTypeOpaque), client.DryRunAll)
		}).ShouldNot(Succeed())
		expectSecretRefused(shard.Create(ctx, newSecret(namespace, corev1.SecretTypeOpaque)))
		Expect(shard.Create(ctx, newSecret(namespace, v1alpha1.SecretTypeSCIMCredential))).To(Succeed())
	})
})

var _ = Describe("the role edit", func() {
	It("writes and deletes Secrets of every type, and no credential", func(ctx SpecContext) {
		namespace := newDirectory(ctx, enabled)
		editor := newPerson(ctx, namespace, "edit")
		secret := newSecret(namespace, v1alpha1.SecretTypeSCIMCredential)
		Expect(editor.Create(ctx, secret)).To(Succeed())
		Expect(editor.Delete(ctx, secret)).To(Succeed())
		credential := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}}
		Expect(person.Create(ctx, credential)).To(Succeed())
		declare := func(c *v1alpha1.SCIMCredential) { c.Spec.TokenHash = "sha256:0" }
		for what, err := range map[string]error{
			"setting a hash": patched(ctx, editor, credential.DeepCopy(), declare),
			"deleting":       editor.Delete(ctx, credential),
			"creating":       editor.Create(ctx, &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "mine"}}),
		} {
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", what, err)
		}
	})
})
