package server

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// search handles POST to .search (RFC 7644 section 3.4.3): a query with its parameters in the body, so that
// they do not appear in logs of URLs.
func (s *server) search(req *request) (*response, error) {
	data, err := req.body()
	if err != nil {
		return nil, err
	}
	q, err := searchRequest(data)
	if err != nil {
		return nil, err
	}
	return s.listResponse(req, q)
}

// searchRequest reads a SearchRequest as the parameters that a URL would have. Other members are ignored, as
// other parameters of a URL are.
func searchRequest(data []byte) (query, error) {
	fields, err := schema.ParseObject(data)
	if err != nil {
		return query{}, err
	}
	values := url.Values{}
	for _, name := range []string{"attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"} {
		v, _ := schema.JSONMember(fields, name)
		if v == nil {
			continue
		}
		text, ok := parameterText(v)
		if !ok {
			return query{}, scim.BadRequest(scim.InvalidSyntax, "%s must be a string, a number or an array of strings", name)
		}
		values.Set(name, text)
	}
	return query{values}, nil
}

func parameterText(v any) (text string, ok bool) {
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
