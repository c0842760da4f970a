package credential_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

var _ = Describe("A credential", func() {
	It("gets a token that is accepted for a year", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		Expect(auth.Minted(token)).To(BeTrue(), "secret scanners know it by its form")
		expectAccepted(token)

		secret := secretOf(ctx, "okta")
		Expect(secret.Type).To(BeEquivalentTo(v1alpha1.SecretTypeSCIMCredential))
		Expect(secret.Labels).To(HaveKeyWithValue(v1alpha1.LabelCredential, "okta"))
		Expect(secret.Data).To(HaveKeyWithValue(v1alpha1.SecretKeyTokenHash, []byte(auth.HashToken(token).String())))
		Expect(secret.Data).To(HaveKeyWithValue(v1alpha1.SecretKeyEndpoint, []byte(endpoint)))

		c = get(ctx, c.Name)
		Expect(c.Status.SecretName).To(Equal("okta"))
		Expect(c.Status.ExpiresAt.Time).To(BeTemporally("==", c.CreationTimestamp.AddDate(1, 0, 0)))
		Expect(meta.IsStatusConditionFalse(c.Status.Conditions, v1alpha1.ConditionExpiring)).To(BeTrue())
		expectEvent(ctx, "okta", "Minted")

		p, err := authenticator.Authenticate("Bearer "+token, "192.0.2.1")
		Expect(err).NotTo(HaveOccurred())
		Expect(p).To(Equal(auth.Principal{Namespace: namespace, Credential: "okta"}))
	})

	It("still authenticates after the token has been removed from the Secret", func(ctx SpecContext) {
		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		patch(ctx, &corev1.Secret{ObjectMeta: object("okta")}, `{"data":{"token":null}}`)
		Eventually(func() map[string][]byte { return secretOf(ctx, "okta").Data }, eventually).ShouldNot(HaveKey(v1alpha1.SecretKeyToken))
		Consistently(refusal, time.Second, 10*time.Millisecond).WithArguments(token).Should(BeEmpty())
		Expect(readyReason(ctx, "okta")).To(Equal(v1alpha1.ReasonReady))
		Expect(secretOf(ctx, "okta").Data).NotTo(HaveKey(v1alpha1.SecretKeyToken))
	})

	It("is refused at once when its Secret is deleted, and gets a new token", func(ctx SpecContext) {
		declare(ctx, "okta")
		old := handedOut(ctx, "okta")
		expectAccepted(old)
		remove(ctx, secretOf(ctx, "okta"))
		expectRefused(old, auth.ReasonUnknown)
		Eventually(func() *corev1.Secret { return secretOf(ctx, "okta") }, eventually).ShouldNot(BeNil())
		token := handedOut(ctx, "okta")
		Expect(token).NotTo(Equal(old))
		expectAccepted(token)
		Expect(refusal(old)).To(Equal(auth.ReasonUnknown))
	})

	It("is refused at once while it is disabled, and keeps its token", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		expectAccepted(token)
		patch(ctx, c, `{"spec":{"disabled":true}}`)
		expectRefused(token, auth.ReasonDisabled)
		expectReason(ctx, "okta", v1alpha1.ReasonDisabledCredential)
		expectEvent(ctx, "okta", "Disabled")
		patch(ctx, c, `{"spec":{"disabled":false}}`)
		expectAccepted(token)
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectEvent(ctx, "okta", "Enabled")
	})

	It("expires at its time, without a change of the object", func(ctx SpecContext) {
		c := declare(ctx, "okta", ending(5*time.Second))
		token := handedOut(ctx, "okta")
		expectAccepted(token)
		Expect(meta.IsStatusConditionTrue(get(ctx, "okta").Status.Conditions, v1alpha1.ConditionExpiring)).To(BeTrue())
		expectEvent(ctx, "okta", "Expiring")
		expectReason(ctx, "okta", v1alpha1.ReasonExpired)
		ended := meta.FindStatusCondition(get(ctx, "okta").Status.Conditions, v1alpha1.ConditionReady).LastTransitionTime
		Expect(ended.Time).To(BeTemporally("~", c.Spec.ExpiresAt.Time, time.Second))
		Expect(refusal(token)).To(Equal(auth.ReasonExpired))
		expectEvent(ctx, "okta", "Expired")

		By("extending it")
		patch(ctx, c, `{"spec":{"expiresAt":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}}`)
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
	})

	It("warns from 90 days before it expires", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		Expect(events(ctx, "okta")).NotTo(ContainElement("Expiring"))
		clock.Set(time.Until(c.CreationTimestamp.AddDate(1, 0, 0).Add(-90 * 24 * time.Hour)))
		patch(ctx, c, `{"metadata":{"annotations":{"touched":"now"}}}`)
		Eventually(func() bool {
			return meta.IsStatusConditionTrue(get(ctx, "okta").Status.Conditions, v1alpha1.ConditionExpiring)
		}, eventually).Should(BeTrue())
		expectEvent(ctx, "okta", "Expiring")
		Expect(readyReason(ctx, "okta")).To(Equal(v1alpha1.ReasonReady))
		expectAccepted(token)
	})

	It("gets no token if it has expired before it is created", func(ctx SpecContext) {
		declare(ctx, "okta", ending(-time.Hour))
		expectReason(ctx, "okta", v1alpha1.ReasonExpired)
		Expect(secretOf(ctx, "okta")).To(BeNil())
	})

	It("may have the longest possible name", func(ctx SpecContext) {
		name := strings.Repeat("a", 62) + "." + strings.Repeat("b", 190)
		c := declare(ctx, name)
		expectAccepted(handedOut(ctx, name))
		remove(ctx, c)
		Eventually(func() *corev1.Secret { return secretOf(ctx, name) }, eventually).Should(BeNil())
	})
})

