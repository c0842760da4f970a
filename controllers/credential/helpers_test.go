package credential_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// newToken returns a token of the spec's namespace, as its author makes it outside of the cluster.
func newToken() string {
	GinkgoHelper()
	token, err := auth.NewToken(rand.Reader, namespace)
	Expect(err).NotTo(HaveOccurred())
	return record(token)
}

// record adds a token to those that no object but a Secret may have.
func record(token string) string {
	tokens = append(tokens, token)
	return token
}

func object(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func declare(ctx context.Context, name string, change ...func(*v1alpha1.SCIMCredential)) *v1alpha1.SCIMCredential {
	GinkgoHelper()
	c := &v1alpha1.SCIMCredential{ObjectMeta: object(name)}
	for _, f := range change {
		f(c)
	}
	Expect(admin.Create(ctx, c)).To(Succeed())
	return c
}

func disabled(c *v1alpha1.SCIMCredential) { c.Spec.Disabled = true }

func ending(in time.Duration) func(*v1alpha1.SCIMCredential) {
	return func(c *v1alpha1.SCIMCredential) { c.Spec.ExpiresAt = &metav1.Time{Time: time.Now().Add(in)} }
}

// declaring sets the hash of a token.
func declaring(token string) func(*v1alpha1.SCIMCredential) {
	return func(c *v1alpha1.SCIMCredential) { c.Spec.TokenHash = auth.HashToken(token).String() }
}

// createSecret creates a Secret of the operator's type with a token, as a user with the role edit can.
func createSecret(ctx context.Context, name, token string) *corev1.Secret {
	GinkgoHelper()
	s := &corev1.Secret{
		ObjectMeta: object(name), Type: v1alpha1.SecretTypeSCIMCredential,
		StringData: map[string]string{v1alpha1.SecretKeyToken: token, "tokenHash": auth.HashToken(token).String()},
	}
	Expect(admin.Create(ctx, s)).To(Succeed())
	return s
}

// forbidSecrets sets a quota of no Secrets. No controller writes the quota's status, which admission needs.
func forbidSecrets(ctx context.Context) {
	GinkgoHelper()
	none := corev1.ResourceList{"count/secrets": resource.MustParse("0")}
	quota := &corev1.ResourceQuota{ObjectMeta: object("secrets"), Spec: corev1.ResourceQuotaSpec{Hard: none}}
	Expect(admin.Create(ctx, quota)).To(Succeed())
	quota.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none}
	Expect(admin.Status().Update(ctx, quota)).To(Succeed())
	Eventually(func() bool {
		return apierrors.IsForbidden(admin.Create(ctx, &corev1.Secret{ObjectMeta: object("probe")}, client.DryRunAll))
	}, eventually).Should(BeTrue())
}

