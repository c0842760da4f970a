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
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// writeStatus writes the findings into the credential's status. It leaves lastUsedTime, which the SCIM service writes.
func (f *findings) writeStatus(c *v1alpha1.SCIMCredential) {
	expiry := metav1.NewTime(f.expiry)
	c.Status.ObservedGeneration = c.Generation
	c.Status.ExpiresAt = &expiry
	c.Status.SecretName = ""
	if f.secret != nil && !f.foreign {
		c.Status.SecretName = f.secret.Name
	}
	for _, condition := range []metav1.Condition{f.ready(c), f.expiring()} {
		condition.ObservedGeneration = c.Generation
		condition.LastTransitionTime = metav1.NewTime(f.now)
		meta.SetStatusCondition(&c.Status.Conditions, condition)
	}
}

// ready returns the condition Ready: whether the credential authenticates.
func (f *findings) ready(c *v1alpha1.SCIMCredential) metav1.Condition {
	reason, message := f.problem(c)
	if reason != "" {
		return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady,
		Message: "the credential authenticates until " + inUTC(f.expiry),
	}
}

// problem returns why the credential does not authenticate, the most fundamental reason first; "" if it does.
func (f *findings) problem(c *v1alpha1.SCIMCredential) (reason, message string) {
	secret := c.Namespace + "/" + c.Name
	switch {
	case !policy.CredentialHoldsSlot(c):
		return v1alpha1.ReasonQuotaExceeded, fmt.Sprintf(
			"a directory may have %d credentials, including disabled and expired ones, and %s hold both slots; delete one of them, and this one gets its slot",
			v1alpha1.MaxCredentials, strings.Join(f.holders, " and "))
	case c.Spec.Disabled:
		return v1alpha1.ReasonDisabledCredential, "spec.disabled is true; set it to false to enable the credential again"
	case policy.CredentialExpired(f.expiry, f.now):
		return v1alpha1.ReasonExpired, fmt.Sprintf(
			"the credential expired at %s; create another one and delete this one, or set spec.expiresAt to a later time", inUTC(f.expiry))
	case f.foreign:
		return v1alpha1.ReasonSecretConflict, fmt.Sprintf(
			"Secret %s has type %q, not %q, so the credential does not use it; delete it (the type of a Secret cannot be changed), or give the credential another name",
			secret, f.secret.Type, v1alpha1.SecretTypeSCIMCredential)
	case f.secret == nil:
		return v1alpha1.ReasonSecretInvalid, fmt.Sprintf("Secret %s does not exist and cannot be created, because the namespace is being deleted", secret)
	case f.secretProblem != nil:
		return v1alpha1.ReasonSecretInvalid, fmt.Sprintf("Secret %s: %s; correct it, or delete it to get a new token", secret, f.secretProblem)
	case len(f.conflicts) > 0:
		return v1alpha1.ReasonTokenConflict, fmt.Sprintf(
			"%s the same token, so neither authenticates; delete Secret %s to get a new token", f.conflictNames(c.Namespace), secret)
	}
	return "", ""
}

// conflictNames names a conflicting credential of the credential's own namespace. Names of other namespaces go only to
// the operator's log, because they are another tenant's.
func (f *findings) conflictNames(namespace string) string {
	for _, other := range f.conflicts {
		if other.Namespace == namespace {
			return fmt.Sprintf("SCIMCredential %s has", other.Name)
		}
	}
	return "a SCIMCredential in another namespace (see the operator's log) has"
}

func (f *findings) expiring() metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionExpiring, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonFarFromExpiry,
		Message: "the credential expires at " + inUTC(f.expiry),
	}
	if policy.CredentialExpiring(f.expiry, f.now) {
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon
		condition.Message += "; before that, create another one and give its token to the identity provider"
	}
	if policy.CredentialExpired(f.expiry, f.now) {
		condition.Message = "the credential expired at " + inUTC(f.expiry)
	}
	return condition
}

func inUTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// patchStatus writes the status if it has changed. The resourceVersion is a precondition, because a credential that was
// deleted and created again must not get the slot of the first.
func (r *Reconciler) patchStatus(ctx context.Context, before, c *v1alpha1.SCIMCredential) error {
	if equality.Semantic.DeepEqual(before.Status, c.Status) {
		return nil
	}
	base := before.DeepCopy()
	base.ObjectMeta = *c.ObjectMeta.DeepCopy() // the finalizer may be new
	patch := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	if err := r.Status().Patch(ctx, c, patch); err != nil {
		return fmt.Errorf("writing the status of SCIMCredential %s/%s: %w", c.Namespace, c.Name, err)
	}
	return nil
}
