package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// create handles POST (RFC 7644 section 3.3). It returns the whole resource, because Okta treats a 201 without
// a body as a failure.
func (s *server) create(req *request) (*response, error) {
	selected, err := req.selection()
	if err != nil {
		return nil, err
	}
	data, err := req.body()
	if err != nil {
		return nil, err
	}
	body, err := s.resource(req, data)
	if err != nil {
		return nil, err
	}
	if err := checkChange(req.rt, nil, body.Attributes); err != nil {
		return nil, err
	}
	ctx, err := s.beforeChange(req)
	if err != nil {
		return nil, err
	}
	r, err := req.session.Store.Create(ctx, req.rt, withDefaultActive(req.rt, body.Attributes), body.Members)
	if err != nil {
		return nil, err
	}
	req.record.ID = r.ID
	req.recordEffect(r)
	return s.changedResponse(req, http.StatusCreated, r, selected)
}

// resource reads a body as a valid resource.
func (s *server) resource(req *request, data []byte) (*schema.Body, error) {
	body, err := schema.Decode(req.rt, data)
	if err != nil {
		return nil, err
	}
	req.recordResource(body.Attributes)
	s.logIgnored(req, reasonUnknown, body.Unknown)
	return body, schema.Validate(req.rt, body.Attributes)
}
