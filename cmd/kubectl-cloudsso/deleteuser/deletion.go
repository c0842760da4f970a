package deleteuser

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
)

const (
	// pollInterval is how often the cluster is asked: a deletion takes tenths of a second.
	pollInterval = 100 * time.Millisecond
	// guardPatience is how long an API server may go on with the old switch: its cache is some milliseconds behind.
	guardPatience = 5 * time.Second
	// resumePatience is how long the switch is tried to be turned on, after that the operator does it.
	resumePatience = 10 * time.Second
)

// deletion deletes one user.
type deletion struct {
	*plugin.Plugin
	c         client.Client
	user      *v1alpha1.CloudSSOUser
	directory *v1alpha1.CloudSSODirectory
	// limit is how long synchronization is off at most.
	limit time.Duration
}

func (d *deletion) run(ctx context.Context) error {
	if !d.needsBreak() {
		return d.delete(ctx)
	}
	if err := plugin.Pause(ctx, d.c, d.directory, d.Now().Add(d.limit)); err != nil {
		return fmt.Errorf("turning synchronization off: %w", err)
	}
	until := d.directory.Spec.ResumeAt.Time
	fmt.Fprintf(d.ErrOut, "synchronization is Disabled until %s\n", until.UTC().Format(time.RFC3339))
	while, cancel := context.WithTimeout(ctx, until.Sub(d.Now()))
	defer cancel()
	// An interrupt does not keep the switch off.
	return errors.Join(d.delete(while), d.resume(context.WithoutCancel(ctx)))
}

// delete deletes the user that was shown, and waits until it is gone.
func (d *deletion) delete(ctx context.Context) error {
	uid := d.user.UID
	var err error
	_ = wait.PollUntilContextTimeout(ctx, pollInterval, guardPatience, true, func(ctx context.Context) (bool, error) {
		err = d.c.Delete(ctx, d.user, client.Preconditions{UID: &uid})
		isPaused := d.directory.Spec.ResumeAt != nil
		return !isPaused || !apierrors.IsForbidden(err), nil
	})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting user %s: %w", d.user.Name, err)
	}
	err = wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		var left v1alpha1.CloudSSOUser
		err := d.c.Get(ctx, client.ObjectKeyFromObject(d.user), &left)
		return apierrors.IsNotFound(err) || err == nil && left.UID != uid, nil
	})
	if err != nil {
		return fmt.Errorf("user %s is not gone yet: its deletion has begun and waits for its finalizers, which a running operator removes (kubectl -n %s get cloudssouser %s -o yaml)",
			d.user.Name, d.user.Namespace, d.user.Name)
	}
	fmt.Fprintf(d.Out, "cloudssouser %s/%s deleted\n", d.user.Namespace, d.user.Name)
	return nil
}

// resume turns synchronization on, unless the directory was changed by others.
func (d *deletion) resume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, resumePatience)
	defer cancel()
	enable := jsonpatch.Patch{}.TestUID(d.directory).TestGeneration(d.directory).
		Replace("/spec/scimSynchronization", v1alpha1.SynchronizationEnabled).Remove("/spec/resumeAt")
	at := d.directory.Spec.ResumeAt.UTC().Format(time.RFC3339)
	err := d.c.Patch(ctx, d.directory, enable, client.FieldOwner(plugin.FieldManager))
	switch {
	case jsonpatch.Failed(err):
		fmt.Fprintf(d.ErrOut, "warning: others have changed the directory in the meantime: look whether synchronization is on (kubectl cloudsso status -n %s)\n", d.directory.Namespace)
		return nil
	case err != nil:
		return fmt.Errorf("turning synchronization on: %w; the operator does it at %s, or run: %s", err, at, plugin.EnableCommand(d.directory.Namespace))
	}
	fmt.Fprintln(d.ErrOut, "synchronization is Enabled")
	return nil
}
