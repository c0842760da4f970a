package scimauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// recordedStore is a Store whose writes are recorded if the switch is turned off while they are under way, and they are
// refused with 403 for that.
type recordedStore struct {
	scim.Store
	recorded     func(method, path string)
	method, path string // of the request, or of the operation of a bulk request that is carried out
}

// Create is part of scim.Store.
func (s *recordedStore) Create(ctx context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*scim.Resource, error) {
	r, err := s.Store.Create(ctx, rt, attributes, members)
	return r, s.record(err)
}

// Update is part of scim.Store.
func (s *recordedStore) Update(ctx context.Context, rt *schema.ResourceType, id string, change scim.Change) (*scim.Resource, error) {
	r, err := s.Store.Update(ctx, rt, id, change)
	return r, s.record(err)
}

// Delete is part of scim.Store.
func (s *recordedStore) Delete(ctx context.Context, rt *schema.ResourceType, id string, precondition scim.Precondition) (*scim.Resource, error) {
	r, err := s.Store.Delete(ctx, rt, id, precondition)
	return r, s.record(err)
}

func (s *recordedStore) record(err error) error {
	var refused *scim.Error
	if errors.As(err, &refused) && refused.Status == http.StatusForbidden && refused.Reason != "" {
		s.recorded(s.method, s.path)
	}
	return err
}