var _ = Describe("Deleting a credential", func() {
	It("deletes the minted Secret and refuses the token at once, also after the credential is created again", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		old := handedOut(ctx, "okta")
		expectAccepted(old)
		remove(ctx, c)
		Eventually(refusal, atOnce, time.Millisecond).WithArguments(old).ShouldNot(BeEmpty())
		Eventually(func() *corev1.Secret { return secretOf(ctx, "okta") }, eventually).Should(BeNil())
		Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(c), c) }, eventually).ShouldNot(Succeed())

		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		Expect(token).NotTo(Equal(old))
		expectAccepted(token)
		Expect(refusal(old)).To(Equal(auth.ReasonUnknown))
	})

	It("leaves an external Secret", func(ctx SpecContext) {
		token := externalToken()
		secret := createSecret(ctx, "okta", map[string]string{"token": token})
		c := declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
		remove(ctx, c)
		Eventually(refusal, atOnce, time.Millisecond).WithArguments(token).ShouldNot(BeEmpty())
		Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(c), c) }, eventually).ShouldNot(Succeed())
		Expect(secretOf(ctx, "okta")).To(HaveField("UID", secret.UID))
	})

	It("mints nothing in a namespace that is being deleted", func(ctx SpecContext) {
		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		remove(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		remove(ctx, secretOf(ctx, "okta"))
		expectRefused(token, auth.ReasonUnknown)
		expectReason(ctx, "okta", v1alpha1.ReasonSecretInvalid)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("the namespace is being deleted"))
		Expect(secretOf(ctx, "okta")).To(BeNil())
	})

	It("mints nothing for a credential that is being deleted, and deletes a Secret that was minted before", func(ctx SpecContext) {
		c := declare(ctx, "okta", func(c *v1alpha1.SCIMCredential) { c.Finalizers = []string{"example.com/held"} })
		token := handedOut(ctx, "okta")
		remove(ctx, c)
		Eventually(func() *corev1.Secret { return secretOf(ctx, "okta") }, eventually).Should(BeNil())
		expectRefused(token, auth.ReasonUnknown)
		patch(ctx, c, `{"metadata":{"annotations":{"touched":"now"}}}`)
		Consistently(func() *corev1.Secret { return secretOf(ctx, "okta") }, time.Second).Should(BeNil())
		patch(ctx, c, `{"metadata":{"finalizers":null}}`)
	})
})

