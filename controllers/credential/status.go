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

// record writes the findings into the credential's status. What the SCIM side records there stays.
func (f *findings) record(c *v1alpha1.SCIMCredential) {
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

// ready sums up: what keeps the credential from authenticating, the most fundamental first.
func (f *findings) ready(c *v1alpha1.SCIMCredential) metav1.Condition {
	reason, message := f.obstacle(c)
	if reason != "" {
		return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady,
		Message: "authenticates until " + inUTC(f.expiry),
	}
}

func (f *findings) obstacle(c *v1alpha1.SCIMCredential) (reason, message string) {
	secret := c.Namespace + "/" + c.Name
	switch {
	case !policy.CredentialHoldsSlot(c):
		return v1alpha1.ReasonQuotaExceeded, fmt.Sprintf(
			"a directory has %d credentials, disabled and expired ones included, and %s hold both places; delete one of them and this one takes its place",
			v1alpha1.MaxCredentials, strings.Join(f.holders, " and "))
	case c.Spec.Disabled:
		return v1alpha1.ReasonDisabledCredential, "spec.disabled is true; set it to false to let the credential in again"
	case policy.CredentialExpired(f.expiry, f.now):
		return v1alpha1.ReasonExpired, fmt.Sprintf(
			"the credential ended at %s; create another one and delete this one, or set spec.expiresAt to a later time", inUTC(f.expiry))
	case f.foreign:
		return v1alpha1.ReasonSecretConflict, fmt.Sprintf(
			"Secret %s has type %q, not %q, and is left alone; delete it (the type of a Secret cannot be changed), or name the credential otherwise",
			secret, f.secret.Type, v1alpha1.SecretTypeSCIMCredential)
	case f.secret == nil:
		return v1alpha1.ReasonSecretInvalid, fmt.Sprintf("there is no Secret %s, and none can be made: the namespace is being deleted", secret)
	case f.secretProblem != nil:
		return v1alpha1.ReasonSecretInvalid, fmt.Sprintf("Secret %s: %s; mend it, or delete it and a new token is minted", secret, f.secretProblem)
	case len(f.rivals) > 0:
		return v1alpha1.ReasonTokenConflict, fmt.Sprintf(
			"%s the same token, and neither authenticates; delete Secret %s and a new token is minted", f.rivalNames(c.Namespace), secret)
	}
	return "", ""
}

// rivalNames names rivals in the credential's own namespace; those elsewhere are another tenant's
// business, and in the operator's log.
func (f *findings) rivalNames(namespace string) string {
	for _, rival := range f.rivals {
		if rival.Namespace == namespace {
			return fmt.Sprintf("SCIMCredential %s has", rival.Name)
		}
	}
	return "a SCIMCredential in another namespace (see the operator's log) has"
}

func (f *findings) expiring() metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionExpiring, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonFarFromExpiry,
		Message: "the credential ends at " + inUTC(f.expiry),
	}
	if policy.CredentialExpiring(f.expiry, f.now) {
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonExpiresSoon
		condition.Message += "; create another one before, and give its token to the identity provider"
	}
	if policy.CredentialExpired(f.expiry, f.now) {
		condition.Message = "the credential ended at " + inUTC(f.expiry)
	}
	return condition
}

func inUTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// patchStatus writes the status if it has changed. On the credential that it was computed from, or not
// at all: another of the same name would get a slot that is not its own.
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
