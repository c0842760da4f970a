package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
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
	annotate(next, v1alpha1.AnnotationLastModified, c.now().UTC().Format(time.RFC3339Nano))
	precondition := testGeneration(current)
	if len(current.GetAnnotations()) == 0 {
		precondition = testRevision(current) // the annotations are written whole
	}
	return c.patch(ctx, current, patchOf(precondition).
		add("replace", "/spec", c.spec(next)).
		annotations(current, next))
}

func (c *collection[T]) patch(ctx context.Context, current T, p jsonPatch) (T, error) {
	o := c.blank()
	o.SetNamespace(current.GetNamespace())
	o.SetName(current.GetName())
	data, err := json.Marshal(p)
	if err != nil {
		return o, err
	}
	err = c.client.Patch(ctx, o, client.RawPatch(types.JSONPatchType, data))
	if apierrors.IsNotFound(err) {
		return o, scim.NotFound(c.resource.Name, current.GetName())
	}
	return o, c.translate(err)
}

// undo removes an object that this request created and nobody was told of.
func (c *collection[T]) undo(ctx context.Context, created T) error {
	uid := created.GetUID()
	if err := c.client.Delete(ctx, created, client.Preconditions{UID: &uid}); err != nil {
		return c.translate(client.IgnoreNotFound(err))
	}
	return c.dropFinalizers(ctx, created)
}

// dropFinalizers lets an object go that is being deleted, and waits until the index shows it gone.
func (c *collection[T]) dropFinalizers(ctx context.Context, o T) error {
	p := patchOf(jsonPatchOperation{"test", "/metadata/uid", o.GetUID()}).add("replace", "/metadata/finalizers", []string{})
	if _, err := c.patch(ctx, o, p); err != nil && !isNotFound(err) {
		return err
	}
	return c.translate(c.fence.pass(ctx)) // the answer to the patch does not tell the revision of the deletion
}

// jsonPatch is a JSON Patch (RFC 6902).
type jsonPatch []jsonPatchOperation

type jsonPatchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func patchOf(tests ...jsonPatchOperation) jsonPatch { return tests }

func testGeneration(o client.Object) jsonPatchOperation {
	return jsonPatchOperation{"test", "/metadata/generation", o.GetGeneration()}
}

func testRevision(o client.Object) jsonPatchOperation {
	return jsonPatchOperation{"test", "/metadata/resourceVersion", o.GetResourceVersion()}
}

func (p jsonPatch) add(op, path string, value any) jsonPatch {
	return append(p, jsonPatchOperation{op, path, value})
}

// annotations makes current's annotations those of next. What is removed is tested first.
func (p jsonPatch) annotations(current, next client.Object) jsonPatch {
	was, is := current.GetAnnotations(), next.GetAnnotations()
	if len(was) == 0 && len(is) > 0 {
		return p.add("add", "/metadata/annotations", is)
	}
	for key, value := range is {
		if old, there := was[key]; !there || old != value {
			p = p.add("add", annotationPath(key), value)
		}
	}
	for key, value := range was {
		if _, stays := is[key]; !stays {
			p = p.add("test", annotationPath(key), value).add("remove", annotationPath(key), nil)
		}
	}
	return p
}

func annotationPath(key string) string {
	return "/metadata/annotations/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
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
	case apierrors.IsConflict(err), isFailedTest(err):
		return errStale
	case apierrors.IsInvalid(err):
		return invalid(err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &scim.Error{Status: http.StatusForbidden, Detail: "this directory is being deleted", Cause: err}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), apierrors.IsBadRequest(err):
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

// isFailedTest recognises a JSON Patch whose test failed: a 422 that names no field.
func isFailedTest(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || details.Kind == "" || len(details.Causes) == 1 && details.Causes[0].Type == metav1.CauseTypeUnexpectedServerResponse
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