var _ = Describe("An external Secret", func() {
	It("is used as it is, and gets the hash, so that the token can be removed", func(ctx SpecContext) {
		token := externalToken()
		createSecret(ctx, "okta", map[string]string{"token": token + "\n"})
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
		Expect(secretOf(ctx, "okta").Data).To(Equal(map[string][]byte{
			v1alpha1.SecretKeyToken:     []byte(token + "\n"),
			v1alpha1.SecretKeyTokenHash: []byte(auth.HashToken(token).String()),
			v1alpha1.SecretKeyEndpoint:  []byte(endpoint),
		}))
		Expect(get(ctx, "okta").Finalizers).To(BeEmpty())

		patch(ctx, &corev1.Secret{ObjectMeta: object("okta")}, `{"data":{"token":null}}`)
		Consistently(refusal, time.Second, 10*time.Millisecond).WithArguments(token).Should(BeEmpty())
	})

	It("may have only the hash", func(ctx SpecContext) {
		token := externalToken()
		createSecret(ctx, "okta", map[string]string{"tokenHash": auth.HashToken(token).String()})
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
	})

	It("may be immutable", func(ctx SpecContext) {
		token := externalToken()
		yes := true
		Expect(admin.Create(ctx, &corev1.Secret{
			ObjectMeta: object("okta"), Type: v1alpha1.SecretTypeSCIMCredential, Immutable: &yes,
			StringData: map[string]string{"token": token},
		})).To(Succeed())
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
	})

	It("authenticates only with the new token after its token is replaced", func(ctx SpecContext) {
		old, token := externalToken(), externalToken()
		createSecret(ctx, "okta", map[string]string{"token": old})
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(old)
		patch(ctx, &corev1.Secret{ObjectMeta: object("okta")}, `{"stringData":{"token":"`+token+`"}}`)
		expectAccepted(token)
		Expect(refusal(old)).To(Equal(auth.ReasonUnknown))
		Eventually(func() []byte { return secretOf(ctx, "okta").Data[v1alpha1.SecretKeyTokenHash] }, eventually).
			Should(BeEquivalentTo(auth.HashToken(token).String()))
	})

	It("is refused when its token is short, and nothing is minted over it", func(ctx SpecContext) {
		secret := createSecret(ctx, "okta", map[string]string{"token": "short"})
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonSecretInvalid)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("has 5 bytes"))
		expectEvent(ctx, "okta", "SecretInvalid")
		Expect(refusal("short")).To(Equal(auth.ReasonUnknown))
		Expect(secretOf(ctx, "okta").ResourceVersion).To(Equal(secret.ResourceVersion))

		By("correcting it")
		token := externalToken()
		patch(ctx, secret, `{"stringData":{"token":"`+token+`"}}`)
		expectAccepted(token)
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
	})

	It("is never changed if it has another type", func(ctx SpecContext) {
		token := externalToken()
		secret := createSecretOfType(ctx, "okta", corev1.SecretTypeOpaque, map[string]string{"token": token})
		c := declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonSecretConflict)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("Opaque"))
		expectEvent(ctx, "okta", "SecretConflict")
		Expect(refusal(token)).To(Equal(auth.ReasonUnknown))
		remove(ctx, c)
		Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(c), c) }, eventually).ShouldNot(Succeed())
		Expect(secretOf(ctx, "okta").ResourceVersion).To(Equal(secret.ResourceVersion))
	})
})

var _ = Describe("The quota", func() {
	It("permits two; a third gets no token until one is deleted", func(ctx SpecContext) {
		first := declare(ctx, "one", disabled)
		declare(ctx, "two")
		expectReason(ctx, "one", v1alpha1.ReasonDisabledCredential)
		two := handedOut(ctx, "two")
		declare(ctx, "aaa-three")
		expectReason(ctx, "aaa-three", v1alpha1.ReasonQuotaExceeded)
		expectEvent(ctx, "aaa-three", "QuotaExceeded")
		Expect(readyMessage(ctx, "aaa-three")).To(ContainSubstring("one and two"))
		Expect(secretOf(ctx, "aaa-three")).To(BeNil())
		expectAccepted(two)

		remove(ctx, first)
		expectAccepted(handedOut(ctx, "aaa-three"))
		Expect(refusal(two)).To(BeEmpty())
	})

	It("applies to a credential with an external token too", func(ctx SpecContext) {
		declare(ctx, "one")
		declare(ctx, "two")
		expectReason(ctx, "one", v1alpha1.ReasonReady)
		expectReason(ctx, "two", v1alpha1.ReasonReady)
		token := externalToken()
		createSecret(ctx, "three", map[string]string{"token": token})
		declare(ctx, "three")
		expectReason(ctx, "three", v1alpha1.ReasonQuotaExceeded)
		expectRefused(token, auth.ReasonQuota)
	})

	It("is never exceeded by credentials that are created at the same time", func(ctx SpecContext) {
		names := []string{"e", "d", "c", "b", "a"}
		for _, name := range names {
			declare(ctx, name)
		}
		holders := func() (holders, waiting int) {
			for _, name := range names {
				switch readyReason(ctx, name) {
				case v1alpha1.ReasonReady:
					holders++
				case v1alpha1.ReasonQuotaExceeded:
					waiting++
				}
			}
			return holders, waiting
		}
		Eventually(func() int { h, w := holders(); return h + w }, eventually).Should(Equal(len(names)))
		h, _ := holders()
		Expect(h).To(Equal(v1alpha1.MaxCredentials))
	})

	It("permits a rotation without a gap", func(ctx SpecContext) {
		old := declare(ctx, "okta-2026")
		before := handedOut(ctx, "okta-2026")
		declare(ctx, "okta-2027")
		after := handedOut(ctx, "okta-2027")
		expectAccepted(before)
		expectAccepted(after)
		remove(ctx, old)
		Eventually(refusal, atOnce, time.Millisecond).WithArguments(before).ShouldNot(BeEmpty())
		Expect(refusal(after)).To(BeEmpty())
		expectAccepted(handedOut(ctx, "okta-2027"))
	})
})

