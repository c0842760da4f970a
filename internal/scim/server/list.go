package server

import (
	"net/http"
	"strconv"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// listURN is the schema of a page (RFC 7644 section 3.4.2).
const listURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

// list is GET of many (RFC 7644 section 3.4.2). sortBy is ignored, as a service may that announces that
// it does not sort (section 3.4.2.3).
func (s *server) list(c *call) (*answer, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	selected := q.selection(c.rt)
	wanted, err := s.wanted(c.rt, q)
	if err != nil {
		return nil, err
	}
	wanted.Omit = omit(selected)
	page, err := c.session.Directory.List(c.Context(), c.rt, wanted)
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: s.encodePage(page, wanted.StartIndex, selected)}, nil
}

// wanted is the page that is asked for. A startIndex below 1 is 1, a negative count 0 (RFC 7644 section
// 3.4.2.4), and a count above the limit is the limit, as section 3.4.2 allows.
func (s *server) wanted(rt *schema.ResourceType, q query) (wanted scim.Query, err error) {
	if wanted.StartIndex, err = q.integer("startIndex", 1); err != nil {
		return wanted, err
	}
	if wanted.Count, err = q.integer("count", s.Limits.Count); err != nil {
		return wanted, err
	}
	wanted.StartIndex = max(wanted.StartIndex, 1)
	wanted.Count = min(max(wanted.Count, 0), s.Limits.MaxCount)
	if q.Get("filter") != "" {
		wanted.Filter, err = filter.Parse(rt, q.Get("filter"))
	}
	return wanted, err
}

// encodePage is a ListResponse. Resources is there even when it is empty: some clients take its absence
// for an error.
func (s *server) encodePage(page *scim.Page, startIndex int, selected schema.Selection) []byte {
	body := append([]byte(nil), `{"schemas":["`+listURN+`"],"totalResults":`...)
	body = strconv.AppendInt(body, int64(page.Total), 10)
	body = strconv.AppendInt(append(body, `,"startIndex":`...), int64(startIndex), 10)
	body = strconv.AppendInt(append(body, `,"itemsPerPage":`...), int64(len(page.Resources)), 10)
	body = append(body, `,"Resources":[`...)
	for i, r := range page.Resources {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.appendResource(body, r, version(r), selected)
	}
	return append(body, "]}"...)
}
