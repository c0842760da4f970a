package nameclaim

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Create acquires the name for id and then calls create, which creates the object of that id. If the API server has
// refused the object, the claim is released. create must make one attempt only, or return the error of an attempt
// whose outcome is unknown: the object may be stored later, and its claim must still be there then. create must read an
// object back that exists already: it may be its own.
func (c *Claims) Create(ctx context.Context, name Name, id string, create func(Acquired) error) error {
	acquired, err := c.Acquire(ctx, name, id)
	if err != nil {
		return err
	}
	err = create(acquired)
	if isRefused(err) {
		_ = c.Release(ctx, acquired.CloudSSONameClaim) // one that stays is taken over within a minute
	}
	return err
}

// Rename acquires the new name for id, calls write, which gives the object the new name, and releases the old name.
// If write fails the new claim stays: it may be another request's for the same object, and is taken over within a
// minute if it is not.
func (c *Claims) Rename(ctx context.Context, from, to Name, id string, write func() error) error {
	old, err := c.HeldBy(ctx, from, id)
	if err != nil {
		return err
	}
	if _, err := c.Acquire(ctx, to, id); err != nil {
		return err
	}
	return c.thenRelease(ctx, old, write)
}

// Delete calls remove, which makes the object of that id cease to be live, and then releases the name. Use it where
// the object goes for good; a user that is deprovisioned keeps its claim.
func (c *Claims) Delete(ctx context.Context, name Name, id string, remove func() error) error {
	held, err := c.HeldBy(ctx, name, id)
	if err != nil {
		return err
	}
	return c.thenRelease(ctx, held, remove)
}

// thenRelease releases a claim, as it was read before, after write has succeeded.
func (c *Claims) thenRelease(ctx context.Context, claim *v1alpha1.CloudSSONameClaim, write func() error) error {
	if err := write(); err != nil {
		return err
	}
	_ = c.Release(ctx, claim) // one that stays is taken over within a minute
	return nil
}

// Release deletes a claim if it is still what was read. A claim that has changed since, or is gone, is left as it is:
// another request has acquired it, or its holder has refreshed it. A nil claim is no claim.
func (c *Claims) Release(ctx context.Context, claim *v1alpha1.CloudSSONameClaim) error {
	if claim == nil {
		return nil
	}
	expected := client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion}
	err := c.client.Delete(ctx, claim.DeepCopy(), expected)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("deleting CloudSSONameClaim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	return nil
}

// isRefused reports whether the API server has said that it did not store the object, and never will.
func isRefused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	if apierrors.IsAlreadyExists(err) { // of an object of another request, because create reads its own back
		return true
	}
	if apierrors.IsConflict(err) { // at the counter of a quota: admission ends before the object is stored
		return true
	}
	switch status.Status().Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}