// forbidField binds a policy of the cluster's administrators, which refuses to add or remove a field of the specs of the
// namespace's credentials, and returns a function that removes it. change is a value that would do that.
func forbidField(ctx context.Context, field, change string) (allow func()) {
	GinkgoHelper()
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	policy.Spec.MatchConstraints = &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Update},
			Rule:       admissionv1.Rule{APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"scimcredentials"}},
		},
	}}}
	policy.Spec.Validations = []admissionv1.Validation{{
		Expression:        "has(object.spec." + field + ") == has(oldObject.spec." + field + ")",
		MessageExpression: "'not allowed: ' + string(object.spec." + field + ")",
	}}
	Expect(admin.Create(ctx, policy)).To(Succeed())
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	binding.Spec = admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: namespace, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}},
	}
	Expect(admin.Create(ctx, binding)).To(Succeed())
	probe := declare(ctx, "probe", disabled, ending(time.Hour))
	isRefused := func() bool {
		merge := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"`+field+`":`+change+`}}`))
		err := admin.Patch(ctx, probe.DeepCopy(), merge, client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+namespace+"'")
	}
	Eventually(isRefused, eventually).Should(BeTrue())
	return func() {
		remove(ctx, binding)
		remove(ctx, policy)
		Eventually(isRefused, eventually).Should(BeFalse())
		remove(ctx, probe)
	}
}

// reconcileAgain sets a label of a credential, and waits until the operator has tried to mint a token again.
func reconcileAgain(ctx context.Context, name, label string) {
	GinkgoHelper()
	before := len(written.In(namespace))
	patch(ctx, get(ctx, name), `{"metadata":{"labels":{"again":"`+label+`"}}}`)
	Eventually(func() int { return len(written.In(namespace)) }, eventually).Should(BeNumerically(">", before))
}

func get(ctx context.Context, name string) *v1alpha1.SCIMCredential {
	GinkgoHelper()
	c := &v1alpha1.SCIMCredential{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, c)).To(Succeed())
	return c
}

// secrets returns the Secrets of the operator's type in the namespace, by name.
func secrets(ctx context.Context) map[string]corev1.Secret {
	GinkgoHelper()
	var list corev1.SecretList
	Expect(admin.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	found := map[string]corev1.Secret{}
	for _, s := range list.Items {
		if s.Type == v1alpha1.SecretTypeSCIMCredential {
			found[s.Name] = s
		}
	}
	return found
}

// secretOf returns the Secret that the status of a credential names.
func secretOf(ctx context.Context, name string) *corev1.Secret {
	GinkgoHelper()
	s := &corev1.Secret{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: get(ctx, name).Status.SecretName}, s)).To(Succeed())
	return s
}

// patch merges into a credential or a Secret, as kubectl patch does.
func patch(ctx context.Context, o client.Object, merge string) {
	GinkgoHelper()
	Expect(admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(merge)))).To(Succeed())
}

// status merges into the status of a credential.
func status(ctx context.Context, c *v1alpha1.SCIMCredential, merge string) {
	GinkgoHelper()
	Expect(admin.Status().Patch(ctx, c, client.RawPatch(types.MergePatchType, []byte(merge)))).To(Succeed())
}

func remove(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(admin.Delete(ctx, o)).To(Succeed())
}

// readyReason returns the reason of Ready for the credential's present generation; "" if there is none yet.
func readyReason(ctx context.Context, name string) string {
	c := &v1alpha1.SCIMCredential{}
	if err := admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, c); err != nil {
		return err.Error()
	}
	ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.ObservedGeneration != c.Generation {
		return ""
	}
	return ready.Reason
}

func expectReason(ctx context.Context, name, reason string) {
	GinkgoHelper()
	Eventually(readyReason, eventually).WithContext(ctx).WithArguments(name).Should(Equal(reason))
}

func readyMessage(ctx context.Context, name string) string {
	GinkgoHelper()
	return meta.FindStatusCondition(get(ctx, name).Status.Conditions, v1alpha1.ConditionReady).Message
}

// handedOut waits until a credential is ready and returns its token.
func handedOut(ctx context.Context, name string) string {
	GinkgoHelper()
	expectReason(ctx, name, v1alpha1.ReasonReady)
	token := string(secretOf(ctx, name).Data[v1alpha1.SecretKeyToken])
	Expect(token).NotTo(BeEmpty())
	return record(token)
}

// refusal returns why a token is refused now; "" if it is accepted.
func refusal(token string) auth.Reason {
	_, err := authenticator.Authenticate([]string{"Bearer " + token}, "192.0.2.1")
	var refused *auth.Error
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return ""
}

func expectAccepted(token string) {
	GinkgoHelper()
	Eventually(refusal, eventually, time.Millisecond).WithArguments(token).Should(BeEmpty())
}

func expectRefused(token string, reason auth.Reason) {
	GinkgoHelper()
	Eventually(refusal, atOnce, time.Millisecond).WithArguments(token).Should(Equal(reason))
}

// events returns the reasons of the Events on a credential.
func events(ctx context.Context, name string) []string {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(admin.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	var reasons []string
	for i := range list.Items {
		if list.Items[i].Regarding.Name == name && list.Items[i].Regarding.Kind == "SCIMCredential" {
			reasons = append(reasons, list.Items[i].Reason)
		}
	}
	return reasons
}

func expectEvent(ctx context.Context, name, reason string) {
	GinkgoHelper()
	Eventually(events, eventually).WithContext(ctx).WithArguments(name).Should(ContainElement(reason))
}
