package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// pollInterval is how often the cluster is asked: a deletion takes tenths of a second.
	pollInterval = 100 * time.Millisecond
	// switchPatience is how long an API server may refuse a deletion because of the old switch: its cache is some milliseconds behind.
	switchPatience = 5 * time.Second
	// startPatience is how long an API server that has started refuses each deletion: half a minute, and some reserve.
	startPatience = 45 * time.Second
	// guardPatience is how long the break goes on at most after an interrupt: a running operator takes the guard off within a second.
	guardPatience = 5 * time.Second
	// reportPatience bounds the last look at the user.
	reportPatience = 10 * time.Second
)

// Deletion deletes one user, a synchronized one while synchronization is off for that.
type Deletion struct {
	Client    client.Client
	User      *v1alpha1.CloudSSOUser
	Directory *v1alpha1.CloudSSODirectory
	// Limit is how long synchronization is off at most, and how long the deletion is waited for.
	Limit time.Duration
	// Within says that the person has agreed to delete the user within a break that is on already.
	Within bool
	Now    func() time.Time
	// Turned is told of each turn of the switch, in words.
	Turned func(string)
}

// Run deletes the user, in a break if it needs one, and returns in words what has become of it. An interrupt does not keep the
// switch off.
func (d *Deletion) Run(ctx context.Context) (done string, err error) {
	user, err := d.read(ctx)
	if err != nil {
		return "", err
	}
	if user == nil {
		return fmt.Sprintf("cloudssouser %s/%s is gone already", d.User.Namespace, d.User.Name), nil
	}
	if err := d.checkRight(ctx); err != nil {
		return "", err
	}
	sent, err := d.deleteWhileOff(ctx)
	if !sent {
		return "", err
	}
	done, unfinished := d.outcome(context.WithoutCancel(ctx))
	return done, errors.Join(err, unfinished)
}

// checkRight refuses a person without the right before synchronization is turned off for nothing.
func (d *Deletion) checkRight(ctx context.Context) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: v1alpha1.GroupVersion.Group, Resource: "cloudssousers", Verb: "delete", Namespace: d.User.Namespace, Name: d.User.Name,
		},
	}}
	if err := d.Client.Create(ctx, review); err != nil {
		return fmt.Errorf("asking whether you may delete user %s: %w", d.User.Name, err)
	}
	if !review.Status.Allowed {
		return fmt.Errorf("you lack the right to delete cloudssousers of %s in namespace %s: %w. The role admin of the namespace has it",
			v1alpha1.GroupVersion.Group, d.User.Namespace, ErrNoRight)
	}
	return nil
}

// ErrNoRight is in the chain of the error of Run if the person lacks the right to delete the user.
var ErrNoRight = errors.New("nothing was changed")

// deleteWhileOff deletes the user, and turns synchronization off for that if it has to. It reports whether the deletion was sent.
func (d *Deletion) deleteWhileOff(ctx context.Context) (sent bool, err error) {
	if !d.NeedsBreak() {
		return d.deleteWithin(ctx)
	}
	until, err := Pause(ctx, d.Client, d.Directory, d.Now(), d.Limit)
	if err != nil {
		err = fmt.Errorf("turning synchronization off: %w", err)
		if until != nil && !IsRefused(err) { // it may be off
			err = errors.Join(err, d.resume(context.WithoutCancel(ctx), until))
		}
		return false, err
	}
	d.Turned("synchronization is Disabled until " + until.UTC().Format(time.RFC3339))
	sent, err = d.deleteWithin(ctx)
	if sent && ctx.Err() != nil {
		d.awaitUnguarded(context.WithoutCancel(ctx))
	}
	// An interrupt does not keep the switch off.
	return sent, errors.Join(err, d.resume(context.WithoutCancel(ctx), until))
}

// deleteWithin deletes the user that was shown, and waits until it is gone, within the limit. It reports whether the user may be
// being deleted.
func (d *Deletion) deleteWithin(ctx context.Context) (sent bool, err error) {
	within, cancel := context.WithTimeout(ctx, d.Limit)
	defer cancel()
	if err = d.send(within); err != nil {
		err = fmt.Errorf("deleting user %s: %w", d.User.Name, err)
		if IsRefused(err) {
			return false, err
		}
	}
	d.await(within, isSettled)
	return true, err
}

