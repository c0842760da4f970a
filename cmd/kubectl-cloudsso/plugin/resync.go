package plugin

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// AcknowledgePush writes on a directory that a full push of the identity provider has made up for every write that was refused
// before a time, in whole seconds. The patch has the UID, so the API server refuses it for another directory of that name.
func AcknowledgePush(ctx context.Context, c client.Client, d *v1alpha1.CloudSSODirectory, pushed time.Time) error {
	before := d.DeepCopy()
	before.UID = ""
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[v1alpha1.AnnotationResynced] = pushed.UTC().Truncate(time.Second).Format(time.RFC3339)
	return c.Patch(ctx, d, client.MergeFrom(before), Author(ctx, c))
}

// PushAfter returns the earliest time of a full push that makes up for refused writes, and for none that is refused later: the end
// of the second in which the newest one was refused. It returns the zero time if no time is known.
func PushAfter(refused *v1alpha1.RefusedWrites) (pushed time.Time) {
	for _, write := range refused.Last {
		if end := write.Time.Add(time.Second); end.After(pushed) {
			pushed = end
		}
	}
	return pushed
}
