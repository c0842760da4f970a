package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// remove handles DELETE (RFC 7644 section 3.6).
func (s *server) remove(req *request) (*response, error) {
	ctx, err := s.beforeChange(req)
	if err != nil {
		return nil, err
	}
	r, err := req.delete(ctx)
	if err != nil {
		return nil, err
	}
	req.recordResource(r.Attributes)
	req.record.Effects = []Effect{EffectDeleted}
	if req.rt == schema.User {
		req.record.Effects = []Effect{EffectDeprovisioned}
	}
	return &response{status: http.StatusNoContent}, nil
}
