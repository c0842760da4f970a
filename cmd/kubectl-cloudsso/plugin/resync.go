package plugin

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// AcknowledgePush writes on a directory that a full push of the identity provider has made up for every write that was refused
// before a time, in whole seconds.
func AcknowledgePush(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, pushed time.Time) error {
	before := d.DeepCopy()
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[v1alpha1.AnnotationResynced] = pushed.UTC().Truncate(time.Second).Format(time.RFC3339)
	return c.Patch(ctx, d, client.MergeFrom(before), client.FieldOwner(FieldManager))
}
