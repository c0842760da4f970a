package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// A deactivation beyond the directory's spec.disablementBudget is withheld: stored with the user, and answered 429 until an
// administrator decides (docs/adr/0020-a-budget-for-deactivations.md). The directory's status has the count, and a write of
// it has the resourceVersion as its precondition, so that it holds on any number of replicas.

const (
	// ReasonWithheld is the scim.Error.Reason of a deactivation that is withheld.
	ReasonWithheld = "withheld"
	// withheldRetryAfter is the Retry-After of a withheld deactivation, which waits for a person.
	withheldRetryAfter = time.Minute
	// countTimeout bounds how long a deactivation waits to be counted, or to be taken off the count. It lets the 256 requests of a directory that are served
	// at a time take their turns with a slow etcd, and leaves the write of the user most of writeTimeout.
	countTimeout = 10 * time.Second
	// reasonBudgetUnavailable is the reason of the Event on a directory whose budget let a deactivation pass uncounted.
	reasonBudgetUnavailable = "BudgetUnavailable"
)

// deactivation is what one request takes from a user: its priority, and its part of the directory's budget.
type deactivation struct {
	*priority.Deactivation
	store   *namespacedStore
	counted bool // the directory's status has it
	outcome deactivationOutcome
}

// deactivationOutcome is what the latest attempt of a request does.
type deactivationOutcome int

const (
	noDeactivation deactivationOutcome = iota
	deactivationCarriedOut
	deactivationWithheld
)

func (n *namespacedStore) newDeactivation() *deactivation {
	return &deactivation{Deactivation: n.Priority.New(), store: n}
}

// checkBudget lets the deactivation that has changed a user's spec pass, or replaces it by one that is withheld. before is the
// spec before the change. The request as a whole is withheld: none of its other attributes is changed.
func (d *deactivation) checkBudget(ctx context.Context, u *v1alpha1.CloudSSOUser, before *v1alpha1.CloudSSOUserSpec, what v1alpha1.Deactivation) {
	d.Begin()
	if !policy.LosesEffect(before, &u.Spec) || d.isWithinBudget(ctx, before) {
		d.outcome = deactivationCarriedOut
		u.Spec.Withheld = policy.StillWithheld(before.Withheld, what)
		return
	}
	d.outcome = deactivationWithheld
	u.Spec = *before
	request, _ := scim.RequestOf(ctx)
	u.Spec.Withheld = policy.Withhold(before.Withheld, v1alpha1.WithheldDeactivation{
		What: what, Since: metav1.NewTime(d.store.Now()), Credential: credentialOf(request, u.Namespace), RequestID: request.ID,
	})
}

// isWithinBudget counts the deactivation once. What is withheld already waits for its decision, because a provider's
// repetitions would otherwise carry a mass change out, one window after another. After Apply it waits no longer: what the
// administrator has let pass is not counted, and withholding another deactivation in its place would discard the decision.
func (d *deactivation) isWithinBudget(ctx context.Context, before *v1alpha1.CloudSSOUserSpec) bool {
	directory := d.store.directory(d.store.namespace)
	switch {
	case directory == nil, directory.Spec.DisablementBudget == nil, d.counted, policy.IsToBeApplied(before.Withheld):
		return true
	case before.Withheld != nil:
		return false
	}
	within, err := d.store.countDeactivation(ctx, directory)
	if err != nil { // a budget that fails must not keep a leaver's access
		d.store.Log.Error("a deactivation could not be counted, and is carried out", "namespace", d.store.namespace, "error", err)
		d.store.Warn(directory, reasonBudgetUnavailable, "a deactivation could not be counted, and is carried out without regard to spec.disablementBudget; "+
			"the operator's log has the cause")
		return true
	}
	d.counted = within
	return within
}

// conclude returns the answer to a request that has ended with err: a 429 if its deactivation is withheld. What was counted
// and has certainly not been carried out is taken off the count.
func (d *deactivation) conclude(ctx context.Context, u *v1alpha1.CloudSSOUser, err error) error {
	if d.counted && !d.staysCounted(err) {
		d.store.uncountDeactivation(ctx)
	}
	if err == nil && d.outcome == deactivationWithheld {
		return withheldError(u, d.store.directory(u.Namespace))
	}
	return err
}

// staysCounted reports whether the deactivation of a request that has ended with err was carried out, or may have been.
func (d *deactivation) staysCounted(err error) bool {
	return d.outcome == deactivationCarriedOut && (err == nil || errors.Is(err, errOutcomeUnknown))
}

// isShownChange reports whether two specs differ in more than a withheld deactivation, which SCIM does not show.
func isShownChange(current, next *v1alpha1.CloudSSOUser) bool {
	if current.Spec.Withheld == nil && next.Spec.Withheld == nil {
		return true
	}
	before := current.Spec
	before.Withheld = next.Spec.Withheld
	return !equality.Semantic.DeepEqual(before, next.Spec)
}

