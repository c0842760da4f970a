package plugin

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Turn sets the switch of a directory, for as long as a person does not turn it.
func Turn(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization) error {
	return turn(ctx, c, d, position, nil)
}

// Pause sets the switch of a directory to Disabled, and in the same write the time, in whole seconds, at which the operator sets
// it to Enabled.
func Pause(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, until time.Time) error {
	return turn(ctx, c, d, v1alpha1.SynchronizationDisabled, new(metav1.NewTime(until.Truncate(time.Second))))
}

// turn refuses to write a field that the cluster's CRD does not have: the switch would stay off.
func turn(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, position v1alpha1.Synchronization, until *metav1.Time) error {
	before := d.DeepCopy()
	d.Spec.SCIMSynchronization, d.Spec.ResumeAt = position, until
	return c.Patch(ctx, d, client.MergeFrom(before), client.FieldOwner(FieldManager), client.FieldValidation(metav1.FieldValidationStrict))
}

// EnableCommand returns the command that turns the switch of a directory on.
func EnableCommand(namespace string) string {
	return fmt.Sprintf("kubectl cloudsso sync enable -n %s", namespace)
}
