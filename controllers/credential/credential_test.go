package credential_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

var _ = Describe("A credential without a hash", func() {
	It("gets a token that is accepted for a year", func(ctx SpecContext) {
		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		named, ok := auth.ParseToken(token)
		Expect(ok).To(BeTrue())
		Expect(named).To(Equal(namespace))
		expectAccepted(token)

		hash := auth.HashToken(token)
		c := get(ctx, "okta")
		Expect(c.Spec.TokenHash).To(Equal(hash.String()))
		Expect(c.Spec.ExpiresAt.Time).To(BeTemporally("==", c.CreationTimestamp.AddDate(1, 0, 0)))
		Expect(c.Status.TokenSource).To(Equal(v1alpha1.TokenMinted))
		Expect(c.Status.Fingerprint).To(Equal(hash.Fingerprint()))
		Expect(c.Status.SecretName).To(Equal("okta-" + hash.Fingerprint()))
		Expect(c.Finalizers).To(BeEmpty())
		Expect(meta.IsStatusConditionFalse(c.Status.Conditions, v1alpha1.ConditionExpiring)).To(BeTrue())
		expectEvent(ctx, "okta", "Minted")

		secret := secretOf(ctx, "okta")
		Expect(secret.Type).To(BeEquivalentTo(v1alpha1.SecretTypeSCIMCredential))
		Expect(secret.Data).To(Equal(map[string][]byte{
			v1alpha1.SecretKeyToken: []byte(token), v1alpha1.SecretKeyEndpoint: []byte(endpoint),
		}))
		Expect(secret.OwnerReferences).To(ConsistOf(metav1.OwnerReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "SCIMCredential", Name: "okta", UID: c.UID,
		}))

		p, err := authenticator.Authenticate([]string{"Bearer " + token}, "192.0.2.1")
		Expect(err).NotTo(HaveOccurred())
		Expect(p).To(Equal(auth.Principal{Namespace: namespace, Credential: "okta"}))
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
		c := declare(ctx, "okta", ending(10*time.Second)) // minting takes some of that on a busy machine
		token := handedOut(ctx, "okta")
		expectAccepted(token)
		Expect(meta.IsStatusConditionTrue(get(ctx, "okta").Status.Conditions, v1alpha1.ConditionExpiring)).To(BeTrue())
		expectEvent(ctx, "okta", "Expiring")
		expectReason(ctx, "okta", v1alpha1.ReasonExpired)
		conditions := get(ctx, "okta").Status.Conditions
		Expect(meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady)).To(BeTrue(), "the spec says when it expires")
		Expect(meta.FindStatusCondition(conditions, v1alpha1.ConditionExpiring).Reason).To(Equal(v1alpha1.ReasonExpired))
		Expect(meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionUsable)).To(BeTrue())
		ended := meta.FindStatusCondition(conditions, v1alpha1.ConditionUsable).LastTransitionTime
		Expect(ended.Time).To(BeTemporally(">=", c.Spec.ExpiresAt.Time))
		Expect(ended.Time).To(BeTemporally("<=", c.Spec.ExpiresAt.Add(5*time.Second)))
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
		patch(ctx, c, `{"spec":{"description":"reconciled again"}}`)
		Eventually(func() bool {
			return meta.IsStatusConditionTrue(get(ctx, "okta").Status.Conditions, v1alpha1.ConditionExpiring)
		}, eventually).Should(BeTrue())
		expectEvent(ctx, "okta", "Expiring")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
	})

	It("gets no token if it has expired, and gets one when it is extended", func(ctx SpecContext) {
		c := declare(ctx, "okta", ending(-time.Hour))
		expectReason(ctx, "okta", v1alpha1.ReasonExpired)
		Expect(secrets(ctx)).To(BeEmpty())
		patch(ctx, c, `{"spec":{"expiresAt":null}}`)
		expectAccepted(handedOut(ctx, "okta"))
	})

	It("is refused at once from a network that it does not allow", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		expectAccepted(token)
		patch(ctx, c, `{"spec":{"allowedNetworks":["203.0.113.0/24"]}}`)
		expectRefused(token, auth.ReasonNetwork)
		_, err := authenticator.Authenticate([]string{"Bearer " + token}, "203.0.113.7:4711")
		Expect(err).NotTo(HaveOccurred())
		patch(ctx, c, `{"spec":{"allowedNetworks":["203.0.113.0/24","192.0.2.1/32"]}}`)
		expectAccepted(token)
		patch(ctx, c, `{"spec":{"allowedNetworks":null}}`)
		expectAccepted(token)
	})

	It("gets no token while it is disabled", func(ctx SpecContext) {
		c := declare(ctx, "okta", disabled)
		expectReason(ctx, "okta", v1alpha1.ReasonDisabledCredential)
		Expect(secrets(ctx)).To(BeEmpty())
		Expect(get(ctx, "okta").Status.TokenSource).To(BeEmpty())
		patch(ctx, c, `{"spec":{"disabled":false}}`)
		expectAccepted(handedOut(ctx, "okta"))
	})

	It("may have the longest possible name", func(ctx SpecContext) {
		for _, name := range []string{strings.Repeat("a", 62) + "." + strings.Repeat("b", 190), strings.Repeat("a", 243) + "." + strings.Repeat("b", 9)} {
			declare(ctx, name)
			expectAccepted(handedOut(ctx, name))
		}
	})

	It("says why, if the API server refuses its Secret", func(ctx SpecContext) {
		forbidSecrets(ctx)
		c := declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonSecretRefused)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("forbidden"))
		Expect(get(ctx, "okta").Status.SecretName).To(BeEmpty())
		expectEvent(ctx, "okta", "SecretRefused")
		expectNothingChanges(ctx, "okta")

		By("declaring a hash instead")
		token := newToken()
		patch(ctx, c, `{"spec":{"tokenHash":"`+auth.HashToken(token).String()+`"}}`)
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
	})
})

