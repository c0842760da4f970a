package server

import (
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// read is GET of one resource (RFC 7644 section 3.4.1).
func (s *server) read(c *call) (*answer, error) {
	selected, err := c.selection()
	if err != nil {
		return nil, err
	}
	r, err := c.session.Store.Get(c.Context(), c.rt, c.id(), omit(selected))
	if err != nil {
		return nil, err
	}
	c.about(r.Attributes)
	if tags := c.Header.Values("If-None-Match"); len(tags) > 0 {
		if v := version(r); v != "" && named(tags, v) {
			return s.notModified(r, v), nil
		}
	}
	return s.show(http.StatusOK, r, selected), nil
}

func (s *server) notModified(r *scim.Resource, v string) *answer {
	a := &answer{status: http.StatusNotModified}
	a.set("Etag", v)
	a.set("Content-Location", s.location(r.Type, r.ID))
	return a
}
