package bindings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
)

// Binding is a binding as it should be.
type Binding struct {
	access.Origin
	// Target is the namespace of the binding; "" for a ClusterRoleBinding.
	Target string
	Number int
	// ResourceVersion is that of the binding from which this one was planned, as View.ResourceVersion returns it; "" if there
	// was none.
	ResourceVersion string
	RoleRef         rbacv1.RoleRef
	// Subjects are Kubernetes user names. Without one the binding is deleted.
	Subjects []string
}

// writing is the bindings that Write is writing. Safe for concurrent use; the zero value is empty.
type writing struct {
	mu    sync.Mutex
	calls map[objectKey]int
}

// begin records that a binding is being written until end is called.
func (w *writing) begin(key objectKey) (end func()) {
	w.add(key, 1)
	return func() { w.add(key, -1) }
}

func (w *writing) add(key objectKey, calls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls = map[objectKey]int{}
	}
	if w.calls[key] += calls; w.calls[key] == 0 {
		delete(w.calls, key)
	}
}

func (w *writing) has(key objectKey) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[key] > 0
}

// Write creates, changes or deletes a binding, and returns once the index shows it. The error is a Conflict of the API
// machinery if the binding is not what it was planned from any more. A binding whose role is another one is deleted, and
// created again. A binding whose labels were edited or removed, so that no informer shows it, is taken over. If the API server
// forbids a change that only takes subjects out, the binding is deleted. To delete what is gone is no error; to create in a
// namespace that does not exist is NotFound.
func (b *Bindings) Write(ctx context.Context, want Binding) error {
	key := objectKey{want.Target, access.BindingName(want.Directory, want.Assignment, want.Number)}
	current, version := b.index.get(key), ""
	if current != nil {
		version = current.object.GetResourceVersion()
	}
	if version != want.ResourceVersion {
		return conflict(key, errors.New("the binding has changed since it was looked at"))
	}
	defer b.writing.begin(key)()
	if len(want.Subjects) == 0 && isBeingDeleted(current) { // another deletion changes nothing that could be waited for
		return b.removeHeld(ctx, current)
	}
	if err := b.write(ctx, key, current, want); err != nil {
		return err
	}
	if current != nil || len(want.Subjects) > 0 {
		b.awaitShown(ctx, key, version)
	}
	if held := b.index.get(key); len(want.Subjects) == 0 && isBeingDeleted(held) {
		return b.removeHeld(ctx, held)
	}
	return nil
}

func (b *Bindings) write(ctx context.Context, key objectKey, current *entry, want Binding) error {
	switch {
	case current == nil && len(want.Subjects) == 0:
		return nil
	case current == nil:
		return b.create(ctx, key, want)
	case len(want.Subjects) == 0:
		return b.delete(ctx, current)
	case current.object.RoleRef != want.RoleRef:
		if err := b.delete(ctx, current); err != nil {
			return err
		}
		return b.create(ctx, key, want)
	}
	err := b.update(ctx, current.object, want)
	if isForbidden(err) && !slices.ContainsFunc(want.Subjects, func(name string) bool { return !slices.Contains(current.names, name) }) {
		return b.delete(ctx, current)
	}
	return err
}

func (b *Bindings) create(ctx context.Context, key objectKey, want Binding) error {
	o := makeObject(key, want.RoleRef, access.Subjects(want.Subjects))
	want.Origin.Write(o)
	err := b.Client.Create(ctx, o)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	existing, err := b.readLive(ctx, key)
	switch {
	case err != nil:
		return err
	case existing == nil, isLabelled(existing): // the informer is about to show it
		return conflict(key, errors.New("the binding was created or deleted at the same time"))
	}
	return b.write(ctx, key, existing, want)
}

// isLabelled reports whether a binding has the labels that Selector asks for, with the values that its name says.
func isLabelled(e *entry) bool {
	labels := e.object.GetLabels()
	return labels[v1alpha1.LabelDirectory] == e.origin.Directory && labels[v1alpha1.LabelAssignment] == e.origin.Assignment
}