// awaitUnguarded waits until the operator has taken the guard off the user: synchronization that is on would hold the deletion.
func (d *Deletion) awaitUnguarded(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, guardPatience)
	defer cancel()
	d.await(ctx, isUnguarded)
}

// send sends the deletion, again while the API server does not know the switch.
func (d *Deletion) send(ctx context.Context) error {
	begin, uid := d.Now(), d.User.UID
	var err error
	_ = wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		err = client.IgnoreNotFound(d.Client.Delete(ctx, d.User, client.Preconditions{UID: &uid}))
		return !mayPass(err, d.Now().Sub(begin)), nil
	})
	return err
}

// mayPass reports whether the refusal of a deletion may pass by itself: that of the guard, which reads the switch from a cache.
// The API server has no code for it.
func mayPass(err error, waited time.Duration) bool {
	switch {
	case !apierrors.IsForbidden(err):
		return false
	case strings.Contains(err.Error(), "failed to configure binding"), strings.Contains(err.Error(), "failed to configure policy"):
		return waited < startPatience
	}
	return strings.Contains(err.Error(), "is synchronized by SCIM") && waited < switchPatience
}

// read returns the user as it is, nil if it is gone.
func (d *Deletion) read(ctx context.Context) (*v1alpha1.CloudSSOUser, error) {
	user := &v1alpha1.CloudSSOUser{}
	err := d.Client.Get(ctx, client.ObjectKeyFromObject(d.User), user)
	if apierrors.IsNotFound(err) || err == nil && user.UID != d.User.UID {
		return nil, nil
	}
	return user, err
}

// await waits until the user, nil if it is gone, is in a state.
func (d *Deletion) await(ctx context.Context, is func(*v1alpha1.CloudSSOUser) bool) {
	_ = wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		user, err := d.read(ctx)
		return err == nil && is(user), nil
	})
}

// isSettled reports whether a user is gone, or is not being deleted.
func isSettled(user *v1alpha1.CloudSSOUser) bool { return user == nil || !policy.IsBeingDeleted(user) }

func isUnguarded(user *v1alpha1.CloudSSOUser) bool {
	return isSettled(user) || !slices.Contains(user.Finalizers, v1alpha1.FinalizerGuard)
}

// outcome returns in words what has become of the user, as an error if it is not gone.
func (d *Deletion) outcome(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, reportPatience)
	defer cancel()
	user, err := d.read(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("user %s may not be gone: %w", d.User.Name, err)
	case user == nil:
		return fmt.Sprintf("cloudssouser %s/%s deleted", d.User.Namespace, d.User.Name), nil
	}
	directory, err := Directory(ctx, d.Client, d.User.Namespace)
	if err != nil {
		return "", err
	}
	return "", errors.New(unfinished(user, policy.SwitchOf(directory)))
}

// unfinished says what a user that is not gone waits for.
func unfinished(user *v1alpha1.CloudSSOUser, position policy.Switch) string {
	switch {
	case !policy.IsBeingDeleted(user):
		return fmt.Sprintf("user %s is not being deleted: delete it again", user.Name)
	case policy.ProtectsDeletion(user, position):
		return fmt.Sprintf("user %s is not gone: its deletion has begun, and is held while synchronization is on. It keeps its access until then. "+
			"It goes when synchronization is off and the operator runs: delete it again then", user.Name)
	}
	return fmt.Sprintf("user %s is not gone yet: its deletion has begun and waits for its finalizers (%s). A running operator removes those of cloudsso.dev (kubectl -n %s get cloudssouser %s -o yaml)",
		user.Name, strings.Join(user.Finalizers, ", "), user.Namespace, user.Name)
}

// resume turns synchronization on, unless the break was changed by others.
func (d *Deletion) resume(ctx context.Context, until *metav1.Time) error {
	if err := Resume(ctx, d.Client, d.Directory.Namespace, until); err != nil {
		return fmt.Errorf("turning synchronization on: %w", err)
	}
	d.Turned("synchronization is Enabled")
	return nil
}
