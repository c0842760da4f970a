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

// query parses them. A semicolon is a character like any other: http's own parsing would drop a filter
// that has one.
func (c *call) query() (query, error) {
	if c.URL.RawQuery == "" {
		return query{}, nil // as usual
	}
	values, err := url.ParseQuery(strings.ReplaceAll(c.URL.RawQuery, ";", "%3B"))
	if err != nil {
		return query{}, scim.BadRequest(scim.InvalidValue, "the query string is not well-formed: %s", quoted(err.Error()))
	}
	return query{values}, nil
}

// selection is what the client wants to see of a resource (RFC 7644 section 3.9).
func (q query) selection(rt *schema.ResourceType) schema.Selection {
	return schema.Select(rt, strings.Join(q.Values["attributes"], ","), strings.Join(q.Values["excludedAttributes"], ","))
}

// selection is that of a call that has no other parameters.
func (c *call) selection() (schema.Selection, error) {
	q, err := c.query()
	return q.selection(c.rt), err
}

// descending says whether sortOrder asks for that.
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

// omit is what a directory need not fetch for a selection. A version that is asked for by name is made from
// the members, too.
func omit(selected schema.Selection) scim.Omit {
	versioned := selected.Names(schema.Meta, metaVersion)
	return scim.Omit{Members: !selected.Has(schema.Members) && !versioned, Groups: !selected.Has(schema.Groups)}
}

// integer is the value of a parameter, or otherwise if it is not there. What is beyond the range of
// int32 is cut to it: no directory has so many resources.
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
