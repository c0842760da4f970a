package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// MaxRefusedWrites is how many refused writes a directory's status lists. The others are only counted.
	MaxRefusedWrites = 10
	// maxMethodBytes and maxResourceBytes bound the strings of a client in the status: the longest standard
	// method, and the longest resource type followed by the longest Kubernetes name.
	maxMethodBytes   = 16
	maxResourceBytes = 300
)

func refusedWrite(at time.Time, p auth.Principal, method, resource string) v1alpha1.RefusedWrite {
	return v1alpha1.RefusedWrite{
		Time:       metav1.NewTime(at),
		Method:     bounded(method, maxMethodBytes),
		Resource:   bounded(resource, maxResourceBytes),
		Credential: p.Credential,
	}
}

func bounded(s string, bytes int) string {
	return strings.ToValidUTF8(s[:min(len(s), bytes)], "")
}

// plus returns the sum of older and newer refused writes.
func plus(older, newer v1alpha1.RefusedWrites) v1alpha1.RefusedWrites {
	return v1alpha1.RefusedWrites{Count: older.Count + newer.Count, Last: latest(append(slices.Clone(newer.Last), older.Last...)...)}
}

// latest returns the newest of some refused writes, newest first. Writes of the same second keep their order.
func latest(writes ...v1alpha1.RefusedWrite) []v1alpha1.RefusedWrite {
	slices.SortStableFunc(writes, func(a, b v1alpha1.RefusedWrite) int {
		return cmp.Compare(b.Time.Unix(), a.Time.Unix())
	})
	return writes[:min(len(writes), MaxRefusedWrites)]
}

func (r *Recorder) writeRefusals(ctx context.Context) error {
	r.mu.Lock()
	pending := r.refusals
	r.refusals = map[string]v1alpha1.RefusedWrites{}
	r.mu.Unlock()

	var failures []error
	for namespace, refused := range pending {
		if err := r.addRefusals(ctx, namespace, refused); err != nil {
			failures = append(failures, fmt.Errorf("refused writes of the CloudSSODirectory in namespace %s: %w", namespace, err))
			r.restore(namespace, refused)
		}
	}
	return errors.Join(failures...)
}

// addRefusals adds refusals to the present status of a directory, because other replicas add theirs too. It leaves
// out older refusals that an acknowledged full push has made up for, because the controller may not have removed
// them yet.
func (r *Recorder) addRefusals(ctx context.Context, namespace string, refused v1alpha1.RefusedWrites) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		d := &v1alpha1.CloudSSODirectory{}
		key := directoryTarget(namespace).key
		if err := r.client.Get(ctx, key, d); err != nil {
			// A namespace without a directory is Disabled too, but has no status for refusals.
			return client.IgnoreNotFound(err)
		}
		before := d.DeepCopy()
		var known v1alpha1.RefusedWrites
		if missed := policy.MissedWrites(d, r.now()); missed != nil {
			known = *missed
		}
		sum := plus(known, refused)
		d.Status.RefusedWrites = &sum
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		return client.IgnoreNotFound(r.client.Status().Patch(ctx, d, patch))
	})
}

// restore puts back refusals that could not be written.
func (r *Recorder) restore(namespace string, refused v1alpha1.RefusedWrites) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals[namespace] = plus(refused, r.refusals[namespace])
}
