// Package server is the HTTP side of a SCIM 2.0 service provider (RFC 7644) over any scim.Store.
//
//	server.go          routes, and the steps of a request: authenticate, run, observe, write
//	operation.go       operations, as the routes declare them
//	options.go         configuration
//	limits.go          bounds of one request
//	load.go            bounds of concurrent requests
//	query.go           parameters of the URL
//	body.go            the body of a request
//	pace.go            the minimum rate at which a body arrives
//	negotiate.go       media types
//	create.go, read.go, list.go, replace.go, modify.go, remove.go, bulk.go   one operation each
//	bulkid.go          references between the operations of a bulk request
//	search.go          lists whose parameters are in the body
//	cursor.go          pages by cursor
//	active.go          defaults of the attribute active
//	deactivate.go      the deactivation in a request that is refused
//	effect.go          what a request has changed, for the observer
//	trace.go           which requests are traced
//	unknown.go         the log of ignored attributes
//	response.go        writing of responses
//	buffer.go          buffers of responses
//	representation.go  resources as JSON
//	version.go         entity tags
//	scan.go            work that costs as much as a scan
//	size.go            the size of a resource
//	discovery.go       /ServiceProviderConfig, /ResourceTypes, /Schemas
//	errors.go          conversion of errors to SCIM errors
package server

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// New returns the service. It handles every path, also outside its prefix, and each of its errors is a SCIM
// error (RFC 7644 section 3.12). The caller provides TLS, timeouts and the listener.
func New(options Options) http.Handler {
	s := &server{Options: options.withDefaults(), load: newLoad()}
	s.mux = s.routes()
	return s
}

type server struct {
	Options
	mux        *http.ServeMux
	bulkRoutes []route // the routes of operations in a bulk request
	unknown    unknown
	load       *load
}

// endpoint handles the requests of one method of a route.
type endpoint func(*request) (*response, error)

// route is a path and the methods that it supports.
type route struct {
	pattern string               // below the prefix, in the form of http.ServeMux; empty for unknown paths
	rt      *schema.ResourceType // nil for discovery and at the root
	methods map[string]action    // the only place that declares which request is which operation
	maxBody int64                // in bytes
}

// request is one request in progress.
type request struct {
	*http.Request
	route
	action
	session  Session
	record   Record
	slot     slot
	bodyRead bool // the whole body has been read
	limits   *Limits
	meter    *filter.Meter // of the filters in the paths of a PATCH; nil until comparisons is called
}

func (s *server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	s.bulkRoutes = slices.Concat(s.resources(schema.User, s.Limits.UserBody), s.resources(schema.Group, s.Limits.GroupBody))
	known := slices.Concat(s.discovery(), s.root(), s.searches(), s.bulkRoutes)
	for _, r := range append(known, unsupported...) {
		mux.HandleFunc(cmp.Or(s.Prefix+strings.TrimSuffix(r.pattern, "/"), "/{$}"), s.handler(r))
	}
	mux.HandleFunc("/", s.handler(route{}))
	return mux
}

// root returns the routes that are about resources of all types.
func (s *server) root() []route {
	return []route{
		{pattern: "/", methods: map[string]action{
			http.MethodGet: {operation: OperationQuery, do: s.list},
		}},
		{pattern: "/Bulk", maxBody: s.Limits.BulkBody, methods: map[string]action{
			http.MethodPost: {operation: OperationBulk, do: s.bulk},
		}},
	}
}

// searches returns the routes of POST to .search, at the root and for each type.
func (s *server) searches() []route {
	methods := map[string]action{http.MethodPost: {operation: OperationQuery, do: s.search}}
	routes := []route{{pattern: "/.search", maxBody: s.Limits.UserBody, methods: methods}}
	for _, rt := range schema.ResourceTypes {
		routes = append(routes, route{pattern: rt.Endpoint + "/.search", rt: rt, maxBody: s.Limits.UserBody, methods: methods})
	}
	return routes
}

// resources returns the routes of one type of resource.
func (s *server) resources(rt *schema.ResourceType, maxBody int64) []route {
	return []route{
		{pattern: rt.Endpoint, rt: rt, maxBody: maxBody, methods: map[string]action{
			http.MethodGet:  {operation: OperationQuery, do: s.list},
			http.MethodPost: {operation: OperationCreate, do: s.create},
		}},
		{pattern: rt.Endpoint + "/{id}", rt: rt, maxBody: maxBody, methods: map[string]action{
			http.MethodGet:    {operation: OperationRead, do: s.read},
			http.MethodPut:    {operation: OperationReplace, do: s.replace},
			http.MethodPatch:  {operation: OperationModify, do: s.modify},
			http.MethodDelete: {operation: OperationDelete, do: s.remove},
		}},
	}
}

// unsupported are paths of RFC 7644 that this service does not serve. It returns 501 (section 3.11), because a
// 404 would look like a wrong base URL.
var unsupported = []route{
	{pattern: "/Me", methods: everyMethod(action{OperationUnknown, refuseOperation, true})},
}

func everyMethod(a action) map[string]action {
	return map[string]action{
		http.MethodGet: a, http.MethodPost: a, http.MethodPut: a, http.MethodPatch: a, http.MethodDelete: a,
	}
}