// update makes a binding what is wanted.
func (b *Bindings) update(ctx context.Context, current *Object, want Binding) error {
	next, ok := current.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", current.Object)
	}
	want.Origin.Write(next)
	setSubjects(next, access.Subjects(want.Subjects))
	err := b.Client.Patch(ctx, next, client.MergeFromWithOptions(current.Object, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsNotFound(err) { // not the namespace's, which a create would find
		return conflict(keyOf(current), err)
	}
	return err
}

// isBeingDeleted reports whether a finalizer of another program keeps a binding that is being deleted.
func isBeingDeleted(e *entry) bool { return e != nil && e.object.GetDeletionTimestamp() != nil }

// removeHeld takes all subjects out of a binding that is being deleted, because it grants on meanwhile, if it is still the version
// given. One whose role the operator may not bind stays as it is.
func (b *Bindings) removeHeld(ctx context.Context, e *entry) error {
	current := e.object
	if len(current.Subjects) == 0 {
		return nil
	}
	empty := makeObject(keyOf(current), current.RoleRef, nil)
	p := jsonpatch.Patch{}.TestUID(current).TestRevision(current).Remove("/subjects")
	switch err := b.Client.Patch(ctx, empty, p); {
	case err == nil:
		b.awaitShown(ctx, keyOf(current), current.GetResourceVersion())
		return nil
	case isForbidden(err):
		b.Log.Error("a finalizer keeps a binding that is being deleted, and the API server forbids to take its subjects out, so that they keep the role",
			"binding", keyOf(current).String(), "role", current.RoleRef.Name, "error", err)
		return nil
	case jsonpatch.Failed(err):
		return conflict(keyOf(current), err)
	default:
		return client.IgnoreNotFound(err)
	}
}

// delete deletes a binding if it is still the version given. If a finalizer of another program keeps it, its subjects are taken
// out at the next call.
func (b *Bindings) delete(ctx context.Context, current *entry) error {
	if isBeingDeleted(current) {
		return b.removeHeld(ctx, current)
	}
	uid, version := current.object.GetUID(), current.object.GetResourceVersion()
	err := b.Client.Delete(ctx, current.key.empty(), client.Preconditions{UID: &uid, ResourceVersion: &version})
	return client.IgnoreNotFound(err)
}

// removeSubjects removes Kubernetes user names from a binding, and leaves everything else as it is, whatever that is by now.
// The binding is deleted if it has no other subject, or if the API server forbids the change, because the operator may not bind
// the role any more. The error is a Conflict if the subjects have moved in the binding.
func (b *Bindings) removeSubjects(ctx context.Context, e *entry, names []string) error {
	p, left := removal(e.object, names)
	if left == 0 {
		if err := b.delete(ctx, e); !apierrors.IsConflict(err) {
			return err
		}
	}
	err := b.Client.Patch(ctx, e.key.empty(), p)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case isForbidden(err):
		b.Log.Error("the API server forbids to take subjects out of a binding that have lost access, so the binding is deleted",
			"binding", e.key.String(), "role", e.object.RoleRef.Name, "error", err)
		return b.deleteForbidden(ctx, e.key)
	case jsonpatch.Failed(err):
		return conflict(e.key, err)
	}
	return err
}

// deleteForbidden deletes a binding of which the API server permits no change. It has no precondition, because others may go
// on changing it.
func (b *Bindings) deleteForbidden(ctx context.Context, key objectKey) error {
	return client.IgnoreNotFound(b.Client.Delete(ctx, key.empty()))
}

// removal returns the patch that takes Kubernetes user names out of a binding, and how many subjects that leaves. Each
// operation tests what it removes, so the patch needs no resourceVersion, and other changes of the binding are no conflict.
func removal(o *Object, names []string) (p jsonpatch.Patch, left int) {
	p = jsonpatch.Patch{}.TestUID(o)
	for i, subject := range slices.Backward(o.Subjects) {
		user, _ := access.NamesOf(o.Subjects[i : i+1])
		if len(user) == 0 || !slices.Contains(names, subject.Name) {
			left++
			continue
		}
		path := fmt.Sprintf("/subjects/%d", i)
		p = p.Test(path+"/name", subject.Name).Test(path+"/kind", subject.Kind).Remove(path)
	}
	return p, left
}

// isForbidden reports whether the API server forbids a change of an existing object.
func isForbidden(err error) bool { return apierrors.IsForbidden(err) }

// conflict returns a Conflict of the API machinery.
func conflict(key objectKey, err error) error {
	resource := "rolebindings"
	if key.Target == "" {
		resource = "clusterrolebindings"
	}
	return apierrors.NewConflict(schema.GroupResource{Group: rbacv1.GroupName, Resource: resource}, key.Name, err)
}
