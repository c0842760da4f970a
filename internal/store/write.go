package store

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// write stores spec and annotations of next in the place of current, and nothing else. Its precondition is the
// generation, so that a status that was written in between is no conflict.
func (c *collection[T]) write(ctx context.Context, current, next T) (T, error) {
	c.stamp(next)
	precondition := jsonpatch.Patch{}.TestUID(current).TestGeneration(current)
	if len(current.GetAnnotations()) == 0 {
		precondition = jsonpatch.Patch{}.TestRevision(current) // the annotations are written whole
	}
	return c.patch(ctx, current, precondition.Replace("/spec", c.spec(next)).Annotations(current, next))
}

// patch applies a JSON patch to the object, and returns what it is then.
func (c *collection[T]) patch(ctx context.Context, current T, p jsonpatch.Patch) (T, error) {
	o := c.newObject()
	o.SetNamespace(current.GetNamespace())
	o.SetName(current.GetName())
	encoded, err := p.Encode()
	if err != nil {
		return o, err
	}
	err = c.Client.Patch(ctx, o, encoded)
	if apierrors.IsNotFound(err) {
		return o, scim.NotFound(c.resource.Name, current.GetName())
	}
	return o, toSCIMError(err)
}

// create creates an object, and returns it as stored. If the outcome is unknown it reads the object back, so that a
// request that the API server has carried out is acknowledged. The error is the API server's.
func (c *collection[T]) create(ctx context.Context, o T) (T, error) {
	created := c.copy(o)
	err := c.Client.Create(ctx, created)
	if err == nil || !isOutcomeUnknown(err) {
		return created, err
	}
	stored := c.newObject()
	if c.Client.Get(ctx, client.ObjectKeyFromObject(o), stored) == nil && equality.Semantic.DeepEqual(c.spec(stored), c.spec(o)) {
		return stored, nil
	}
	return created, err
}

// stamp makes an object's meta.lastModified now.
func (c *collection[T]) stamp(o T) {
	annotate(o, v1alpha1.AnnotationLastModified, c.Now().UTC().Format(time.RFC3339Nano))
}

// annotate sets an annotation.
func annotate(o client.Object, key, value string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	o.SetAnnotations(annotations)
}

// lastModified returns SCIM's meta.lastModified: until an object is modified, its creation time (RFC 7643 section 3.1).
func lastModified(o client.Object) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, o.GetAnnotations()[v1alpha1.AnnotationLastModified]); err == nil {
		return at
	}
	return o.GetCreationTimestamp().Time
}