var _ = Describe("A policy of the cluster that refuses a field of the spec", func() {
	It("is shown by one condition if it refuses spec.tokenHash, and no Secret is left over", func(ctx SpecContext) {
		allow := forbidField(ctx, "tokenHash", `"`+auth.HashToken("probe").String()+`"`)
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonSecretRefused)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("not allowed: <hash>"))
		expectEvent(ctx, "okta", "SecretRefused")
		expectNothingChanges(ctx, "okta")
		Expect(secrets(ctx)).To(BeEmpty())

		allow()
		reconcileAgain(ctx, "okta", "allowed")
		expectAccepted(handedOut(ctx, "okta"))
		Expect(secrets(ctx)).To(HaveLen(1))
	})

	It("is shown by one condition if it refuses spec.expiresAt", func(ctx SpecContext) {
		allow := forbidField(ctx, "expiresAt", "null")
		token := newToken()
		declare(ctx, "okta", declaring(token))
		expectReason(ctx, "okta", v1alpha1.ReasonSecretRefused)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("not allowed"))
		Expect(meta.IsStatusConditionTrue(get(ctx, "okta").Status.Conditions, v1alpha1.ConditionExpiring)).To(BeFalse())
		expectNothingChanges(ctx, "okta")

		allow()
		reconcileAgain(ctx, "okta", "allowed")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
	})
})

// expectNothingChanges checks that two more attempts to mint a token leave the status as it is.
func expectNothingChanges(ctx context.Context, name string) {
	GinkgoHelper()
	before := get(ctx, name).Status
	reconcileAgain(ctx, name, "1")
	reconcileAgain(ctx, name, "2")
	Consistently(func() v1alpha1.SCIMCredentialStatus { return get(ctx, name).Status }, time.Second).Should(Equal(before))
}

