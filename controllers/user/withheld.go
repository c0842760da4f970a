package user

import (
	"context"
	"fmt"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// carryOutDecision carries out an administrator's decision on a withheld deactivation, whichever way the switch stands. Its
// precondition is the generation: the identity provider may have activated the user in the meantime.
func (r *Reconciler) carryOutDecision(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	withheld, next := u.Spec.Withheld, u.DeepCopy()
	policy.CarryOutDecision(next, r.Now())
	if withheld.Decision == v1alpha1.DecisionApply {
		policy.SetLastModified(next, r.Now())
	}
	policy.SetLastChange(next, policy.LastChange{
		Cause: string(withheld.Decision), Credential: withheld.Credential, RequestID: withheld.RequestID,
	}, r.Now())
	p := jsonpatch.Patch{}.TestUID(u).TestGeneration(u).Replace("/spec", &next.Spec).Annotations(u, next)
	if err := r.Patch(ctx, next.DeepCopy(), p); err != nil {
		return controllerutil.AsConflict(u, err)
	}
	r.Emit(u, decisionEvent(withheld))
	return nil
}

func decisionEvent(w *v1alpha1.WithheldDeactivation) controllerutil.Event {
	if w.Decision == v1alpha1.DecisionDiscard {
		return controllerutil.Normal(eventDiscarded, "Discard", "the withheld deactivation was discarded, as spec.withheld.decision said: the user stays as it is")
	}
	effect := "active is false"
	if w.What == v1alpha1.DeactivationDelete {
		effect = "the user is deprovisioned"
	}
	return controllerutil.Normal(eventApplied, "Apply", fmt.Sprintf("the withheld deactivation was applied, as spec.withheld.decision said: %s", effect))
}
