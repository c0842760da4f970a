package scimauth

import (
	"context"
	"errors"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// recordedStore is a Store whose writes are recorded if they are refused because the switch was turned off while they were under
// way, also those of which a part is stored.
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

// notServed are the reasons of a refusal that not every identity provider repeats.
var notServed = []string{ReasonSwitchedOff, ReasonNoDirectory, ReasonNotSelected}

func (s *recordedStore) record(err error) error {
	var refused *scim.Error
	if errors.As(err, &refused) && slices.Contains(notServed, refused.Reason) {
		s.recorded(s.method, s.path)
	}
	return err
}