var _ = Describe("A credential with a hash", func() {
	It("accepts the token of the hash, for a year, and no Secret is created", func(ctx SpecContext) {
		token := newToken()
		declare(ctx, "okta", declaring(token))
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
		c := get(ctx, "okta")
		Expect(c.Status.TokenSource).To(Equal(v1alpha1.TokenDeclared))
		Expect(c.Status.Fingerprint).To(Equal(auth.HashToken(token).Fingerprint()))
		Expect(c.Status.SecretName).To(BeEmpty())
		Expect(c.Spec.ExpiresAt.Time).To(BeTemporally("==", c.CreationTimestamp.AddDate(1, 0, 0)))
		Expect(secrets(ctx)).To(BeEmpty())
	})

	It("keeps the time at which it expires", func(ctx SpecContext) {
		c := declare(ctx, "okta", declaring(newToken()), ending(time.Hour))
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		Expect(get(ctx, "okta").Spec.ExpiresAt.Time).To(BeTemporally("==", c.Spec.ExpiresAt.Time))
	})

	It("accepts no token of the same hash in another namespace", func(ctx SpecContext) {
		token := newToken()
		declare(ctx, "okta", declaring(token))
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		home := namespace
		namespace = newNamespace(ctx)
		declare(ctx, "copy", declaring(token))
		expectReason(ctx, "copy", v1alpha1.ReasonReady)
		renamed := strings.Replace(token, home, namespace, 1)
		Consistently(refusal, time.Second, 10*time.Millisecond).WithArguments(renamed).Should(Equal(auth.ReasonMistyped))
		p, err := authenticator.Authenticate([]string{"Bearer " + token}, "192.0.2.1")
		Expect(err).NotTo(HaveOccurred())
		Expect(p).To(Equal(auth.Principal{Namespace: home, Credential: "okta"}))
		namespace = home
		Expect(readyReason(ctx, "okta")).To(Equal(v1alpha1.ReasonReady))
	})
})

// Whatever happens to Secrets, the same tokens are accepted as before, and the operator writes nothing.
var _ = Describe("The right to write Secrets", func() {
	It("gives no token of one's own to a credential that is declared later", func(ctx SpecContext) {
		fixed := newToken()
		createSecret(ctx, "okta", fixed)
		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		Expect(token).NotTo(Equal(fixed))
		expectAccepted(token)
		Expect(refusal(fixed)).To(Equal(auth.ReasonUnknown))
		Expect(string(secrets(ctx)["okta"].Data[v1alpha1.SecretKeyToken])).To(Equal(fixed), "the operator leaves it")
	})

	It("does not change which token of a credential is accepted", func(ctx SpecContext) {
		declare(ctx, "okta")
		token, own := handedOut(ctx, "okta"), newToken()
		secret := secretOf(ctx, "okta")
		before := written.In(namespace)
		patch(ctx, secret, `{"stringData":{"token":"`+own+`","tokenHash":"`+auth.HashToken(own).String()+`"}}`)
		createSecret(ctx, "okta", own)
		remove(ctx, secret)
		createSecret(ctx, secret.Name, own)
		Consistently(func() []auth.Reason { return []auth.Reason{refusal(token), refusal(own)} }, time.Second, 10*time.Millisecond).
			Should(Equal([]auth.Reason{"", auth.ReasonUnknown}))
		Expect(readyReason(ctx, "okta")).To(Equal(v1alpha1.ReasonReady))
		Expect(written.In(namespace)).To(Equal(before))
	})
})

var _ = Describe("An interrupted mint", func() {
	It("leaves a Secret whose token is not accepted, and another token is minted", func(ctx SpecContext) {
		fault.before.Store(true)
		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		expectAccepted(token)
		Expect(fault.before.Load()).To(BeFalse())
		all := secrets(ctx)
		Expect(all).To(HaveLen(2))
		for name, secret := range all {
			if name == get(ctx, "okta").Status.SecretName {
				continue
			}
			orphan := record(string(secret.Data[v1alpha1.SecretKeyToken]))
			Expect(orphan).NotTo(Equal(token))
			Expect(refusal(orphan)).To(Equal(auth.ReasonUnknown))
		}

		remove(ctx, get(ctx, "okta"))
		Eventually(secrets, collected).WithContext(ctx).Should(BeEmpty(), "the garbage collector deletes both")
	})

	It("is known as minted, if the hash was written and the answer was lost", func(ctx SpecContext) {
		fault.after.Store(true)
		declare(ctx, "okta")
		expectAccepted(handedOut(ctx, "okta"))
		Expect(fault.after.Load()).To(BeFalse())
		Expect(get(ctx, "okta").Status.TokenSource).To(Equal(v1alpha1.TokenMinted))
		Expect(secrets(ctx)).To(HaveLen(1))
	})
})

