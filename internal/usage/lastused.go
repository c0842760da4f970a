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

// Resolution of lastUsedTime and lastRequestTime: each is written at most this often, by all replicas
// together but for a race, and is at most this far behind.
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

// object returns a blank object of the target's kind, the field that holds its last use, and how to read it.
func (t target) object() (o client.Object, field string, read func() *metav1.Time) {
	meta := metav1.ObjectMeta{Namespace: t.key.Namespace, Name: t.key.Name}
	if t.kind == credentialKind {
		c := &v1alpha1.SCIMCredential{ObjectMeta: meta}
		return c, "lastUsedTime", func() *metav1.Time { return c.Status.LastUsedTime }
	}
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: meta}
	return d, "lastRequestTime", func() *metav1.Time { return d.Status.LastRequestTime }
}

// writeUse writes the last uses that are due, or all of them.
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
			r.settle(t, at)
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

// due says whether a use is to be written: not if this replica or another wrote one less than Resolution
// before, unless all are asked for; and never back in time.
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
	r.written[t] = recorded.Time // by another replica; no need to ask again before it is due
	return false, nil
}

// stamp writes a use. No precondition: the field is its own, and of two stamps either serves.
func (r *Recorder) stamp(ctx context.Context, t target, at time.Time) error {
	o, field, _ := t.object()
	patch, err := json.Marshal(map[string]any{"status": map[string]any{field: metav1.NewTime(at)}})
	if err != nil {
		return err
	}
	return r.client.Status().Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
}

// settle strikes a use off that is written, or whose object is gone, unless there is a later one.
func (r *Recorder) settle(t target, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[t] = at
	if r.used[t].Equal(at) {
		delete(r.used, t)
	}
}
