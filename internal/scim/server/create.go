package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// create is POST (RFC 7644 section 3.3). It answers with the whole resource: Okta takes a 201 without a
// body for a failure.
func (s *server) create(c *call) (*answer, error) {
	selected, err := c.selection()
	if err != nil {
		return nil, err
	}
	body, err := s.resource(c)
	if err != nil {
		return nil, err
	}
	r, err := c.session.Store.Create(c.Context(), c.rt, activated(c.rt, body.Attributes), body.Members)
	if err != nil {
		return nil, err
	}
	c.record.ID = r.ID
	return s.show(http.StatusCreated, r, selected), nil
}

// resource is the body as a valid resource.
func (s *server) resource(c *call) (*schema.Body, error) {
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	body, err := schema.Decode(c.rt, data)
	if err != nil {
		return nil, err
	}
	c.about(body.Attributes)
	s.ignored(c, body.Unknown)
	return body, schema.Validate(c.rt, body.Attributes)
}