var _ = Describe("Deleting a credential", func() {
	It("deletes the Secret and refuses the token at once, also after the credential is created again", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		old := handedOut(ctx, "okta")
		expectAccepted(old)
		remove(ctx, c)
		Eventually(refusal, atOnce, time.Millisecond).WithArguments(old).ShouldNot(BeEmpty())
		Eventually(secrets, collected).WithContext(ctx).Should(BeEmpty())

		declare(ctx, "okta")
		token := handedOut(ctx, "okta")
		Expect(token).NotTo(Equal(old))
		expectAccepted(token)
		Expect(refusal(old)).To(Equal(auth.ReasonUnknown))
	})

	It("mints nothing in a namespace that is being deleted", func(ctx SpecContext) {
		c := declare(ctx, "okta", disabled)
		expectReason(ctx, "okta", v1alpha1.ReasonDisabledCredential)
		remove(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		patch(ctx, c, `{"spec":{"disabled":false}}`)
		expectReason(ctx, "okta", v1alpha1.ReasonSecretRefused)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("because it is being terminated"))
		Expect(secrets(ctx)).To(BeEmpty())
	})

	It("mints nothing for a credential that is being deleted", func(ctx SpecContext) {
		c := declare(ctx, "okta", disabled, func(c *v1alpha1.SCIMCredential) { c.Finalizers = []string{"example.com/held"} })
		expectReason(ctx, "okta", v1alpha1.ReasonDisabledCredential)
		remove(ctx, c)
		patch(ctx, c, `{"spec":{"disabled":false}}`)
		Consistently(secrets, time.Second).WithContext(ctx).Should(BeEmpty())
		Expect(get(ctx, "okta").Spec.TokenHash).To(BeEmpty())
		patch(ctx, c, `{"metadata":{"finalizers":null}}`)
	})
})

// An earlier version kept the hash in a Secret of the credential's name, and held the deletion of the credential until it
// had deleted that Secret.
var _ = Describe("A credential of the old layout", func() {
	It("says what to do, gets no token, and can be deleted", func(ctx SpecContext) {
		old := newToken()
		createSecret(ctx, "okta", old)
		c := declare(ctx, "okta", disabled, func(c *v1alpha1.SCIMCredential) { c.Finalizers = []string{v1alpha1.FinalizerToken} })
		expectReason(ctx, "okta", v1alpha1.ReasonDisabledCredential)
		status(ctx, c, `{"status":{"secretName":"okta"}}`)
		patch(ctx, c, `{"spec":{"disabled":false}}`)
		expectReason(ctx, "okta", v1alpha1.ReasonOldLayout)
		Expect(readyMessage(ctx, "okta")).To(And(ContainSubstring("delete this credential and that Secret"), ContainSubstring(namespace+"/okta")))
		expectEvent(ctx, "okta", "OldLayout")
		Expect(refusal(old)).To(Equal(auth.ReasonUnknown))
		patch(ctx, c, `{"spec":{"description":"reconciled again"}}`)
		expectReason(ctx, "okta", v1alpha1.ReasonOldLayout)
		Expect(secrets(ctx)).To(HaveLen(1))

		remove(ctx, c)
		Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(c), c) }, eventually).ShouldNot(Succeed())
		declare(ctx, "okta")
		expectAccepted(handedOut(ctx, "okta"))
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
		Expect(secrets(ctx)).To(HaveLen(1))
		expectAccepted(two)

		remove(ctx, first)
		expectAccepted(handedOut(ctx, "aaa-three"))
		Expect(refusal(two)).To(BeEmpty())
	})

	It("gives a free slot to a credential with a token, before an older one without", func(ctx SpecContext) {
		first := declare(ctx, "one")
		declare(ctx, "two")
		handedOut(ctx, "one")
		handedOut(ctx, "two")
		declare(ctx, "older")
		expectReason(ctx, "older", v1alpha1.ReasonQuotaExceeded)
		token := newToken()
		declare(ctx, "younger", declaring(token))
		expectReason(ctx, "younger", v1alpha1.ReasonQuotaExceeded)
		expectRefused(token, auth.ReasonQuota)

		remove(ctx, first)
		expectReason(ctx, "younger", v1alpha1.ReasonReady)
		expectAccepted(token)
		expectReason(ctx, "older", v1alpha1.ReasonQuotaExceeded)
	})

	It("is never exceeded by credentials that are created at the same time", func(ctx SpecContext) {
		names := []string{"e", "d", "c", "b", "a"}
		for _, name := range names {
			declare(ctx, name)
		}
		reasons := func() map[string]int {
			count := map[string]int{}
			for _, name := range names {
				count[readyReason(ctx, name)]++
			}
			return count
		}
		Eventually(reasons, eventually).Should(Equal(map[string]int{
			v1alpha1.ReasonReady: v1alpha1.MaxCredentials, v1alpha1.ReasonQuotaExceeded: len(names) - v1alpha1.MaxCredentials,
		}))
		Expect(secrets(ctx)).To(HaveLen(v1alpha1.MaxCredentials), "no other one has been ready in between")
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
	})
})

