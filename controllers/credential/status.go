package credential

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// writeStatus writes the findings into the credential's status. It leaves lastUsedTime, which the SCIM service writes.
func (f *findings) writeStatus(c *v1alpha1.SCIMCredential) {
	c.Status.ObservedGeneration = c.Generation
	writeToken(c)
	for _, condition := range []metav1.Condition{f.ready(c), f.usable(c), f.expiring(c)} {
		condition.ObservedGeneration = c.Generation
		condition.LastTransitionTime = metav1.NewTime(f.now)
		meta.SetStatusCondition(&c.Status.Conditions, condition)
	}
}

// writeToken writes what the status says about the token. The token was minted if status.secretName is the name of its
// Secret, because createSecret has written that before.
func writeToken(c *v1alpha1.SCIMCredential) {
	if policy.CredentialHasOldLayout(c) {
		return
	}
	hash, secret := auth.ParseTokenHash(c.Spec.TokenHash), c.Status.SecretName
	c.Status.TokenSource, c.Status.Fingerprint, c.Status.SecretName = "", "", ""
	if c.Spec.TokenHash == "" {
		return
	}
	c.Status.TokenSource, c.Status.Fingerprint = v1alpha1.TokenDeclared, hash.Fingerprint()
	if secret == secretName(c.Name, hash) {
		c.Status.TokenSource, c.Status.SecretName = v1alpha1.TokenMinted, secret
	}
}

// ready returns the condition Ready: a credential that its spec disables, or ends at a time that has passed, is Ready.
func (f *findings) ready(c *v1alpha1.SCIMCredential) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse}
	switch condition.Reason, condition.Message = f.problem(c); condition.Reason {
	case "":
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonReady
		condition.Message = "the credential has a slot, a token, and a time at which it expires"
	case v1alpha1.ReasonDisabledCredential, v1alpha1.ReasonExpired:
		condition.Status = metav1.ConditionTrue
	}
	return condition
}

// usable returns the condition Usable: whether the credential authenticates.
func (f *findings) usable(c *v1alpha1.SCIMCredential) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionUsable, Status: metav1.ConditionFalse}
	if condition.Reason, condition.Message = f.problem(c); condition.Reason == "" {
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonUsable
		condition.Message = "the credential authenticates until " + inUTC(policy.CredentialExpiry(c))
	}
	return condition
}

// problem returns why the credential does not authenticate, the most fundamental reason first; "" if it does.
func (f *findings) problem(c *v1alpha1.SCIMCredential) (reason, message string) {
	expiry := policy.CredentialExpiry(c)
	switch {
	case policy.CredentialHasOldLayout(c):
		return v1alpha1.ReasonOldLayout, fmt.Sprintf(
			"an earlier version of the operator kept the hash of the token in Secret %s/%s, which is no longer read; delete this credential and that Secret, create the credential again, and give the new token to the identity provider",
			c.Namespace, c.Name)
	case !policy.CredentialHoldsSlot(c):
		return v1alpha1.ReasonQuotaExceeded, fmt.Sprintf(
			"a directory may have %d credentials, including disabled and expired ones, and %s hold both slots; delete one of them, and this one gets its slot",
			v1alpha1.MaxCredentials, strings.Join(f.holders, " and "))
	case c.Spec.Disabled:
		return v1alpha1.ReasonDisabledCredential, "spec.disabled is true; set it to false to enable the credential again"
	case lacksExpiry(c):
		return v1alpha1.ReasonExpiryMissing, "the credential was restored from a backup without spec.expiresAt, so it is not known when its token expires; " +
			"set spec.expiresAt, or delete this credential and create another one"
	case f.refused != "" && (c.Spec.ExpiresAt == nil || c.Spec.TokenHash == "" && !policy.CredentialExpired(expiry, f.now)):
		return v1alpha1.ReasonSecretRefused, fmt.Sprintf(
			"the API server refused the Secret of a new token, or a change of the spec: %s; remove the cause, or set spec.expiresAt, and spec.tokenHash to the hash of a token of your own", f.refused)
	case policy.CredentialExpired(expiry, f.now):
		return v1alpha1.ReasonExpired, fmt.Sprintf(
			"the credential expired at %s; create another one and delete this one, or set spec.expiresAt to a later time", inUTC(expiry))
	case f.duplicate != "":
		return v1alpha1.ReasonTokenConflict, fmt.Sprintf(
			"SCIMCredential %s has the same token, so neither authenticates; delete one of the two, or both if the token was stolen", f.duplicate)
	}
	return "", ""
}

// lacksExpiry reports whether a credential has no spec.expiresAt, and gets none from the operator: see completeSpec.
func lacksExpiry(c *v1alpha1.SCIMCredential) bool {
	return c.Spec.ExpiresAt == nil && policy.IsRestored(c)
}

func (f *findings) expiring(c *v1alpha1.SCIMCredential) metav1.Condition {
	expiry := policy.CredentialExpiry(c)
	if lacksExpiry(c) {
		return metav1.Condition{
			Type: v1alpha1.ConditionExpiring, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonExpiryMissing, Message: "spec.expiresAt is not set",
		}
	}
	if c.Spec.ExpiresAt == nil { // the API server refuses to store it
		expiry = policy.CredentialDefaultExpiry(c).Time
	}
	condition := metav1.Condition{
		Type: v1alpha1.ConditionExpiring, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonFarFromExpiry,
		Message: "the credential expires at " + inUTC(expiry),
	}
	if policy.CredentialExpiring(expiry, f.now) {
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon
		condition.Message += "; before that, create another one and give its token to the identity provider"
	}
	if policy.CredentialExpired(expiry, f.now) {
		condition.Reason, condition.Message = v1alpha1.ReasonExpired, "the credential expired at "+inUTC(expiry)
	}
	return condition
}

func inUTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// patchStatus writes the status if it differs from the stored one. The resourceVersion is a precondition, because a
// credential that was deleted and created again must not get the slot of the first.
func (r *Reconciler) patchStatus(ctx context.Context, c *v1alpha1.SCIMCredential, found *findings) error {
	if equality.Semantic.DeepEqual(found.stored, c.Status) {
		return nil
	}
	base := c.DeepCopy()
	base.Status = found.stored
	if err := r.Status().Patch(ctx, c, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing the status of SCIMCredential %s/%s: %w", c.Namespace, c.Name, err)
	}
	found.stored = *c.Status.DeepCopy()
	return nil
}
