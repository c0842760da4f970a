package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

const (
	// settleTimeout bounds the wait for the informer to deliver an own write: usually a millisecond.
	settleTimeout = 3 * time.Second
	// retryAfter is what a client is asked to wait after a 503: long enough for an API server to come
	// back from a restart of its own, short against a provider's patience.
	retryAfter = 5 * time.Second
)

// errStale says that an object is no longer what a write was computed from. It never leaves the package.
var errStale = errors.New("the object has changed")

// write stores next in the place of current, spec and annotations, and nothing else. Its precondition
// is the generation: a status written meanwhile is no conflict.
func (c *collection[T]) write(ctx context.Context, current, next T) (T, error) {
	c.stamp(next)
	precondition := jsonpatch.Patch{}.TestGeneration(current)
	if len(current.GetAnnotations()) == 0 {
		precondition = jsonpatch.Patch{}.TestRevision(current) // the annotations are written whole
	}
	return c.patch(ctx, current, precondition.Replace("/spec", c.spec(next)).Annotations(current, next))
}

// stamp makes an object's meta.lastModified now.
func (c *collection[T]) stamp(o T) {
	annotate(o, v1alpha1.AnnotationLastModified, c.now().UTC().Format(time.RFC3339Nano))
}

func (c *collection[T]) patch(ctx context.Context, current T, p jsonpatch.Patch) (T, error) {
	o := c.blank()
	o.SetNamespace(current.GetNamespace())
	o.SetName(current.GetName())
	encoded, err := p.Encode()
	if err != nil {
		return o, err
	}
	err = c.client.Patch(ctx, o, encoded)
	if apierrors.IsNotFound(err) {
		return o, scim.NotFound(c.resource.Name, current.GetName())
	}
	return o, c.translate(err)
}

// undo removes an object that this request created and nobody was told of.
func (c *collection[T]) undo(ctx context.Context, created T) error {
	uid := created.GetUID()
	err := c.client.Delete(ctx, created, client.Preconditions{UID: &uid})
	switch {
	case err != nil && policyNotReady(err) && c.disown != nil:
		return c.deprive(ctx, created)
	case err != nil:
		return c.translate(client.IgnoreNotFound(err))
	}
	return c.dropFinalizers(ctx, created)
}

// deprive makes an object nobody, where an API server that has just started lets nothing be deleted.
func (c *collection[T]) deprive(ctx context.Context, created T) error {
	next := c.copy(created)
	c.disown(next, c.now())
	written, err := c.patch(ctx, created, jsonpatch.Patch{}.TestUID(created).Replace("/spec", c.spec(next)))
	if err == nil {
		c.settle(ctx, written)
	}
	return err
}

// dropFinalizers lets an object go that is being deleted, and waits until the index shows it gone.
func (c *collection[T]) dropFinalizers(ctx context.Context, o T) error {
	if _, err := c.patch(ctx, o, jsonpatch.Patch{}.TestUID(o).Replace("/metadata/finalizers", []string{})); err != nil && !isNotFound(err) {
		return err
	}
	return c.pass(ctx) // the answer to the patch does not tell the revision of the deletion
}

// annotate sets an annotation, or removes it when the value is empty.
func annotate(o client.Object, key, value string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	if value == "" {
		delete(annotations, key)
	}
	o.SetAnnotations(annotations)
}

// translate makes an answer of the API server one that an identity provider can be given.
func (c *collection[T]) translate(err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case policyNotReady(err):
		return scim.Unavailable(retryAfter, err)
	case apierrors.IsConflict(err), jsonpatch.Failed(err):
		return errStale
	case apierrors.IsInvalid(err):
		return invalid(err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &scim.Error{Status: http.StatusForbidden, Detail: "this directory is being deleted", Cause: err}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err): // as for some seconds after an API server's start
		return scim.Unavailable(retryAfter, fmt.Errorf("the API server refuses the operator; if that lasts, see config/rbac and config/policy: %w", err))
	case apierrors.IsBadRequest(err):
		return fmt.Errorf("the API server refuses the operator: %w", err)
	case apierrors.IsRequestEntityTooLargeError(err):
		return &scim.Error{Status: http.StatusRequestEntityTooLarge, Detail: "the resource is too large to be stored", Cause: err}
	case errors.As(err, &status), !errors.Is(err, context.Canceled):
		return scim.Unavailable(retryAfter, err)
	}
	return err
}

// policyNotReady recognises that an admission policy could not be evaluated: for half a minute after an
// API server's start the guard refuses even the operator's own deletions. There is no reason or code for
// it, only k8s.io/apiserver's wording.
func policyNotReady(err error) bool {
	return strings.Contains(err.Error(), "failed to configure binding") || strings.Contains(err.Error(), "failed to configure policy")
}

// invalid names the attributes that the resource's own validation refused.
func invalid(err error) error {
	var status apierrors.APIStatus
	errors.As(err, &status)
	var details []string
	for _, cause := range status.Status().Details.Causes {
		details = append(details, strings.TrimPrefix(cause.Field, "spec.")+": "+cause.Message)
	}
	return scim.BadRequest(scim.InvalidValue, "%s", strings.Join(details, "; "))
}

// watermark is a level that only rises.
type watermark struct{ value atomic.Uint64 }

func (w *watermark) level() uint64 { return w.value.Load() }

func (w *watermark) raise(to uint64) {
	for {
		level := w.value.Load()
		if to <= level || w.value.CompareAndSwap(level, to) {
			return
		}
	}
}
