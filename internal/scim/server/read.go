package server

import "net/http"

// read is GET of one resource (RFC 7644 section 3.4.1).
func (s *server) read(c *call) (*answer, error) {
	selected, err := c.selection()
	if err != nil {
		return nil, err
	}
	r, err := c.session.Directory.Get(c.Context(), c.rt, c.id(), omit(selected))
	if err != nil {
		return nil, err
	}
	c.about(r.Attributes)
	if v := version(r); v != "" && named(c.Header.Values("If-None-Match"), v) {
		return (&answer{status: http.StatusNotModified}).set("ETag", v).set("Content-Location", s.location(c.rt, r.ID)), nil
	}
	return s.show(http.StatusOK, r, selected), nil
}
