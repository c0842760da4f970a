package server

import "net/http"

// remove handles DELETE (RFC 7644 section 3.6).
func (s *server) remove(req *request) (*response, error) {
	if err := req.session.Store.Delete(req.Context(), req.rt, req.id(), req.precondition()); err != nil {
		return nil, err
	}
	return &response{status: http.StatusNoContent}, nil
}