// ServeHTTP cleans the path before it is routed. A base URL that was entered with a trailing slash yields
// //Users, to which http.ServeMux would respond with a redirect in HTML.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if cleaned := cleanPath(r.URL.Path); cleaned != r.URL.Path || r.URL.RawPath != "" {
		changed := *r
		changed.URL = &url.URL{Path: cleaned, RawQuery: r.URL.RawQuery}
		r = &changed
	}
	s.mux.ServeHTTP(w, r)
}

// cleanPath returns an absolute path without repeated and trailing slashes.
func cleanPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return path.Clean(p)
}

// handler returns the handler of a route: it authenticates the request, runs its endpoint, observes and writes
// the response.
func (s *server) handler(r route) http.HandlerFunc {
	return func(w http.ResponseWriter, httpReq *http.Request) {
		req := s.newRequest(httpReq, r, r.action(httpReq.Method))
		req.record.RequestID = s.NewRequestID()
		defer req.slot.release()
		defer s.endTrace(req)
		s.pace(req, w)
		resp := s.respond(req, func(req *request) (*response, error) {
			refused := s.authenticate(req)
			req.slot = s.load.acquire(req.session.Directory)
			refused = cmp.Or(refused, req.slot.checkInFlight())
			s.beginTrace(req, refused)
			if refused != nil {
				return nil, refused
			}
			return req.do(req)
		})
		if req.slot.hasTooManyUnanswered() {
			panic(http.ErrAbortHandler)
		}
		req.releaseConnection(w, resp)
		resp.write(w, req)
		if req.ProtoMajor == 2 { // otherwise a short response is sent after the slot has been released
			_ = http.NewResponseController(w).Flush() // fails if the client has closed the connection
		}
	}
}

// restTimeout is how long a client has to send the rest of a refused request's body. If it does, its connection
// is kept for the next request.
const restTimeout = time.Second

// releaseConnection keeps a client from holding a connection with a refused request. net/http reads the rest
// of an unread body for as long as a whole request may take, so that the deadline is moved forward. An HTTP/2
// connection could carry any number of failing requests, so that it is closed if its credential is refused, as
// kube-apiserver does.
func (req *request) releaseConnection(w http.ResponseWriter, resp *response) {
	if req.ContentLength != 0 && !req.bodyRead {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(restTimeout)) // fails for a test's recorder
	}
	isSlow := resp.status == http.StatusRequestTimeout
	if req.ProtoMajor == 2 && resp.status == http.StatusUnauthorized || isSlow {
		resp.set("Connection", "close")
	}
}

func (s *server) newRequest(httpReq *http.Request, r route, a action) *request {
	req := &request{Request: httpReq, route: r, action: a, limits: &s.Limits, record: Record{
		Operation: a.operation,
		Method:    httpReq.Method,
		Route:     r.pattern,
		ID:        httpReq.PathValue("id"),
		Remote:    httpReq.RemoteAddr,
		UserAgent: httpReq.UserAgent(),
	}}
	if r.rt != nil {
		req.record.ResourceType = r.rt.Name
	}
	return req
}

// respond runs an endpoint, turns its error or panic into a response, and calls the observer.
func (s *server) respond(req *request, do endpoint) *response {
	started := s.Now()
	resp, err := runEndpoint(req, do)
	if err != nil {
		resp = s.errorResponse(req, err)
	}
	req.record.Status = resp.status
	req.record.Duration = s.Now().Sub(started)
	if s.Observe != nil {
		s.Observe(req.record)
	}
	return resp
}

func runEndpoint(req *request, do endpoint) (resp *response, err error) {
	defer recoverPanic(&err)
	return do(req)
}

func (s *server) authenticate(req *request) error {
	if req.open && req.Header.Get("Authorization") == "" {
		return nil
	}
	session, err := s.Authenticate(req.Request)
	req.record.Subject, req.session.Directory = session.Subject, session.Directory
	if err != nil {
		if status := statusOf(err); req.open && status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
			return nil
		}
		return err
	}
	req.session = session
	return nil
}

// comparisons returns the meter of the filters in the paths of a PATCH, which the operations of a bulk request share.
func (req *request) comparisons() *filter.Meter {
	if req.meter == nil {
		req.meter = filter.NewMeter(req.Context(), limits.FilterComparisons)
	}
	return req.meter
}

func (req *request) id() string { return req.PathValue("id") }

// recordResource records for the observer which resource the request is about.
func (req *request) recordResource(attributes schema.Object) {
	req.record.Name = cmp.Or(attributes.String(schema.UserName), attributes.String(schema.GroupDisplayName))
	req.record.ExternalID = attributes.String(schema.ExternalID)
}

func refusePath(req *request) (*response, error) {
	return nil, &scim.Error{
		Status: http.StatusNotFound,
		Detail: quoted(req.URL.Path) + " does not exist; check the base URL in the identity provider's settings",
	}
}

func refuseOperation(req *request) (*response, error) {
	return nil, &scim.Error{
		Status: http.StatusNotImplemented,
		Detail: req.pattern + " is not supported; /ServiceProviderConfig lists the supported operations",
	}
}

func refuseMethod(req *request) (*response, error) {
	allowed := slices.Sorted(maps.Keys(req.methods))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	return nil, &methodNotAllowed{allow: strings.Join(allowed, ", "), method: shortened(req.Method, limits.Quoted), pattern: req.pattern}
}