// onlyWithholds reports whether a write changes nothing but what is withheld of a user. Such a write is not the user's last
// change: spec.withheld says which request it was.
func onlyWithholds(current, next *v1alpha1.CloudSSOUser) bool {
	return next.Spec.Withheld != nil && !isShownChange(current, next)
}

func withheldError(u *v1alpha1.CloudSSOUser, directory *v1alpha1.CloudSSODirectory) error {
	budget := "was used up"
	if directory != nil && directory.Spec.DisablementBudget != nil {
		budget = fmt.Sprintf("(%s) is used up", policy.DescribeBudget(directory.Spec.DisablementBudget))
	}
	return &scim.Error{Status: http.StatusTooManyRequests, Reason: ReasonWithheld, RetryAfter: withheldRetryAfter, Detail: fmt.Sprintf(
		"the deactivation of User %q is withheld, because the disablement budget of the directory %q %s; nothing else of the request was changed. "+
			"It is stored since %s, and an administrator of the cluster decides. To apply it: %s %s. To discard it, replace Apply by Discard",
		u.Name, u.Namespace, budget, u.Spec.Withheld.Since.UTC().Format(time.RFC3339), policy.DecideCommand(u.Namespace, v1alpha1.DecisionApply), u.Name)}
}

// asksToActivate reports whether a change sets active to true, whatever it is now.
func asksToActivate(change scim.Change, current schema.Object) bool {
	next, err := change.Attributes(current.With(schema.Active, false))
	return err == nil && next.Get(schema.Active) == true
}

// countedDirectories are the directories as this replica has last written or read their counts, by namespace: the informer
// shows a write a moment later.
type countedDirectories struct{ byNamespace sync.Map }

// newest returns the directory as this replica knows it latest.
func (c *countedDirectories) newest(cached *v1alpha1.CloudSSODirectory) *v1alpha1.CloudSSODirectory {
	if known, ok := c.byNamespace.Load(cached.Namespace); ok {
		if d, ok := known.(*v1alpha1.CloudSSODirectory); ok && index.RevisionOf(d) > index.RevisionOf(cached) {
			return d
		}
	}
	return cached
}

// countDeactivation adds a deactivation to the directory's count; false if the budget is used up, as a live read confirms.
func (n *namespacedStore) countDeactivation(ctx context.Context, cached *v1alpha1.CloudSSODirectory) (within bool, err error) {
	return n.changeCount(ctx, cached, func(d *v1alpha1.CloudSSODirectory) (counted []v1alpha1.CountedDeactivations, within bool) {
		if d.Spec.DisablementBudget == nil {
			return d.Status.Deactivations, true
		}
		return policy.CountDeactivation(d.Spec.DisablementBudget, d.Status.Deactivations, n.Now(), n.countActive)
	})
}

// uncountDeactivation takes a deactivation off the count, also if the request's time is over. If that fails, the count is one
// too high until the window is over.
func (n *namespacedStore) uncountDeactivation(ctx context.Context) {
	cached := n.directory(n.namespace)
	if cached == nil {
		return
	}
	_, err := n.changeCount(context.WithoutCancel(ctx), cached, func(d *v1alpha1.CloudSSODirectory) ([]v1alpha1.CountedDeactivations, bool) {
		return policy.UncountDeactivation(d.Status.Deactivations), true
	})
	if err != nil {
		n.Log.Warn("a deactivation that was not carried out stays counted", "namespace", n.namespace, "error", err)
	}
}

// changeCount writes the counts that change returns, unless it returns false for a directory that was read live.
func (n *namespacedStore) changeCount(ctx context.Context, cached *v1alpha1.CloudSSODirectory, change func(*v1alpha1.CloudSSODirectory) ([]v1alpha1.CountedDeactivations, bool)) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	unlock, err := n.countLocks.lock(ctx, n.namespace)
	if err != nil {
		return false, err
	}
	defer unlock()
	before, isLive := n.counted.newest(cached), false
	for conflicts := (backoff{}); ; {
		after := before.DeepCopy()
		if after.Status.Deactivations, changed = change(before); changed {
			err := n.Client.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
			if err == nil {
				n.counted.byNamespace.Store(n.namespace, after)
			}
			if !apierrors.IsConflict(err) {
				return err == nil, err
			}
			if err := conflicts.wait(ctx); err != nil {
				return false, fmt.Errorf("%d writes of the count conflicted with other writers: %w", conflicts.failed, err)
			}
			n.Retry()
		} else if isLive {
			return false, nil
		}
		before, isLive = &v1alpha1.CloudSSODirectory{}, true
		if err := n.Client.Get(ctx, client.ObjectKeyFromObject(cached), before); err != nil {
			return false, err
		}
	}
}

// countActive returns how many users of the namespace have effect, as this replica's index shows them.
func (n *namespacedStore) countActive() (active int32) {
	users, _ := n.users.index.Page(n.namespace, nil, 1, math.MaxInt, nil)
	for _, u := range users {
		if policy.IsEffective(u, false) {
			active++
		}
	}
	return active
}
