package directory

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// resumeRetry is when to try again to turn the switch on: soon after what has refused it was put right.
const resumeRetry = 10 * time.Second

// resume turns the switch on when the time of spec.resumeAt has come, and removes that. It is the only write of a directory's
// spec by the operator, and the policy cloudsso-resume refuses others. The spec is a precondition, because a person may have
// moved the time. It returns the time that is left; zero if there is none to wait for.
func (r *Reconciler) resume(ctx context.Context, d *v1alpha1.CloudSSODirectory, now time.Time) (left time.Duration, err error) {
	if d.Spec.ResumeAt == nil || !policy.IsActivated(d) || policy.IsBeingDeleted(d) {
		return 0, nil
	}
	at := *d.Spec.ResumeAt
	if left = at.Sub(now); left > 0 {
		return left, nil
	}
	enable := jsonpatch.Patch{}.TestUID(d).TestGeneration(d).Replace("/spec/scimSynchronization", v1alpha1.SynchronizationEnabled).Remove("/spec/resumeAt")
	if err := controllerutil.AsConflict(d, r.Patch(ctx, d, enable)); err != nil {
		return resumeRetry, fmt.Errorf("setting spec.scimSynchronization to Enabled, because spec.resumeAt, %s, has passed: %w", timeOf(at), err)
	}
	r.Emit(d, controllerutil.Normal(eventResumed, "Switch", fmt.Sprintf("the operator has set spec.scimSynchronization to Enabled, because spec.resumeAt, %s, has passed", timeOf(at))))
	return 0, nil
}

// reportNotResumed says in the condition Ready and in an Event that the switch is off although its time has passed.
func (r *Reconciler) reportNotResumed(ctx context.Context, d *v1alpha1.CloudSSODirectory, why error) {
	ctrl.LoggerFrom(ctx).Error(why, "The switch could not be turned on at the time of spec.resumeAt; it is tried again.")
	message := "SCIM synchronization is still switched off: the operator failed in " + first(why.Error(), maxCause) +
		"; to turn it on yourself, run: kubectl -n " + d.Namespace + " patch cloudssodirectory " + d.Name + ` --type=merge -p '{"spec":{"scimSynchronization":"Enabled","resumeAt":null}}'`
	if ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		ready.Message = message
	}
	r.Emit(d, controllerutil.Warning(eventNotResumed, "Switch", message))
}
