package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// The schemas of discovery (RFC 7643 sections 5 to 7).
const (
	configURN       = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN       = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// document is a resource of discovery. It does not change while the service runs.
type document map[string]any

// discovery returns the routes of RFC 7644 section 4. They need no credentials, so that a client can learn
// which ones to send.
func (s *server) discovery() []route {
	var types, schemas []document
	for _, rt := range schema.ResourceTypes {
		types = append(types, s.resourceType(rt))
	}
	for _, published := range schema.Published {
		schemas = append(schemas, s.schema(published))
	}
	return []route{
		open("/ServiceProviderConfig", static(s.serviceProviderConfig())),
		open("/ResourceTypes", unfiltered(static(listOf(types)))),
		open("/ResourceTypes/{id}", oneOf("ResourceType", types)),
		open("/Schemas", unfiltered(static(listOf(schemas)))),
		open("/Schemas/{id}", oneOf("Schema", schemas)),
	}
}

func open(pattern string, get endpoint) route {
	return route{pattern: pattern, methods: map[string]action{http.MethodGet: {OperationDiscovery, get, true}}}
}

// static serves one document. As with any single resource, a filter has no meaning and is ignored.
func static(d document) endpoint {
	body := encodeDocument(d)
	return func(*request) (*response, error) { return &response{status: http.StatusOK, body: body}, nil }
}

// unfiltered serves a list that cannot be filtered. It refuses a filter, as RFC 7644 section 4 requires.
func unfiltered(list endpoint) endpoint {
	return func(req *request) (*response, error) {
		if req.URL.Query().Has("filter") {
			return nil, &scim.Error{Status: http.StatusForbidden, Detail: req.pattern + " cannot be filtered"}
		}
		return list(req)
	}
}

// oneOf serves the document of the id in the path, in any letter case, because letter case does not matter in
// URNs.
func oneOf(kind string, documents []document) endpoint {
	endpoints := map[string]endpoint{}
	for _, d := range documents {
		endpoints[strings.ToLower(fmt.Sprint(d["id"]))] = static(d)
	}
	return func(req *request) (*response, error) {
		if do := endpoints[strings.ToLower(req.id())]; do != nil {
			return do(req)
		}
		return nil, scim.NotFound(kind, req.id())
	}
}

func listOf(documents []document) document {
	return document{
		"schemas":      []string{listURN},
		"totalResults": len(documents),
		"startIndex":   1,
		"itemsPerPage": len(documents),
		"Resources":    documents,
	}
}

// serviceProviderConfig returns the features of this service (RFC 7643 section 5).
func (s *server) serviceProviderConfig() document {
	no, yes := document{"supported": false}, document{"supported": true}
	return document{
		"schemas":        []string{configURN},
		"patch":          yes,
		"bulk":           document{"supported": true, "maxOperations": s.Limits.BulkOperations, "maxPayloadSize": s.Limits.BulkBody},
		"filter":         document{"supported": true, "maxResults": s.Limits.MaxCount},
		"changePassword": no,
		"sort":           yes,
		"pagination": document{ // RFC 9865 section 4; cursors do not expire
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": s.Limits.Count, "maxPageSize": s.Limits.MaxCount,
		},
		"etag": yes,
		"authenticationSchemes": []document{{
			"type":        "oauthbearertoken",
			"name":        "Bearer token",
			"description": "Authorization: Bearer, with the token of a SCIM credential",
			"specUri":     "https://www.rfc-editor.org/rfc/rfc6750",
			"primary":     true,
		}},
		"meta": s.metaOf("ServiceProviderConfig", "/ServiceProviderConfig"),
	}
}

func (s *server) resourceType(rt *schema.ResourceType) document {
	extensions := []document{}
	for _, e := range rt.Extensions {
		extensions = append(extensions, document{"schema": e.Schema.ID, "required": e.Required})
	}
	return document{
		"schemas":          []string{resourceTypeURN},
		"id":               rt.Name,
		"name":             rt.Name,
		"endpoint":         rt.Endpoint,
		"description":      rt.Description,
		"schema":           rt.Schema.ID,
		"schemaExtensions": extensions,
		"meta":             s.metaOf("ResourceType", "/ResourceTypes/"+rt.Name),
	}
}

func (s *server) schema(d *schema.Schema) document {
	return document{
		"schemas":     []string{schemaURN},
		"id":          d.ID,
		"name":        d.Name,
		"description": d.Description,
		"attributes":  d.Attributes,
		"meta":        s.metaOf("Schema", "/Schemas/"+d.ID),
	}
}

func (s *server) metaOf(resourceType, path string) document {
	return document{"resourceType": resourceType, "location": s.BaseURL + path}
}

func encodeDocument(d document) []byte {
	body, err := json.Marshal(d)
	if err != nil {
		panic(err) // documents have only strings, numbers, booleans, arrays and schemas
	}
	return body
}
