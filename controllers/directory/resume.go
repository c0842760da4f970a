package directory

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// resume turns the switch on when the time of spec.resumeAt has come, and removes that. It removes it too if the switch is
// on already: otherwise it would end a later break. It is the only write of a directory's spec by the operator, and the
// policy cloudsso-resume refuses others. The spec is a precondition, because a person may have moved the time. It returns the
// time that is left; zero if there is none to wait for.
func (r *Reconciler) resume(ctx context.Context, d *v1alpha1.CloudSSODirectory, now time.Time) (left time.Duration, err error) {
	if d.Spec.ResumeAt == nil || !policy.IsActivated(d) || policy.IsBeingDeleted(d) {
		return 0, nil
	}
	at, isOff := *d.Spec.ResumeAt, d.Spec.SCIMSynchronization != v1alpha1.SynchronizationEnabled
	if left = at.Sub(now); isOff && left > 0 {
		return left, nil
	}
	enable := jsonpatch.Patch{}.TestUID(d).TestGeneration(d).Replace("/spec/scimSynchronization", v1alpha1.SynchronizationEnabled).Remove("/spec/resumeAt")
	if err := controllerutil.AsConflict(d, r.Patch(ctx, d, enable)); err != nil {
		return 0, fmt.Errorf("resuming the synchronization of namespace %s, as spec.resumeAt of its CloudSSODirectory says: %w", d.Namespace, err)
	}
	if isOff {
		r.Emit(d, controllerutil.Normal(eventResumed, "Switch", fmt.Sprintf("the operator has set spec.scimSynchronization to Enabled, because spec.resumeAt, %s, has passed", timeOf(at))))
	}
	return 0, nil
}
