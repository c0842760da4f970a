package server

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// search is POST to .search (RFC 7644 section 3.4.3): a query whose parameters are in the body, where no
// log of URLs has them.
func (s *server) search(c *call) (*answer, error) {
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	q, err := searchRequest(data)
	if err != nil {
		return nil, err
	}
	return s.find(c, q)
}

// searchRequest reads a SearchRequest as the parameters that a URL would have. Others are ignored, as they
// are there.
func searchRequest(data []byte) (query, error) {
	fields, err := schema.ParseObject(data)
	if err != nil {
		return query{}, err
	}
	values := url.Values{}
	for _, name := range []string{"attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"} {
		v := schema.Member(fields, name)
		if v == nil {
			continue
		}
		text, ok := parameter(v)
		if !ok {
			return query{}, scim.BadRequest(scim.InvalidSyntax, "%s must be a string, a number or an array of strings", name)
		}
		values.Set(name, text)
	}
	return query{values}, nil
}

func parameter(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case []any:
		names := make([]string, len(v))
		for i, item := range v {
			if names[i], ok = item.(string); !ok {
				return "", false
			}
		}
		return strings.Join(names, ","), true
	}
	return "", false
}
