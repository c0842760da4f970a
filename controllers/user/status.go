package user

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// computeStatus writes a user's status. An active synchronized user has the status that the schema defaults to, until
// there has been something to report.
func computeStatus(u *v1alpha1.CloudSSOUser, holding controllerutil.NameHolding) {
	u.Status.State = policy.UserState(u, holding.Other != nil)
	u.Status.ClaimedName = holding.ClaimedName(u, u.Spec.UserName, u.Status.ClaimedName)
	if u.Spec.Source == v1alpha1.SourceSCIM && u.Status.State == v1alpha1.UserActive && len(u.Status.Conditions) == 0 {
		return
	}
	u.Status.ObservedGeneration = observedGeneration(u)
	for _, condition := range []metav1.Condition{ready(u, holding), effective(u, holding)} {
		condition.ObservedGeneration = u.Status.ObservedGeneration
		meta.SetStatusCondition(&u.Status.Conditions, condition)
	}
}

// observedGeneration returns what status and conditions say about the generation that they were computed for. Those of a
// synchronized user say nothing, because each change of the profile would need a write of the status (ADR 9).
func observedGeneration(u *v1alpha1.CloudSSOUser) int64 {
	if u.Spec.Source == v1alpha1.SourceSCIM {
		return 0
	}
	return u.Generation
}

// isSettled reports whether there is nothing to do for a user, as long as no other live user has its userName.
func isSettled(u *v1alpha1.CloudSSOUser) bool {
	if policy.IsBeingDeleted(u) || !policy.IsLive(u) || policy.IsDecided(u) || policy.HasOwners(u) || !controllerutil.HasFinalizers(u, finalizersOf(u)...) {
		return false
	}
	computed := u.DeepCopy()
	computeStatus(computed, controllerutil.NameHolding{})
	return equality.Semantic.DeepEqual(u.Status, computed.Status)
}

// ready returns the condition Ready: an off-state that the spec asks for is Ready, a userName that the user does not hold is
// not.
func ready(u *v1alpha1.CloudSSOUser, holding controllerutil.NameHolding) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}
	if holding.Other != nil || holding.Undecided {
		c.Status = metav1.ConditionFalse
	}
	switch reason := policy.IneffectiveReason(u, holding.Other != nil, holding.Undecided); {
	case reason == "":
		c.Reason, c.Message = v1alpha1.ReasonReady, "as declared"
	case holding.Undecided:
		c.Reason, c.Message = v1alpha1.ReasonUserNamePending, controllerutil.PendingMessage(u, u.Spec.UserName)
	default:
		c.Reason, c.Message = reason, ineffectiveMessage(reason, u, holding)
	}
	return c
}

// effective returns the condition Effective. A Manual user whose name is not decided has effect as long as its claimedName
// is its userName.
func effective(u *v1alpha1.CloudSSOUser, holding controllerutil.NameHolding) metav1.Condition {
	pending := holding.Undecided && u.Status.ClaimedName != u.Spec.UserName
	reason := policy.IneffectiveReason(u, holding.Other != nil, pending)
	if reason == "" {
		return metav1.Condition{
			Type: v1alpha1.ConditionEffective, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonEffective,
			Message: "active: counts as a member of its groups",
		}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionEffective, Status: metav1.ConditionFalse, Reason: reason, Message: ineffectiveMessage(reason, u, holding),
	}
}

// ineffectiveMessage returns what to say about a user without effect.
func ineffectiveMessage(reason string, u *v1alpha1.CloudSSOUser, holding controllerutil.NameHolding) string {
	switch reason {
	case v1alpha1.ReasonDeprovisioned:
		return "deleted by the identity provider; the object stays, without effect or memberships, until you delete it with SCIM synchronization switched off"
	case v1alpha1.ReasonUserNameConflict:
		return holding.ConflictMessage(u, u.Spec.UserName)
	case v1alpha1.ReasonUserNamePending:
		return controllerutil.PendingMessage(u, u.Spec.UserName)
	case v1alpha1.ReasonDisabled:
		return "active is false: memberships are kept, without effect"
	}
	return suspendedMessage(u)
}

func suspendedMessage(u *v1alpha1.CloudSSOUser) string {
	const lift = "no effect, whatever the identity provider says; set spec.suspended to false to lift it"
	if former := u.Annotations[v1alpha1.AnnotationSuspendedLike]; former != "" {
		return fmt.Sprintf("suspended because CloudSSOUser %s, who had this userName before, was suspended when the identity provider deleted it: %s", former, lift)
	}
	return "suspended by an administrator: " + lift
}
