package server

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// query is the parameters of a request.
type query struct{ url.Values }

// query parses the parameters. A semicolon is an ordinary character: the parsing of net/http would drop a
// filter that contains one.
func (req *request) query() (query, error) {
	if req.URL.RawQuery == "" {
		return query{}, nil // most requests have no parameters
	}
	values, err := url.ParseQuery(strings.ReplaceAll(req.URL.RawQuery, ";", "%3B"))
	if err != nil {
		return query{}, scim.BadRequest(scim.InvalidValue, "the query string is not well-formed: %s", quoted(err.Error()))
	}
	return query{values}, nil
}

// selection returns the attributes that the client selects (RFC 7644 section 3.9).
func (q query) selection(rt *schema.ResourceType) schema.Selection {
	return schema.ParseSelection(rt, strings.Join(q.Values["attributes"], ","), strings.Join(q.Values["excludedAttributes"], ","))
}

// selection parses the parameters of a request of which only the selection matters.
func (req *request) selection() (schema.Selection, error) {
	q, err := req.query()
	return q.selection(req.rt), err
}

// descending reports whether sortOrder is descending.
func (q query) descending() (bool, error) {
	switch order := q.Get("sortOrder"); strings.ToLower(order) {
	case "", "ascending":
		return false, nil
	case "descending":
		return true, nil
	default:
		return false, scim.BadRequest(scim.InvalidValue, "sortOrder must be ascending or descending, not %s", quoted(order))
	}
}

// omission returns what the store need not fetch for a selection. A version that the client names needs the
// members.
func omission(selected schema.Selection) scim.Omit {
	versioned := selected.Names(schema.Meta, metaVersion)
	return scim.Omit{Members: !selected.Has(schema.Members) && !versioned, Groups: !selected.Has(schema.Groups)}
}

// integer returns the value of a parameter, or otherwise if it is absent. A value beyond the range of int32
// becomes the nearest in the range, because no list is as long.
func (q query) integer(name string, otherwise int) (int, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 32)
	if err != nil && n != math.MaxInt32 && n != math.MinInt32 {
		return 0, scim.BadRequest(scim.InvalidValue, "%s must be an integer, not %s", name, quoted(q.Get(name)))
	}
	return int(n), nil
}
