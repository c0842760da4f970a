package user

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// judge writes into the status what the user amounts to.
func (r *Reconciler) judge(ctx context.Context, u *v1alpha1.CloudSSOUser) error {
	holder, err := r.holder(ctx, u)
	if err != nil {
		return err
	}
	record(u, holder)
	return nil
}

// record writes into the status what u amounts to when holder stands for its userName.
func record(u, holder *v1alpha1.CloudSSOUser) {
	conflict := holder != nil && holder.Name != u.Name
	u.Status.ObservedGeneration = u.Generation
	u.Status.State = policy.UserState(u, conflict)
	u.Status.UserName = u.Spec.UserName
	if conflict || !policy.IsLive(u) {
		u.Status.UserName = "" // it has to be accepted anew
	}
	meta.SetStatusCondition(&u.Status.Conditions, ready(u, holder))
}

// isSettled reports whether nothing is left to do for u, as long as nobody else has its userName.
func isSettled(u *v1alpha1.CloudSSOUser) bool {
	if policy.IsSentinel(u) {
		return true
	}
	_, reserves := u.Annotations[v1alpha1.AnnotationReservation]
	if reserves || u.DeletionTimestamp != nil || policy.HasDeparted(u) || !controllerutil.HasFinalizers(u, finalizersOf(u)...) {
		return false
	}
	judged := u.DeepCopy()
	record(judged, judged)
	return sameVerdict(u, judged) || equality.Semantic.DeepEqual(u.Status, judged.Status)
}

// holder is the user that stands for the userName of u; nil if u is not live, controllerutil.ErrUnsettled if it is about to be
// undone.
func (r *Reconciler) holder(ctx context.Context, u *v1alpha1.CloudSSOUser) (*v1alpha1.CloudSSOUser, error) {
	if !policy.IsLive(u) {
		return nil, nil
	}
	candidates, err := r.Namesakes(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("looking for other users named %q in namespace %s: %w", u.Spec.UserName, u.Namespace, err)
	}
	if !slices.ContainsFunc(candidates, func(other *v1alpha1.CloudSSOUser) bool { return other.Name == u.Name }) {
		return nil, controllerutil.ErrUnsettled
	}
	return policy.UserHolder(candidates), nil
}

func ready(u, holder *v1alpha1.CloudSSOUser) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: u.Generation}
	switch u.Status.State {
	case v1alpha1.UserDeprovisioned:
		c.Reason, c.Message = v1alpha1.ReasonDeprovisioned, "deleted by the identity provider; the object stays, without access or memberships, until the provider creates the person again or, with SCIM synchronization switched off, you delete it"
	case v1alpha1.UserConflict:
		c.Reason, c.Message = v1alpha1.ReasonUserNameConflict, fmt.Sprintf("userName %q is already that of CloudSSOUser %s; rename or delete one of the two%s",
			u.Spec.UserName, holder.Name, controllerutil.Unlock(u.Spec.Source, holder.Spec.Source))
	case v1alpha1.UserDisabled:
		c.Reason, c.Message = v1alpha1.ReasonDisabled, "active is false: no access; memberships are kept"
	case v1alpha1.UserSuspended:
		c.Reason, c.Message = v1alpha1.ReasonSuspended, "suspended by an administrator: no access, whatever the identity provider says; set spec.suspended to false to lift it"
	case v1alpha1.UserActive:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "has access"
	}
	return c
}

// sameVerdict reports whether two statuses of a synchronized user differ in nothing but the generation that was looked
// at, which is not worth a write at each change of its profile (docs/adr/0009-one-write.md).
func sameVerdict(before, after *v1alpha1.CloudSSOUser) bool {
	return after.Spec.Source == v1alpha1.SourceSCIM && before.Status.ObservedGeneration != 0 && equality.Semantic.DeepEqual(undated(before), undated(after))
}

func undated(u *v1alpha1.CloudSSOUser) *v1alpha1.CloudSSOUserStatus {
	s := u.Status.DeepCopy()
	s.ObservedGeneration = 0
	for i := range s.Conditions {
		s.Conditions[i].ObservedGeneration = 0
	}
	return s
}
