package access

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
)

const (
	// parallelWrites is how many bindings a pass writes at a time: the targets of an assignment need not wait for each other,
	// and revocations have writes of their own.
	parallelWrites = 8
	// maxGrowing is how many bindings one pass adds subjects to. A pass takes some tenths of a second then, and what takes
	// access away goes before the next one (docs/adr/0022-cost-of-a-grant.md).
	maxGrowing = 64
)

// write is one write of a pass.
type write struct {
	bindings.Binding
	added []string // Kubernetes user names that get the role by it
	from  *target
}

// write carries out what was planned: first the writes that only take away, then as many of the others as one pass may. A
// binding to another role is deleted among the first ones, and created among the others.
func (p *pass) write(ctx context.Context) (done result) {
	var growing []write
	var shrinking []write
	for _, t := range p.targets {
		for _, number := range slices.Sorted(maps.Keys(t.changes)) {
			w := p.writeOf(t, number)
			if len(w.added) == 0 {
				shrinking = append(shrinking, w)
				continue
			}
			if p.hasOtherRole(t, number) {
				shrinking = append(shrinking, w.deletion())
				w.ResourceVersion = ""
			}
			growing = append(growing, w)
		}
		done.repaired = append(done.repaired, p.repaired(t)...)
	}
	p.writeAll(ctx, shrinking, &done)
	if len(growing) > maxGrowing {
		growing, done.isIncomplete = growing[:maxGrowing], true
	}
	p.writeAll(ctx, growing, &done)
	return done
}

// writeOf returns the planned write of a binding. If the binding is created again with another role, each of its users gets
// that.
func (p *pass) writeOf(t *target, number int) write {
	w := write{from: t, Binding: bindings.Binding{
		Origin: p.origin, Target: t.name, Number: number, ResourceVersion: t.view.ResourceVersion(number),
		RoleRef: access.RoleRef(p.roleRef), Subjects: withoutCopies(t.changes[number]),
	}}
	had := setOf(t.view.Subjects(number)...)
	isOther := p.hasOtherRole(t, number)
	for _, name := range w.Subjects {
		if isOther || !had[name] {
			w.added = append(w.added, name)
		}
	}
	return w
}

// deletion returns the write that deletes the binding.
func (w write) deletion() write {
	w.Subjects, w.added = nil, nil
	return w
}

// withoutCopies returns names without those that come a second time.
func withoutCopies(names []string) []string {
	seen := make(map[string]bool, len(names))
	kept := make([]string, 0, len(names))
	for _, name := range names {
		if !seen[name] {
			kept = append(kept, name)
		}
		seen[name] = true
	}
	return kept
}

// writeAll writes bindings in parallel. A failure of one is no reason to leave out another.
func (p *pass) writeAll(ctx context.Context, writes []write, done *result) {
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(parallelWrites)
	for _, w := range writes {
		all.Go(func() error {
			err := p.writeOne(ctx, w)
			mu.Lock()
			defer mu.Unlock()
			p.record(w, err, done)
			return nil
		})
	}
	_ = all.Wait() // no function returns an error
}

func (p *pass) writeOne(ctx context.Context, w write) error {
	if len(w.Subjects) == 0 && w.from.drift.vanished[w.Number] {
		return p.deleteUnlabelled(ctx, w)
	}
	return p.Bindings.Write(ctx, w.Binding)
}

// deleteUnlabelled deletes a binding that no informer shows any more, if it exists: without its label it would grant on.
func (p *pass) deleteUnlabelled(ctx context.Context, w write) error {
	var o client.Object = &rbacv1.RoleBinding{}
	if w.Target == cluster {
		o = &rbacv1.ClusterRoleBinding{}
	}
	key := client.ObjectKey{Namespace: w.Target, Name: access.BindingName(w.Directory, w.Assignment, w.Number)}
	if err := p.Live.Get(ctx, key, o); err != nil {
		return client.IgnoreNotFound(err)
	}
	uid := o.GetUID()
	return client.IgnoreNotFound(p.Delete(ctx, o, client.Preconditions{UID: &uid}, client.DisableReadYourWritesConsistency))
}

// record notes what a write has come to.
func (p *pass) record(w write, err error, done *result) {
	seen := p.known.seen[w.Target]
	switch {
	case err == nil && len(w.Subjects) == 0:
		delete(seen, w.Number)
	case err == nil:
		seen[w.Number] = observedBinding{names: w.Subjects}
	case apierrors.IsConflict(err):
		done.isOvertaken = true
	case apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		// The namespace goes, and its event follows.
	default:
		done.err = cmp.Or(done.err, fmt.Errorf("writing %s: %w", p.describe(w.Target, w.Number), err))
		done.isRemovalLeft = done.isRemovalLeft || len(w.added) == 0
		if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			done.refused = fmt.Sprintf("the API server refuses %s: %s", p.describe(w.Target, w.Number), err)
			p.rights.forget(p.roleRef)
		}
	}
	if err != nil && !apierrors.IsConflict(err) {
		// A write without an answer may be carried out all the same.
		seen[w.Number] = observedBinding{names: w.from.view.Subjects(w.Number)}
	}
	if len(w.added) > 0 && !apierrors.IsConflict(err) {
		if p.known.added == nil {
			p.known.added = map[string]grantee{}
		}
		for _, name := range w.added {
			p.known.added[name] = p.granteeOf(name)
		}
	}
}
