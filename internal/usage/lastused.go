package usage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// Resolution is how often lastUsedTime and lastRequestTime are written at most, and how far they are behind at
// most. It holds for all replicas together, except that two may write at the same time.
const Resolution = time.Minute

// target is an object whose last use is recorded.
type target struct {
	kind kind
	key  types.NamespacedName
}

type kind string

const (
	credentialKind kind = "SCIMCredential"
	directoryKind  kind = "CloudSSODirectory"
)

func credentialTarget(p auth.Principal) target {
	return target{credentialKind, types.NamespacedName{Namespace: p.Namespace, Name: p.Credential}}
}

func directoryTarget(namespace string) target {
	return target{directoryKind, types.NamespacedName{Namespace: namespace, Name: v1alpha1.DirectoryName}}
}

// object returns an empty object of the target's kind, the status field of its last use, and a function that reads
// the field from the object.
func (t target) object() (o client.Object, field string, read func() *metav1.Time) {
	meta := metav1.ObjectMeta{Namespace: t.key.Namespace, Name: t.key.Name}
	if t.kind == credentialKind {
		c := &v1alpha1.SCIMCredential{ObjectMeta: meta}
		return c, "lastUsedTime", func() *metav1.Time { return c.Status.LastUsedTime }
	}
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: meta}
	return d, "lastRequestTime", func() *metav1.Time { return d.Status.LastRequestTime }
}

// writeUse writes the last uses that are due; with all, every one.
func (r *Recorder) writeUse(ctx context.Context, all bool) error {
	var failures []error
	for t, at := range r.pendingUse() {
		due, err := r.due(ctx, t, at, all)
		if err == nil && due {
			err = r.stamp(ctx, t, at)
		}
		if client.IgnoreNotFound(err) != nil {
			failures = append(failures, fmt.Errorf("%s %s: %w", t.kind, t.key, err))
			continue
		}
		if due || err != nil {
			r.forget(t, at)
		}
	}
	return errors.Join(failures...)
}

func (r *Recorder) pendingUse() map[target]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.written, func(_ target, at time.Time) bool { return r.now().Sub(at) >= Resolution })
	return maps.Clone(r.used)
}

// due reports whether a use must be written. It is not due if this or another replica wrote a use less than
// Resolution earlier, except with all. A use that is older than the written one is never due.
func (r *Recorder) due(ctx context.Context, t target, at time.Time, all bool) (bool, error) {
	r.mu.Lock()
	written := r.written[t]
	r.mu.Unlock()
	if !all && at.Sub(written) < Resolution {
		return false, nil
	}
	o, _, read := t.object()
	if err := r.client.Get(ctx, t.key, o); err != nil {
		return false, err
	}
	recorded := read()
	switch {
	case recorded == nil:
		return true, nil
	case all:
		return at.Truncate(time.Second).After(recorded.Time), nil
	case at.Sub(recorded.Time) >= Resolution:
		return true, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[t] = recorded.Time // another replica wrote it: the next read can wait until a use is due again
	return false, nil
}

// stamp writes a use. It needs no precondition, because only recorders write the field and two concurrent values
// differ by less than Resolution.
func (r *Recorder) stamp(ctx context.Context, t target, at time.Time) error {
	o, field, _ := t.object()
	patch, err := json.Marshal(map[string]any{"status": map[string]any{field: metav1.NewTime(at)}})
	if err != nil {
		return err
	}
	return r.client.Status().Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
}

// forget removes a use that was written or whose object is gone, unless a later use has replaced it.
func (r *Recorder) forget(t target, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[t] = at
	if r.used[t].Equal(at) {
		delete(r.used, t)
	}
}
