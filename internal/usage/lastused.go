package usage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

const (
	// Resolution is how often a replica writes lastUsedTime and lastRequestTime of an object at most, and how far they are behind at
	// most. Replicas share it: one that finds a later use in the status waits until that is a Resolution ago.
	Resolution = time.Minute
	// fieldResolution is that of a time in a status.
	fieldResolution = time.Second
)

// target is an object whose last use is recorded: a credential or a directory.
type target struct {
	isCredential bool
	key          types.NamespacedName
}

func credentialTarget(p auth.Principal) target {
	return target{true, types.NamespacedName{Namespace: p.Namespace, Name: p.Credential}}
}

func directoryTarget(namespace string) target {
	return target{false, types.NamespacedName{Namespace: namespace, Name: v1alpha1.DirectoryName}}
}

func (t target) String() string {
	if t.isCredential {
		return "SCIMCredential " + t.key.String()
	}
	return "CloudSSODirectory " + t.key.String()
}

// object returns an empty object of the target, and the field of its status that has the last use.
func (t target) object() (o client.Object, lastUse **metav1.Time) {
	meta := metav1.ObjectMeta{Namespace: t.key.Namespace, Name: t.key.Name}
	if t.isCredential {
		c := &v1alpha1.SCIMCredential{ObjectMeta: meta}
		return c, &c.Status.LastUsedTime
	}
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: meta}
	return d, &d.Status.LastRequestTime
}

// writeUse writes the last uses that are due; with all, every one.
func (r *Recorder) writeUse(ctx context.Context, all bool) error {
	var failures []error
	for t, at := range r.pendingUse(all) {
		err := r.recordUse(ctx, t, at, all)
		if client.IgnoreNotFound(err) != nil {
			failures = append(failures, fmt.Errorf("recording the last use of %s: %w", t, err))
		}
	}
	return errors.Join(failures...)
}

// pendingUse returns the last uses of the objects that this replica has not written less than Resolution ago, so that a use that
// no other follows is written too; with all, every one.
func (r *Recorder) pendingUse(all bool) map[target]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.written, func(_ target, at time.Time) bool { return r.now().Sub(at) >= Resolution })
	pending := maps.Clone(r.used)
	maps.DeleteFunc(pending, func(t target, _ time.Time) bool {
		_, recently := r.written[t]
		return recently && !all
	})
	return pending
}

// recordUse writes a use, unless another replica has written one less than Resolution ago; with all, unless a later one is written.
// The write needs no precondition, because only recorders write the field and two concurrent values differ by less than Resolution.
func (r *Recorder) recordUse(ctx context.Context, t target, at time.Time, all bool) error {
	began := r.now()
	o, lastUse := t.object()
	err := r.client.Get(ctx, t.key, o)
	if err == nil && *lastUse != nil {
		last := (*lastUse).Time
		switch {
		case at.Sub(last) < fieldResolution:
			r.forget(t, at, last)
			return nil
		case !all && began.Sub(last) < Resolution:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.written[t] = last // the next read can wait until the use is due
			return nil
		}
	}
	if err == nil {
		empty, _ := t.object()
		o, lastUse = t.object()
		*lastUse = &metav1.Time{Time: at}
		err = r.client.Status().Patch(ctx, o, client.MergeFrom(empty))
	}
	if err == nil || apierrors.IsNotFound(err) {
		r.forget(t, at, began)
	}
	return err
}

// forget removes a use that was written or whose object is gone, unless a later use has replaced it. The next one is due a
// Resolution after a time.
func (r *Recorder) forget(t target, at, written time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[t] = written
	if r.used[t].Equal(at) {
		delete(r.used, t)
	}
}
