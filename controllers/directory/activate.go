package directory

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// syncInterval is when to look again whether the index is synced, which takes some tenths of a second more than the cache,
// and when to go on with a sweep.
const syncInterval = time.Second

// activate sets status.activatedAt of a directory that may be activated. Before that, a restored one gets the name claims of
// its users and groups, because a backup leaves claims out. It returns when to look again; zero if it is done.
func (r *Reconciler) activate(ctx context.Context, d *v1alpha1.CloudSSODirectory, now time.Time) (requeueAfter time.Duration, err error) {
	if policy.IsActivated(d) {
		return 0, nil
	}
	d.Status.ActivatedAt = nil
	if !policy.MayActivate(d) {
		return 0, nil
	}
	if policy.IsRestored(d) {
		if !r.Names.Synced() {
			return syncInterval, nil
		}
		swept, err := r.Claims.Sweep(ctx, d.Namespace, r.Names.Holders(d.Namespace))
		if err != nil {
			return 0, fmt.Errorf("claiming the names of the restored users and groups of namespace %s: %w", d.Namespace, err)
		}
		if swept.IsPartial {
			return syncInterval, nil
		}
		ctrl.LoggerFrom(ctx).Info("The restored directory is activated", "claimsAcquired", swept.Acquired)
	}
	d.Status.ActivatedAt = new(policy.ActivationTime(d, now))
	return 0, nil
}

// activated returns the condition Activated, which says how to activate a restored directory.
func activated(d *v1alpha1.CloudSSODirectory) metav1.Condition {
	if policy.IsActivated(d) {
		return metav1.Condition{
			Type: v1alpha1.ConditionActivated, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonActivated,
			Message: "the directory is activated: the switch is in effect",
		}
	}
	message := "the operator is about to activate the directory"
	if !policy.MayActivate(d) {
		message = fmt.Sprintf("the directory was restored from a backup: whatever the switch says, SCIM requests are refused, and synchronized users and groups can be "+
			"created and changed by hand, until a person activates it; when the restore is complete, run: %s%s", policy.ActivateCommand(d), whyNotActivated(d))
	}
	return metav1.Condition{Type: v1alpha1.ConditionActivated, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAwaitingActivation, Message: message}
}

// whyNotActivated returns why the directory's annotation has no effect; "" if it has none.
func whyNotActivated(d *v1alpha1.CloudSSODirectory) string {
	uid, set := d.Annotations[v1alpha1.AnnotationActivate]
	if !set {
		return ""
	}
	return fmt.Sprintf(" (the annotation has no effect, because %q is not the uid of this directory; it may have come from the backup)", brief(uid))
}
