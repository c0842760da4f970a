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
	u.Status.ObservedGeneration = u.Generation
	meta.SetStatusCondition(&u.Status.Conditions, ready(u, holding))
}

// isSettled reports whether there is nothing to do for a user, as long as no other live user has its userName.
func isSettled(u *v1alpha1.CloudSSOUser) bool {
	if policy.IsBeingDeleted(u) || !policy.IsLive(u) || !controllerutil.HasFinalizers(u, finalizersOf(u)...) {
		return false
	}
	computed := u.DeepCopy()
	computeStatus(computed, controllerutil.NameHolding{})
	return statusEquivalent(u, computed) || equality.Semantic.DeepEqual(u.Status, computed.Status)
}

func ready(u *v1alpha1.CloudSSOUser, holding controllerutil.NameHolding) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: u.Generation}
	switch u.Status.State {
	case v1alpha1.UserDeprovisioned:
		c.Reason, c.Message = v1alpha1.ReasonDeprovisioned, "deleted by the identity provider; the object stays, without access or memberships, until you delete it with SCIM synchronization switched off"
	case v1alpha1.UserConflict:
		c.Reason, c.Message = v1alpha1.ReasonUserNameConflict, holding.ConflictMessage(u, u.Spec.UserName)
	case v1alpha1.UserDisabled:
		c.Reason, c.Message = v1alpha1.ReasonDisabled, "active is false: no access; memberships are kept"
	case v1alpha1.UserSuspended:
		c.Reason, c.Message = v1alpha1.ReasonSuspended, suspendedMessage(u)
	case v1alpha1.UserActive:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "has access"
		if holding.Undecided {
			c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonUserNamePending, controllerutil.PendingMessage(u, u.Spec.UserName)
		}
	}
	return c
}

func suspendedMessage(u *v1alpha1.CloudSSOUser) string {
	const lift = "no access, whatever the identity provider says; set spec.suspended to false to lift it"
	if former := u.Annotations[v1alpha1.AnnotationSuspendedLike]; former != "" {
		return fmt.Sprintf("suspended because CloudSSOUser %s, who had this userName before, was suspended when the identity provider deleted it: %s", former, lift)
	}
	return "suspended by an administrator: " + lift
}

// statusEquivalent reports whether two statuses of a synchronized user differ in nothing but the generation that they were
// computed for, which is not worth a write at each change of a profile (docs/adr/0009-one-write.md).
func statusEquivalent(before, after *v1alpha1.CloudSSOUser) bool {
	return after.Spec.Source == v1alpha1.SourceSCIM && before.Status.ObservedGeneration != 0 &&
		equality.Semantic.DeepEqual(withoutGenerations(before), withoutGenerations(after))
}

func withoutGenerations(u *v1alpha1.CloudSSOUser) *v1alpha1.CloudSSOUserStatus {
	s := u.Status.DeepCopy()
	s.ObservedGeneration = 0
	for i := range s.Conditions {
		s.Conditions[i].ObservedGeneration = 0
	}
	return s
}
