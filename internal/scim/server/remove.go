package server

import "net/http"

// remove is DELETE (RFC 7644 section 3.6).
func (s *server) remove(c *call) (*answer, error) {
	if err := c.session.Store.Delete(c.Context(), c.rt, c.id(), c.precondition()); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent}, nil
}