var _ = Describe("One token in two credentials", func() {
	It("is refused until one of them is deleted", func(ctx SpecContext) {
		token := externalToken()
		createSecret(ctx, "okta", map[string]string{"token": token})
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)

		home := namespace
		namespace = newNamespace(ctx)
		createSecret(ctx, "thief", map[string]string{"tokenHash": auth.HashToken(token).String()})
		thief := declare(ctx, "thief")
		expectRefused(token, auth.ReasonConflict)
		expectReason(ctx, "thief", v1alpha1.ReasonTokenConflict)
		Expect(readyMessage(ctx, "thief")).NotTo(ContainSubstring(home), "another tenant's names must not be shown")
		expectEvent(ctx, "thief", "TokenConflict")
		away := namespace
		namespace = home
		expectReason(ctx, "okta", v1alpha1.ReasonTokenConflict)
		Expect(readyMessage(ctx, "okta")).NotTo(ContainSubstring(away))

		remove(ctx, thief)
		expectAccepted(token)
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
	})

	It("is resolved by deleting one Secret", func(ctx SpecContext) {
		token := externalToken()
		createSecret(ctx, "a", map[string]string{"token": token})
		createSecret(ctx, "b", map[string]string{"token": token})
		declare(ctx, "a")
		declare(ctx, "b")
		expectReason(ctx, "a", v1alpha1.ReasonTokenConflict)
		expectReason(ctx, "b", v1alpha1.ReasonTokenConflict)
		Expect(readyMessage(ctx, "a")).To(ContainSubstring("SCIMCredential b"))
		Expect(refusal(token)).To(Equal(auth.ReasonConflict))
		remove(ctx, secretOf(ctx, "b"))
		expectAccepted(token)
		expectReason(ctx, "a", v1alpha1.ReasonReady)
		expectReason(ctx, "b", v1alpha1.ReasonReady)
		expectAccepted(handedOut(ctx, "b"))
	})
})

var _ = Describe("The controller", func() {
	It("writes nothing when nothing has changed", func(ctx SpecContext) {
		names := []string{"minted", "external", "third"}
		createSecret(ctx, "external", map[string]string{"token": externalToken()})
		for _, name := range names {
			declare(ctx, name)
			Eventually(readyReason, eventually).WithContext(ctx).WithArguments(name).ShouldNot(BeEmpty())
		}
		before := written.In(namespace)
		seen := map[string]string{}
		for _, name := range names {
			c := &v1alpha1.SCIMCredential{ObjectMeta: object(name)}
			patch(ctx, c, `{"metadata":{"annotations":{"touched":"now"}}}`)
			seen[name] = c.ResourceVersion
		}
		Consistently(func() []string { return written.In(namespace) }, time.Second).Should(Equal(before))
		for _, name := range names {
			Expect(get(ctx, name).ResourceVersion).To(Equal(seen[name]))
		}
	})

	It("mints with three writes: the finalizer, the Secret, the status", func(ctx SpecContext) {
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		Consistently(func() []string { return written.In(namespace) }, time.Second).Should(HaveLen(3))
	})

	It("does not change lastUsedTime", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		used := metav1.NewTime(time.Now().Truncate(time.Second))
		merge := `{"status":{"lastUsedTime":"` + used.UTC().Format(time.RFC3339) + `"}}`
		Expect(admin.Status().Patch(ctx, c, client.RawPatch(types.MergePatchType, []byte(merge)))).To(Succeed())
		patch(ctx, c, `{"spec":{"disabled":true}}`)
		expectReason(ctx, "okta", v1alpha1.ReasonDisabledCredential)
		Expect(get(ctx, "okta").Status.LastUsedTime.Time).To(BeTemporally("==", used.Time))
	})

	It("keeps the endpoint in the Secret current", func(ctx SpecContext) {
		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		patch(ctx, &corev1.Secret{ObjectMeta: object("okta")}, `{"stringData":{"endpoint":"https://old.example.com"}}`)
		Eventually(func() []byte { return secretOf(ctx, "okta").Data[v1alpha1.SecretKeyEndpoint] }, eventually).
			Should(BeEquivalentTo(endpoint))
		Expect(secretOf(ctx, "okta").Data).To(HaveKeyWithValue(v1alpha1.SecretKeyToken, []byte(token)))
	})
})
