package pages

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// why says why a user has its state, since when, and who or what has done it.
type why struct {
	State  v1alpha1.UserState
	Reason string // "" if there is nothing to explain
	Do     string // what to do about it
	Since  *metav1.Time
	// Request is the SCIM request that has done it; nil if no request has, or if a later one is recorded in its place.
	Request *policy.LastChange
	// Later says that the request is not known, because a later one has changed the user.
	Later bool
	// By is the field manager that has done it, if it was no SCIM request.
	By *plugin.ManualChange
}

// whyOf returns what an object knows of its state.
func whyOf(u *v1alpha1.CloudSSOUser) why {
	w := why{State: plugin.StateOf(u), Since: ineffectiveSince(u)}
	switch w.State {
	case v1alpha1.UserDeprovisioned:
		w.Do, w.Since = text("why.doDeprovisioned"), u.Spec.DeprovisionedAt
		w.attribute(u, "deprovisionedAt")
	case v1alpha1.UserConflict:
		w.Do = text("why.doConflict")
	case v1alpha1.UserDisabled:
		w.Do = text("why.doDisabled")
		w.attribute(u, "active")
	case v1alpha1.UserSuspended:
		w.Do, w.By = text("why.doSuspended"), plugin.WriterOf(u, "suspended")
	case v1alpha1.UserActive:
		if asked := u.Spec.Withheld; asked != nil {
			w.Reason, w.Do, w.Since = text("why.withheld"), text("why.doWithheld"), &asked.Since
			w.Request = &policy.LastChange{Cause: text("withheld." + string(asked.What)), Credential: asked.Credential, RequestID: asked.RequestID}
		} else if w.Since != nil { // it is not known yet who holds the userName
			w.Reason = conditionText(u.Status.Conditions, v1alpha1.ConditionEffective)
		}
	}
	if w.State != v1alpha1.UserActive {
		w.Reason = w.reasonOf(u)
	}
	return w
}

// reasonOf says why a user has no effect, as the page of a group does.
func (w *why) reasonOf(u *v1alpha1.CloudSSOUser) string {
	switch {
	case w.State == v1alpha1.UserDisabled && u.Spec.Suspended:
		return text("without.both")
	case w.State == v1alpha1.UserDisabled && w.By != nil:
		return text("without.byHand")
	}
	return text("without." + policy.IneffectiveReason(u, w.State == v1alpha1.UserConflict, true))
}

// ineffectiveSince returns since when a user has had no effect, for whatever reasons; nil if that is not known.
func ineffectiveSince(u *v1alpha1.CloudSSOUser) *metav1.Time {
	c := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionEffective)
	if c == nil || c.Status != metav1.ConditionFalse {
		return nil
	}
	return &c.LastTransitionTime
}

// attribute sets who has written a field of the spec: a SCIM request if the operator owns the field, because the operator writes
// it for no other reason.
func (w *why) attribute(u *v1alpha1.CloudSSOUser, field string) {
	by := plugin.WriterOf(u, field)
	if by != nil && by.FieldManager != policy.FieldManager {
		w.By = by
		return
	}
	change, known := policy.LastChangeOf(u)
	switch {
	case !known:
	case isLaterThan(change, w.Since):
		w.Later = true
	default:
		w.Request = &change
	}
}

// changeSpread is by how much the time of a request and that of its effect may differ: the operator needs a second, and writes
// whole seconds; the clocks of its replicas differ by some more.
const changeSpread = 5 * time.Second

// isLaterThan reports whether a change came after a time. If that is not known, the change is taken for the reason.
func isLaterThan(change policy.LastChange, since *metav1.Time) bool {
	return since != nil && instant(change.Time).Sub(since.Time) > changeSpread
}
