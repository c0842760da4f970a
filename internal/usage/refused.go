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
	// MaxRefusedWrites is how many refused writes a directory names; the others are only counted.
	MaxRefusedWrites = 10
	// maxMethodBytes and maxResourceBytes bound what a client can put into status: the longest standard
	// method, and the longest Kubernetes name after the longest resource type.
	maxMethodBytes   = 16
	maxResourceBytes = 300
)

// refusals are refused writes of one directory: how many, and the last ones, newest first.
type refusals struct {
	count int64
	last  []v1alpha1.RefusedWrite
}

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

// and adds newer refusals.
func (r refusals) and(newer refusals) refusals {
	return refusals{count: r.count + newer.count, last: latest(append(slices.Clone(newer.last), r.last...)...)}
}

// latest returns the newest of some refused writes, newest first. Of those of one moment the order stays.
func latest(writes ...v1alpha1.RefusedWrite) []v1alpha1.RefusedWrite {
	slices.SortStableFunc(writes, func(a, b v1alpha1.RefusedWrite) int {
		return cmp.Compare(b.Time.Unix(), a.Time.Unix())
	})
	return writes[:min(len(writes), MaxRefusedWrites)]
}

func (r *Recorder) writeRefusals(ctx context.Context) error {
	r.mu.Lock()
	pending := r.refusals
	r.refusals = map[string]refusals{}
	r.mu.Unlock()

	var failures []error
	for namespace, refused := range pending {
		if err := r.addRefusals(ctx, namespace, refused); err != nil {
			failures = append(failures, fmt.Errorf("refused writes of the CloudSSODirectory in namespace %s: %w", namespace, err))
			r.keep(namespace, refused)
		}
	}
	return errors.Join(failures...)
}

// addRefusals counts on from what the directory says at that moment, for other replicas count too, but for
// what a full push has made up for: the controller may not have taken that out yet.
func (r *Recorder) addRefusals(ctx context.Context, namespace string, refused refusals) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		d := &v1alpha1.CloudSSODirectory{}
		key := directoryTarget(namespace).key
		if err := r.live.Get(ctx, key, d); err != nil {
			// A namespace without a directory is Disabled too, and has nowhere to say so.
			return client.IgnoreNotFound(err)
		}
		before := d.DeepCopy()
		var known refusals
		if w := policy.MissedWrites(d, r.now()); w != nil {
			known = refusals{count: w.Count, last: w.Last}
		}
		sum := known.and(refused)
		d.Status.RefusedWrites = &v1alpha1.RefusedWrites{Count: sum.count, Last: sum.last}
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		return client.IgnoreNotFound(r.client.Status().Patch(ctx, d, patch))
	})
}

// keep notes refusals again that could not be written.
func (r *Recorder) keep(namespace string, refused refusals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals[namespace] = refused.and(r.refusals[namespace])
}