var _ = Describe("One token in two credentials of a directory", func() {
	It("is refused until one of them is deleted", func(ctx SpecContext) {
		token := newToken()
		declare(ctx, "okta", declaring(token))
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
		thief := declare(ctx, "thief")
		handedOut(ctx, "thief")
		remove(ctx, thief)
		thief = declare(ctx, "thief", declaring(token), disabled)
		expectRefused(token, auth.ReasonConflict)
		expectReason(ctx, "thief", v1alpha1.ReasonDisabledCredential)
		expectReason(ctx, "okta", v1alpha1.ReasonTokenConflict)
		Expect(readyMessage(ctx, "okta")).To(ContainSubstring("SCIMCredential thief"))
		expectEvent(ctx, "okta", "TokenConflict")
		patch(ctx, thief, `{"spec":{"disabled":false}}`)
		expectReason(ctx, "thief", v1alpha1.ReasonTokenConflict)

		remove(ctx, thief)
		expectAccepted(token)
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
	})

	It("is noticed if the second gets its hash later", func(ctx SpecContext) {
		token := newToken()
		declare(ctx, "okta", declaring(token))
		waiting := declare(ctx, "later", disabled)
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		expectAccepted(token)
		patch(ctx, waiting, `{"spec":{"tokenHash":"`+auth.HashToken(token).String()+`"}}`)
		expectRefused(token, auth.ReasonConflict)
		expectReason(ctx, "okta", v1alpha1.ReasonTokenConflict)
	})
})

var _ = Describe("The controller", func() {
	It("writes nothing when nothing has changed", func(ctx SpecContext) {
		declare(ctx, "minted")
		declare(ctx, "declared", declaring(newToken()))
		declare(ctx, "third")
		expectReason(ctx, "minted", v1alpha1.ReasonReady)
		expectReason(ctx, "declared", v1alpha1.ReasonReady)
		expectReason(ctx, "third", v1alpha1.ReasonQuotaExceeded)
		before := written.In(namespace)
		for _, name := range []string{"minted", "declared", "third"} {
			patch(ctx, get(ctx, name), `{"metadata":{"labels":{"reconcile":"again"}}}`)
		}
		Consistently(func() []string { return written.In(namespace) }, time.Second).Should(Equal(before))
	})

	It("mints with two dry runs and four writes: the Secret's name, the Secret, the hash, the conditions", func(ctx SpecContext) {
		declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		Consistently(func() []string { return written.In(namespace) }, time.Second).Should(HaveLen(6))
	})

	It("needs two writes for a declared token", func(ctx SpecContext) {
		declare(ctx, "okta", declaring(newToken()))
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		Consistently(func() []string { return written.In(namespace) }, time.Second).Should(HaveLen(2))
	})

	It("does not change lastUsedTime", func(ctx SpecContext) {
		c := declare(ctx, "okta")
		expectReason(ctx, "okta", v1alpha1.ReasonReady)
		used := metav1.NewTime(time.Now().Truncate(time.Second))
		status(ctx, c, `{"status":{"lastUsedTime":"`+used.UTC().Format(time.RFC3339)+`"}}`)
		patch(ctx, c, `{"spec":{"disabled":true}}`)
		expectReason(ctx, "okta", v1alpha1.ReasonDisabledCredential)
		Expect(get(ctx, "okta").Status.LastUsedTime.Time).To(BeTemporally("==", used.Time))
	})
})
