package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
)

// Turn sets the switch of a directory, for as long as a person does not turn it.
func Turn(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization) error {
	return turn(ctx, c, d, position, nil, Author(ctx, c))
}

// Pause sets the switch of a directory to Disabled, and in the same write the time, in whole seconds, at which the operator sets
// it to Enabled. The time is of the API server's clock: that of the person's machine, now, may be wrong. It returns the time with
// an error too if the write was sent, and none if it was not.
func Pause(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, now time.Time, limit time.Duration) (until *metav1.Time, err error) {
	author := Author(ctx, c)
	if now, err = serverTime(ctx, c, d, now, author); err != nil {
		return nil, err
	}
	until = new(metav1.NewTime(now.Add(limit).Truncate(time.Second)))
	return until, turn(ctx, c, d, v1alpha1.SynchronizationDisabled, until, author)
}

// serverTime returns the time of the API server's clock: it stamps the fields that a dry run of the patch writes. If an admission
// webhook takes the stamps away, it returns now.
func serverTime(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, now time.Time, author client.FieldOwner) (time.Time, error) {
	until := metav1.NewTime(now)
	if d.Spec.ResumeAt != nil { // a field that keeps its value gets no stamp
		until = metav1.NewTime(d.Spec.ResumeAt.Add(time.Second))
	}
	rehearsed := d.DeepCopy()
	if err := turn(ctx, c, rehearsed, v1alpha1.SynchronizationDisabled, &until, author, client.DryRunAll); err != nil {
		return time.Time{}, err
	}
	for _, entry := range rehearsed.ManagedFields {
		if entry.Manager == string(author) && entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Time != nil {
			return entry.Time.Time, nil
		}
	}
	return now, nil
}

// PatchOf returns the beginning of a patch of a directory's spec: the API server refuses it if the spec is not that of d any more.
func PatchOf(d *v1alpha1.CloudSSODirectory) jsonpatch.Patch {
	patch := jsonpatch.Patch{}.TestUID(d).TestGeneration(d)
	if d.Spec.SCIMSynchronization == "" { // the CRD gives each spec a position, so there is no spec
		patch = patch.Add("/spec", struct{}{})
	}
	return patch
}

// turn writes the switch if the spec is still that of d, because another person may have turned it since. It refuses to write a
// field that the cluster's CRD does not have: the switch would stay off.
func turn(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization, until *metav1.Time, options ...client.PatchOption) error {
	patch := PatchOf(d).Add("/spec/scimSynchronization", position)
	switch {
	case until != nil:
		patch = patch.Add("/spec/resumeAt", until)
	case d.Spec.ResumeAt != nil:
		patch = patch.Remove("/spec/resumeAt")
	}
	err := c.Patch(ctx, d, patch, append(options, client.FieldValidation(metav1.FieldValidationStrict))...)
	// The API server refuses an unknown field of a JSON patch like a test that fails, but for the text.
	if jsonpatch.Failed(err) && !strings.Contains(err.Error(), "unknown field") {
		return fmt.Errorf("the directory was changed meanwhile: look at it (kubectl cloudsso status -n %s) and run this again: %w", d.Namespace, ErrChanged)
	}
	return err
}

const (
	// resumeInterval is how often Resume tries again.
	resumeInterval = 100 * time.Millisecond
	// resumePatience is how long Resume tries: after that the operator does it.
	resumePatience = 10 * time.Second
)

// Resume ends the break that Pause has begun, and that ends by itself at a time. It does nothing if synchronization is on, and
// returns an error if the break is another one by now.
func Resume(ctx context.Context, c client.Client, namespace string, until *metav1.Time) error {
	ctx, cancel := context.WithTimeout(ctx, resumePatience)
	defer cancel()
	var err error
	isOther := false
	_ = wait.PollUntilContextCancel(ctx, resumeInterval, true, func(ctx context.Context) (bool, error) {
		var d *v1alpha1.CloudSSODirectory
		switch d, err = Directory(ctx, c, namespace); {
		case err != nil:
		case d.Spec.SCIMSynchronization == v1alpha1.SynchronizationEnabled:
		case !until.Equal(d.Spec.ResumeAt):
			err, isOther = errOtherBreak(d), true
		default:
			err = Turn(ctx, c, d, v1alpha1.SynchronizationEnabled)
		}
		return err == nil || isOther || IsRefused(err) && !errors.Is(err, ErrChanged), nil
	})
	if err == nil || isOther {
		return err
	}
	return fmt.Errorf("%w; if it is off, the operator turns it on at %s, or run: %s", err, until.UTC().Format(time.RFC3339), EnableCommand(namespace))
}

// errOtherBreak says how others have changed a break.
func errOtherBreak(d *v1alpha1.CloudSSODirectory) error {
	end := "until a person turns it on"
	if at := d.Spec.ResumeAt; at != nil {
		end = "until " + at.UTC().Format(time.RFC3339)
	}
	return fmt.Errorf("the directory was changed meanwhile, and its synchronization is Disabled %s. If it need not be, run: %s", end, EnableCommand(d.Namespace))
}

// ErrChanged is in the chain of the error of Turn and Pause if the spec of the directory is another one than the one that was read.
var ErrChanged = errors.New("nothing was changed")

// IsRefused reports whether the error of a write says for sure that the write was not done.
func IsRefused(err error) bool {
	var status apierrors.APIStatus
	if errors.Is(err, ErrChanged) {
		return true
	}
	return errors.As(err, &status) && status.Status().Code >= http.StatusBadRequest && status.Status().Code < http.StatusInternalServerError
}

// EnableCommand returns the command that turns the switch of a directory on.
func EnableCommand(namespace string) string {
	return fmt.Sprintf("kubectl cloudsso sync enable -n %s", namespace)
}

// DisableCommand returns the command that turns the switch of a directory off.
func DisableCommand(namespace string) string {
	return fmt.Sprintf("kubectl cloudsso sync disable -n %s", namespace)
}
