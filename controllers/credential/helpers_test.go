package credential_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// externalToken returns a token that an administrator supplies.
func externalToken() string {
	return record(fmt.Sprintf("external-token-%s-%d", namespace, len(tokens)))
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

func createSecretOfType(ctx context.Context, name string, kind corev1.SecretType, data map[string]string) *corev1.Secret {
	GinkgoHelper()
	s := &corev1.Secret{ObjectMeta: object(name), Type: kind, StringData: data}
	Expect(admin.Create(ctx, s)).To(Succeed())
	return s
}

func createSecret(ctx context.Context, name string, data map[string]string) *corev1.Secret {
	GinkgoHelper()
	return createSecretOfType(ctx, name, v1alpha1.SecretTypeSCIMCredential, data)
}

func get(ctx context.Context, name string) *v1alpha1.SCIMCredential {
	GinkgoHelper()
	c := &v1alpha1.SCIMCredential{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, c)).To(Succeed())
	return c
}

// secretOf returns the Secret of a credential, nil if there is none.
func secretOf(ctx context.Context, name string) *corev1.Secret {
	GinkgoHelper()
	s := &corev1.Secret{}
	err := admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	Expect(err).NotTo(HaveOccurred())
	return s
}

// patch merges into a credential or a Secret, as kubectl patch does.
func patch(ctx context.Context, o client.Object, merge string) {
	GinkgoHelper()
	Expect(admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(merge)))).To(Succeed())
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
	_, err := authenticator.Authenticate("Bearer "+token, "192.0.2.1")
	var refused *auth.Error
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return ""
}

func expectAccepted(token string) {
	GinkgoHelper()
	Eventually(refusal, atOnce, time.Millisecond).WithArguments(token).Should(BeEmpty())
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
