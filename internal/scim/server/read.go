package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// read handles GET of one resource (RFC 7644 section 3.4.1).
func (s *server) read(req *request) (*response, error) {
	selected, err := req.selection()
	if err != nil {
		return nil, err
	}
	r, err := req.session.Store.Get(req.Context(), req.rt, req.id(), omission(selected))
	if err != nil {
		return nil, err
	}
	req.recordResource(r.Attributes)
	rep, err := s.readResource(req, r)
	if err != nil {
		return nil, err
	}
	if tags := req.Header.Values("If-None-Match"); len(tags) > 0 && rep.version != "" && matchesTag(tags, rep.version) {
		return s.notModified(r, rep.version), nil
	}
	return s.resourceResponse(req, http.StatusOK, rep, selected), nil
}

func (s *server) notModified(r *scim.Resource, v string) *response {
	resp := &response{status: http.StatusNotModified}
	resp.set("Etag", v)
	resp.set("Content-Location", s.location(r.Type, r.ID))
	return resp
}
