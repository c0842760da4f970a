package store

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// write stores spec and annotations of next in the place of current, and nothing else. Its precondition is the
// generation, so that a status that was written in between is no conflict.
func (c *collection[T]) write(ctx context.Context, current, next T) (T, error) {
	now := c.Now()
	if c.isShown == nil || c.isShown(current, next) {
		policy.SetLastModified(next, now)
	}
	if c.onlyWithholds == nil || !c.onlyWithholds(current, next) {
		setLastChange(ctx, next, now)
	}
	p := jsonpatch.Patch{}.TestUID(current).TestGeneration(current).Replace("/spec", c.spec(next))
	return c.patch(ctx, current, p.Annotations(current, next))
}

// patch applies a JSON patch to the object, and returns what it is then. Its error wraps errOutcomeUnknown if the patch may
// have been applied all the same.
func (c *collection[T]) patch(ctx context.Context, current T, p jsonpatch.Patch) (T, error) {
	o := c.newObject()
	o.SetNamespace(current.GetNamespace())
	o.SetName(current.GetName())
	err := c.Client.Patch(ctx, o, p)
	switch {
	case apierrors.IsNotFound(err):
		return o, scim.NotFound(c.resource.Name, current.GetName())
	case jsonpatch.Failed(err) && !policyNotReady(err):
		return o, errStale
	case err != nil && isOutcomeUnknown(err):
		err = fmt.Errorf("%w: %w", errOutcomeUnknown, err)
	}
	return o, toSCIMError(err)
}

// create creates an object, and returns it as stored. If the outcome is unknown it reads the object back, so that a
// request that the API server has carried out is acknowledged. The error is the API server's.
func (c *collection[T]) create(ctx context.Context, o T) (T, error) {
	created := c.copy(o)
	setLastChange(ctx, created, c.Now())
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
